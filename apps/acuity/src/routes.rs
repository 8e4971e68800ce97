//! The routes, which read as the permission table: a handler that takes a `Person` is closed to everybody else.

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;

use crate::app::{App, Refusal, notice, page};
use crate::assertion::Person;
use crate::entry::{self, Entry};
use crate::pages::{Form, NewPage, Overview, RecordPage, TakenPage, WardPage};
use crate::period::Period;
use crate::store::{Assessment, Id, Kept, SCHEMA_VERSION, Ward};
use crate::trend;

/// Tells the gateway which records a response opened or changed. The gateway removes it.
const SUBJECT: HeaderName = HeaderName::from_static("avouch-subject");

/// How many assessments a ward's page lists: a week.
const LISTED: u16 = 42;

/// Every route. Those of `/assets/` and `/health` ask nobody who they are, and tell nothing of anybody.
pub fn router(app: App) -> Router {
    routes()
        .fallback(missing)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(app.timing, guard))
        .with_state(app)
}

/// The same, with `/echo`, which answers with the headers of the request: for testing what a gateway passes on.
pub fn router_with_echo(app: App) -> Router {
    router(app).route("/echo", get(echo))
}

fn routes() -> Router<App> {
    Router::new()
        .route("/", get(overview))
        .route("/wards/{ward}", get(ward))
        .route("/wards/{ward}/assessments", post(enter))
        .route("/wards/{ward}/enter", get(new))
        .route("/wards/{ward}/assessments/{id}", get(record).post(correct))
        .route("/totals", get(totals))
        .route("/health", get(health))
        .route(
            "/assets/avouch.css",
            get(|| {
                asset(
                    "text/css",
                    include_bytes!(concat!(env!("OUT_DIR"), "/avouch.css")),
                )
            }),
        )
        .route(
            "/assets/acuity.css",
            get(|| asset("text/css", include_bytes!("../assets/acuity.css"))),
        )
        .route(
            "/assets/icon.svg",
            get(|| asset("image/svg+xml", include_bytes!("../assets/icon.svg"))),
        )
}

type Page = Result<Response, Refusal>;

async fn overview(State(app): State<App>, person: Person) -> Page {
    let mut wards = Vec::new();
    for ward in app.store.wards().await? {
        wards.push((ward, app.store.latest(ward, 1).await?.pop()));
    }
    Ok(page(
        StatusCode::OK,
        &Overview {
            frame: app.frame(person),
            wards,
        },
    ))
}

async fn ward(State(app): State<App>, person: Person, Path(ward): Path<String>) -> Page {
    let ward = known(&app, &person, &ward).await?;
    let latest = app.store.latest(ward, LISTED).await?;
    let trend = trend::draw(&latest);
    Ok(page(
        StatusCode::OK,
        &WardPage {
            frame: app.frame(person),
            ward,
            latest,
            trend,
        },
    ))
}

async fn new(State(app): State<App>, person: Person, Path(ward): Path<String>) -> Page {
    let ward = known(&app, &person, &ward).await?;
    let form = Form::for_period(Period::at((app.clock)()));
    Ok(page(
        StatusCode::OK,
        &NewPage {
            frame: app.frame(person),
            ward,
            form,
        },
    ))
}

async fn enter(
    State(app): State<App>,
    person: Person,
    Path(ward): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Page {
    let ward = known(&app, &person, &ward).await?;
    let body = form_body(&app, &person, &headers, body).await?;
    let now = (app.clock)();
    match entry::read(&body, now) {
        Ok(entry) => {
            let kept = app.store.enter(ward, &entry, now).await?;
            Ok(answer(&app, person, ward, &entry, kept))
        }
        Err(refused) => {
            let form = Form::refused(refused);
            Ok(page(
                StatusCode::UNPROCESSABLE_ENTITY,
                &NewPage {
                    frame: app.frame(person),
                    ward,
                    form,
                },
            ))
        }
    }
}

async fn record(
    State(app): State<App>,
    person: Person,
    Path(path): Path<(String, String)>,
) -> Page {
    let (ward, assessment) = kept(&app, &person, &path).await?;
    let form = Form::of(&assessment);
    let response = page(
        StatusCode::OK,
        &RecordPage {
            frame: app.frame(person),
            ward,
            assessment,
            form,
        },
    );
    Ok(about(assessment.id, response))
}

async fn correct(
    State(app): State<App>,
    person: Person,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Page {
    let (ward, assessment) = kept(&app, &person, &path).await?;
    let body = form_body(&app, &person, &headers, body).await?;
    let now = (app.clock)();
    match entry::read(&body, now) {
        Ok(entry) => {
            let kept = app.store.correct(ward, assessment.id, &entry, now).await?;
            Ok(about(
                assessment.id,
                answer(&app, person, ward, &entry, kept),
            ))
        }
        Err(refused) => {
            let form = Form::refused(refused);
            let template = RecordPage {
                frame: app.frame(person),
                ward,
                assessment,
                form,
            };
            Ok(about(
                assessment.id,
                page(StatusCode::UNPROCESSABLE_ENTITY, &template),
            ))
        }
    }
}

async fn totals(State(app): State<App>, _: Person) -> Page {
    let totals = app.store.totals().await?;
    Ok(Json(json!({"tenant": app.expected.tenant, "totals": totals})).into_response())
}

async fn health(State(app): State<App>) -> Page {
    app.store.answers().await?;
    Ok(Json(json!({"status": "ok", "schema": SCHEMA_VERSION})).into_response())
}

async fn echo(request: Request) -> Response {
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let path = request.uri().to_string();
    Json(json!({"method": request.method().as_str(), "path": path, "headers": headers}))
        .into_response()
}

async fn missing(State(app): State<App>, person: Person) -> Response {
    notice(Some(app.frame(person)), StatusCode::NOT_FOUND)
}

async fn wrong_method(State(app): State<App>, person: Person) -> Response {
    notice(Some(app.frame(person)), StatusCode::METHOD_NOT_ALLOWED)
}

async fn asset(kind: &'static str, bytes: &'static [u8]) -> Response {
    (
        [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, "private, max-age=3600"),
        ],
        bytes,
    )
        .into_response()
}

/// What every response says to the browser. Where forms may lead is left to the gateway, whose sign-out lies elsewhere.
async fn guard(State(timing): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A script is let in from this origin alone, and speaks to it alone.
    let policy = match timing {
        true => {
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        }
        false => {
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        }
    };
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The ward that an address names, or a page that says it is not there.
async fn known(app: &App, person: &Person, ward: &str) -> Result<Ward, Refusal> {
    match Ward::parse(ward) {
        Some(ward) if app.store.has(ward).await? => Ok(ward),
        _ => Err(refuse(app, person, StatusCode::NOT_FOUND)),
    }
}

/// The assessment that an address names, or a page that says it is not there.
async fn kept(
    app: &App,
    person: &Person,
    (ward, id): &(String, String),
) -> Result<(Ward, Assessment), Refusal> {
    if let (Some(ward), Some(id)) = (Ward::parse(ward), Id::parse(id))
        && let Some(assessment) = app.store.assessment(ward, id).await?
    {
        return Ok((ward, assessment));
    }
    Err(refuse(app, person, StatusCode::NOT_FOUND))
}

/// The body of a form, when it says it is one and is short enough.
async fn form_body(
    app: &App,
    person: &Person,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(refuse(app, person, StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let read = axum::body::to_bytes(body, entry::MOST_BYTES).await;
    read.map_err(|_| refuse(app, person, StatusCode::PAYLOAD_TOO_LARGE))
}

fn refuse(app: &App, person: &Person, status: StatusCode) -> Refusal {
    Refusal(notice(Some(app.frame(person.clone())), status))
}

/// What a person sees after entering or correcting.
fn answer(app: &App, person: Person, ward: Ward, entry: &Entry, kept: Kept) -> Response {
    match kept {
        Kept::As(id) => about(
            id,
            Redirect::to(&format!("/wards/{ward}/assessments/{id}")).into_response(),
        ),
        Kept::AlreadyThere(there) => {
            let template = TakenPage {
                frame: app.frame(person),
                ward,
                period: entry.period,
                there,
            };
            page(StatusCode::CONFLICT, &template)
        }
        Kept::Absent => notice(Some(app.frame(person)), StatusCode::NOT_FOUND),
    }
}

/// Names the record that a response is about.
fn about(id: Id, mut response: Response) -> Response {
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(SUBJECT, value);
    }
    response
}

#[cfg(test)]
mod tests;
