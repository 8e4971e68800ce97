//! What the product's own sites answer to, from the table that they are built from: so a new route is tried like all others.

use avouch_access::checks::{Page, Sites};
use avouch_console::{ROUTES, Site};
use avouch_statement::TenantId;

use crate::core::state::Core;

/// Stands where a path names one thing. Nothing goes by it.
const NOTHING: &str = "0";

/// What nobody may have without a session: the product's own pages, and those of each tenant's application that are stated.
pub fn of(core: &Core) -> Sites {
    let tenants = core.tenants.ids();
    let mut sites = routed(&tenants);
    for tenant in &tenants {
        for path in [
            &core.statement.tenancy.crawl_from,
            &core.statement.app.question,
        ] {
            sites.pages.push(Page {
                label: tenant.to_string(),
                path: path.clone(),
            });
        }
    }
    sites
}

fn routed(tenants: &[TenantId]) -> Sites {
    let mut sites = Sites::default();
    for route in ROUTES {
        let labels: Vec<&str> = match route.site {
            Site::Statement => vec![""],
            Site::SignIn => vec!["signin"],
            Site::Console => vec!["console"],
            Site::Tenant => tenants.iter().map(TenantId::as_str).collect(),
        };
        let chosen = match (route.caller, route.method) {
            ("Visitor", "GET") => continue,
            ("Visitor", _) => &mut sites.entrances,
            (_, "GET") => &mut sites.pages,
            _ => &mut sites.forms,
        };
        chosen.extend(labels.into_iter().map(|label| Page {
            label: label.to_owned(),
            path: named(route.path),
        }));
    }
    sites
}

/// A route's path with a name in each place for one.
fn named(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.starts_with('{') {
        true => NOTHING,
        false => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_that_is_not_for_visitors_is_tried_at_each_of_its_hosts() {
        let tenants: Vec<TenantId> = ["riverside", "hillside"]
            .map(|tenant| tenant.parse().unwrap())
            .to_vec();
        let sites = routed(&tenants);
        let all = || sites.pages.iter().chain(&sites.forms);
        for route in ROUTES.iter().filter(|route| route.caller != "Visitor") {
            let among = match route.method {
                "GET" => &sites.pages,
                _ => &sites.forms,
            };
            let hosts = match route.site {
                Site::Tenant => vec!["riverside", "hillside"],
                _ => vec!["console"],
            };
            for label in hosts {
                let path = named(route.path);
                let tried = among
                    .iter()
                    .any(|page| page.label == label && page.path == path);
                assert!(tried, "{route:?} at {label}");
            }
        }
        assert!(all().all(|page| !page.path.contains(['{', '}'])));
        for public in [
            "/.avouch/enter",
            "/.avouch/jwks.json",
            "/.avouch/avouch.css",
        ] {
            assert!(all().all(|page| page.path != public), "{public}");
        }
        assert_eq!(named("/reports/{name}/sheet"), "/reports/0/sheet");
    }

    #[test]
    fn the_ways_in_are_the_forms_of_signing_in() {
        let sites = routed(&[]);
        let paths: Vec<(&str, &str)> = sites
            .entrances
            .iter()
            .map(|page| (page.label.as_str(), page.path.as_str()))
            .collect();
        let signing_in = ["/", "/second", "/second/offer", "/second/confirm"];
        assert_eq!(paths, signing_in.map(|path| ("signin", path)));
    }
}
