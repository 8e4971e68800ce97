//! Every route, once: its site, its method, its path, who may call it, and what answers.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use tower::ServiceExt as _;

use crate::ask::{App, Ask};
use crate::callers::{Caller, OwnAdministrator, SignedIn, Supplier, TenantAdministrator, Visitor};
use crate::desk::Desk;
use crate::guard;
use crate::pages::problem::Problem;
use crate::pages::{
    account, approvals, assets, backups, checks, drills, entry, log, overview, packs, people,
    reports, restore, second_factor, sharing, sign_in, statement, status, subject, support,
    tenants, timing, trail, unusual,
};
use crate::service::{Service, Site};

/// The most a form may hold, in bytes; the largest has a dozen short fields.
const LARGEST_FORM: usize = 16 * 1_024;

/// One line of the permission table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The site.
    pub site: Site,
    /// `GET` (which answers `HEAD` too) or `POST`.
    pub method: &'static str,
    /// The path, with its parts in braces.
    pub path: &'static str,
    /// The type that the handler demands.
    pub caller: &'static str,
}

macro_rules! routes {
    ($($site:ident $method:ident $path:literal $caller:ident => $handler:path;)*) => {
        /// The permission table, from the same lines that the router is built from.
        pub const ROUTES: &[Route] = &[$(Route {
            site: Site::$site,
            method: stringify!($method),
            path: $path,
            caller: stringify!($caller),
        },)*];

        fn mount(site: Site) -> Router<Arc<App>> {
            let mut router = Router::new();
            $(if site == Site::$site {
                let handler = |who: $caller, ask: Ask| async move {
                    let app = Arc::clone(&ask.app);
                    $handler(who, ask)
                        .await
                        .unwrap_or_else(|problem| problem.page(&app.service, &Caller::Unknown))
                };
                router = router.route($path, on(MethodFilter::$method, handler));
            })*
            router
        }
    };
}

routes! {
    Statement GET  "/"                     Visitor => statement::page;
    Statement GET  "/statement.json"       Visitor => statement::json;
    Statement GET  "/statement.md"         Visitor => statement::markdown;
    Statement GET  "/coverage/{set}"       Visitor => statement::coverage;
    Statement GET  "/log/{*path}"          Visitor => log::resource;
    Statement GET  "/.avouch/avouch.css"   Visitor => assets::stylesheet;
    Statement GET  "/.avouch/icon.svg"     Visitor => assets::icon;

    SignIn    GET  "/"                     Visitor => sign_in::form;
    SignIn    POST "/"                     Visitor => sign_in::attempt;
    SignIn    POST "/second"               Visitor => second_factor::half::finish;
    SignIn    POST "/second/offer"         Visitor => second_factor::half::offer;
    SignIn    POST "/second/confirm"       Visitor => second_factor::half::confirm;
    SignIn    GET  "/done"                 Visitor => sign_in::done;
    SignIn    GET  "/.avouch/avouch.css"   Visitor => assets::stylesheet;
    SignIn    GET  "/.avouch/icon.svg"     Visitor => assets::icon;

    Console   GET  "/"                     TenantAdministrator => overview::page;
    Console   GET  "/account"              SignedIn => account::page;
    Console   GET  "/account/second-factor"         SignedIn => second_factor::page;
    Console   POST "/account/second-factor"         SignedIn => second_factor::offer;
    Console   POST "/account/second-factor/confirm" SignedIn => second_factor::confirm;
    Console   POST "/account/second-factor/codes"   SignedIn => second_factor::codes;
    Console   POST "/account/second-factor/remove"  SignedIn => second_factor::remove;
    Console   GET  "/account/confirm"      SignedIn => second_factor::ask_again;
    Console   POST "/account/confirm"      SignedIn => second_factor::shown_again;
    Console   GET  "/people"               TenantAdministrator => people::list;
    Console   GET  "/people/new"           TenantAdministrator => people::new;
    Console   POST "/people"               TenantAdministrator => people::add;
    Console   GET  "/people/{id}"          TenantAdministrator => people::show;
    Console   POST "/people/{id}/disable"  TenantAdministrator => people::disable;
    Console   POST "/people/{id}/reset"    TenantAdministrator => people::reset;
    Console   GET  "/people/{id}/locality" TenantAdministrator => people::locality::form;
    Console   POST "/people/{id}/locality" TenantAdministrator => people::locality::set;
    Console   POST "/people/{id}/second-factor"    TenantAdministrator => people::remove_factor;
    Console   GET  "/support"              SignedIn => support::page;
    Console   POST "/support"              SignedIn => support::report;
    Console   GET  "/support/{number}"     Supplier => support::answering;
    Console   POST "/support/{number}"     Supplier => support::answer;
    Console   GET  "/status"               Supplier => status::list;
    Console   GET  "/status/new"           Supplier => status::new;
    Console   POST "/status"               Supplier => status::tell;
    Console   GET  "/status/{number}"      Supplier => status::show;
    Console   POST "/status/{number}"      Supplier => status::update;
    Console   GET  "/tenants"              Supplier => tenants::list;
    Console   GET  "/trail"                TenantAdministrator => trail::search;
    Console   POST "/trail/proofs"         TenantAdministrator => trail::proofs;
    Console   GET  "/unusual"              OwnAdministrator => unusual::list;
    Console   GET  "/unusual/{number}"     OwnAdministrator => unusual::show;
    Console   POST "/unusual/{number}"     OwnAdministrator => unusual::look;
    Console   GET  "/sharing"              OwnAdministrator => sharing::page;
    Console   POST "/sharing"              OwnAdministrator => sharing::share;
    Console   POST "/sharing/{email}/end"  OwnAdministrator => sharing::unshare;
    Console   GET  "/subject"              TenantAdministrator => subject::form;
    Console   POST "/subject"              TenantAdministrator => subject::report;
    Console   GET  "/approvals"            TenantAdministrator => approvals::list;
    Console   POST "/approvals/{id}"       TenantAdministrator => approvals::approve;
    Console   GET  "/backups"              TenantAdministrator => backups::list;
    Console   POST "/backups/run"          Supplier => backups::run;
    Console   GET  "/restore"              Supplier => restore::form;
    Console   POST "/restore/plan"         Supplier => restore::plan;
    Console   POST "/restore"              Supplier => restore::begin;
    Console   GET  "/restore/{number}"     Supplier => restore::show;
    Console   GET  "/drills"               TenantAdministrator => drills::list;
    Console   POST "/drills"               Supplier => drills::start;
    Console   GET  "/drills/{id}"          TenantAdministrator => drills::show;
    Console   GET  "/checks"               TenantAdministrator => checks::list;
    Console   POST "/checks/run"           Supplier => checks::run;
    Console   GET  "/rounds"               TenantAdministrator => checks::rounds;
    Console   GET  "/rounds/{number}"      TenantAdministrator => checks::round;
    Console   GET  "/reports"              TenantAdministrator => reports::list;
    Console   GET  "/reports/{name}"       TenantAdministrator => reports::show;
    Console   GET  "/reports/{name}/sheet" TenantAdministrator => reports::sheet;
    Console   GET  "/pack"                 TenantAdministrator => packs::list;
    Console   GET  "/pack/{tenant}"        TenantAdministrator => packs::download;
    Console   GET  "/.avouch/begin"        Visitor => entry::begin;
    Console   GET  "/.avouch/enter"        Visitor => entry::enter;
    Console   POST "/.avouch/leave"        SignedIn => entry::leave;
    Console   GET  "/.avouch/jwks.json"    Visitor => entry::jwks;
    Console   GET  "/.avouch/avouch.css"   Visitor => assets::stylesheet;
    Console   GET  "/.avouch/icon.svg"     Visitor => assets::icon;

    Tenant    GET  "/.avouch/begin"        Visitor => entry::begin;
    Tenant    GET  "/.avouch/enter"        Visitor => entry::enter;
    Tenant    POST "/.avouch/leave"        SignedIn => entry::leave;
    Tenant    GET  "/.avouch/jwks.json"    Visitor => entry::jwks;
    Tenant    GET  "/.avouch/support"      SignedIn => support::own;
    Tenant    POST "/.avouch/support"      SignedIn => support::report_own;
    Tenant    GET  "/.avouch/timing.js"    SignedIn => timing::script;
    Tenant    POST "/.avouch/timing"       SignedIn => timing::keep;
    Tenant    GET  "/.avouch/avouch.css"   Visitor => assets::stylesheet;
    Tenant    GET  "/.avouch/icon.svg"     Visitor => assets::icon;
}

/// All sites behind one socket; the `avouch-host` header chooses.
pub fn router(service: Service, desk: Arc<dyn Desk>) -> Router {
    let app = Arc::new(App { service, desk });
    let sites = Sites {
        statement: site(Site::Statement, &app),
        sign_in: site(Site::SignIn, &app),
        console: site(Site::Console, &app),
        tenant: site(Site::Tenant, &app),
    };
    Router::new().fallback(move |request: Request| {
        let (app, sites) = (Arc::clone(&app), sites.clone());
        async move { dispatch(&app, sites, request).await }
    })
}

#[derive(Clone)]
struct Sites {
    statement: Router,
    sign_in: Router,
    console: Router,
    tenant: Router,
}

fn site(site: Site, app: &Arc<App>) -> Router {
    let (absent, wrong_method) = (Arc::clone(app), Arc::clone(app));
    mount(site)
        .fallback(move || async move { Problem::Absent.page(&absent.service, &Caller::Unknown) })
        .method_not_allowed_fallback(move || async move {
            Problem::WrongMethod.page(&wrong_method.service, &Caller::Unknown)
        })
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            guard::same_origin,
        ))
        .with_state(Arc::clone(app))
}

async fn dispatch(app: &Arc<App>, sites: Sites, mut request: Request) -> Response {
    let Some(arrival) = guard::arrival(request.headers(), app) else {
        let page = Problem::Misdirected.page(&app.service, &Caller::Unknown);
        return guard::secure(page, &app.service, None);
    };
    let site = arrival.site;
    request.extensions_mut().insert(arrival);
    let router = match site {
        Site::Statement => sites.statement,
        Site::SignIn => sites.sign_in,
        Site::Console => sites.console,
        Site::Tenant => sites.tenant,
    };
    let Ok(response): Result<Response, Infallible> = router.oneshot(request).await;
    guard::secure(response, &app.service, Some(site))
}
