use std::sync::Arc;

use http::Method;
use tower::ServiceExt;

use super::*;
use crate::assertion::{self, Expected};
use crate::keys::Keys;
use crate::store::Store;
use crate::testing::{Signer, claims, now};

const TOKEN_HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#;
const RIGHT: &str = "day=22&month=11&year=2026&period=1&category_1=4&category_2=3&category_3=2&category_4=1\
                     &category_5=0&midwives=4";

/// A whole application on a database of its own, and somebody who may use it.
struct Running {
    app: App,
    signer: Signer,
    _folder: tempfile::TempDir,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::new();
        let jwks = folder.path().join("jwks.json");
        std::fs::write(&jwks, signer.jwks()).unwrap();
        let app = App {
            timing: false,
            store: Store::open(folder.path(), 3).await.unwrap(),
            keys: Arc::new(Keys::in_file(Some(jwks))),
            expected: Arc::new(Expected {
                tenant: "riverside".to_owned(),
                issuer: None,
            }),
            clock: Arc::new(now),
        };
        Self {
            app,
            signer,
            _folder: folder,
        }
    }

    fn token(&self) -> String {
        self.signer.token(TOKEN_HEADER, &claims())
    }

    fn request(method: &Method, path: &str, body: &str) -> http::request::Builder {
        let request = http::Request::builder().method(method).uri(path);
        if body.is_empty() {
            request
        } else {
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        }
    }

    /// Asks as a known person.
    async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = Self::request(&method, path, body).header(assertion::HEADER, self.token());
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "").await
    }

    async fn send(&self, request: Request) -> Answer {
        let response = router_with_echo(self.app.clone())
            .oneshot(request)
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Enters the right assessment and returns where it is.
    async fn entered(&self) -> String {
        let answer = self.ask(Method::POST, "/wards/2/assessments", RIGHT).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        answer.headers["location"].to_str().unwrap().to_owned()
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    #[track_caller]
    fn says(&self, status: StatusCode, text: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(
            self.text.contains(text),
            "`{text}` is not in: {}",
            self.text
        );
    }
}

#[tokio::test]
async fn an_assessment_is_entered_opened_and_corrected() {
    let running = Running::start().await;
    let place = running.entered().await;
    let id = place.rsplit('/').next().unwrap();
    let opened = running.get(&place).await;
    opened.says(StatusCode::OK, "22 November 2026, 04:00 to 08:00");
    opened.says(StatusCode::OK, ">Green</strong>");
    opened.says(StatusCode::OK, ">3.70</dd>");
    assert_eq!(opened.headers[SUBJECT], id);
    let corrected = running
        .ask(
            Method::POST,
            &place,
            &RIGHT.replace("midwives=4", "midwives=2"),
        )
        .await;
    assert_eq!(
        (corrected.status, &corrected.headers["location"]),
        (StatusCode::SEE_OTHER, &place.parse().unwrap())
    );
    assert_eq!(
        corrected.headers[SUBJECT], id,
        "a correction is about the record too"
    );
    let opened = running.get(&place).await;
    opened.says(StatusCode::OK, ">Red</strong>");
    opened.says(StatusCode::OK, "22 November 2026 at 12:00</dd>");
}

#[tokio::test]
async fn the_overview_and_the_ward_show_what_was_entered() {
    let running = Running::start().await;
    running.get("/wards/2").await.says(
        StatusCode::OK,
        "No assessment has been entered for this ward yet",
    );
    let place = running.entered().await;
    running
        .get("/")
        .await
        .says(StatusCode::OK, ">Green</strong>");
    let ward = running.get("/wards/2").await;
    ward.says(StatusCode::OK, &format!("href=\"{place}\""));
    ward.says(StatusCode::OK, "<svg");
    let totals: serde_json::Value =
        serde_json::from_str(&running.get("/totals").await.text).unwrap();
    let expected = json!({"wards": 3, "assessments": 1, "women": 10, "midwives": 4});
    assert_eq!(totals, json!({"tenant": "riverside", "totals": expected}));
}

#[tokio::test]
async fn the_same_period_twice_leads_to_the_existing_assessment() {
    let running = Running::start().await;
    let place = running.entered().await;
    let again = running
        .ask(Method::POST, "/wards/2/assessments", RIGHT)
        .await;
    again.says(StatusCode::CONFLICT, &format!("href=\"{place}\""));
}

#[tokio::test]
async fn a_refused_form_names_the_field_and_stores_nothing() {
    let running = Running::start().await;
    let body = RIGHT.replace("category_3=2", "category_3=Jane+Smith");
    let refused = running
        .ask(Method::POST, "/wards/2/assessments", &body)
        .await;
    let sentence = "Women in category III must be a whole number from 0 to 99";
    refused.says(StatusCode::UNPROCESSABLE_ENTITY, sentence);
    refused.says(StatusCode::UNPROCESSABLE_ENTITY, "href=\"#category_3\"");
    assert!(
        !refused.text.contains("Jane"),
        "what was refused is not repeated"
    );
    assert!(
        running
            .get("/totals")
            .await
            .text
            .contains("\"assessments\":0")
    );
    let place = running.entered().await;
    running
        .ask(Method::POST, &place, &body)
        .await
        .says(StatusCode::UNPROCESSABLE_ENTITY, sentence);
    running.get(&place).await.says(
        StatusCode::OK,
        "name=\"category_3\" type=\"text\" inputmode=\"numeric\" autocomplete=\"off\" value=\"2\"",
    );
}

#[tokio::test]
async fn a_body_that_is_no_form_or_too_long_is_refused() {
    let running = Running::start().await;
    let long = format!("{RIGHT}&{}", "x".repeat(entry::MOST_BYTES));
    let answer = running
        .ask(Method::POST, "/wards/2/assessments", &long)
        .await;
    answer.says(StatusCode::PAYLOAD_TOO_LARGE, "Too much was sent");
    let request =
        http::Request::post("/wards/2/assessments").header(assertion::HEADER, running.token());
    let request = request
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from("{}"))
        .unwrap();
    running
        .send(request)
        .await
        .says(StatusCode::UNSUPPORTED_MEDIA_TYPE, "That is not a form");
}

/// Every route, and whether strangers may ask. A route that is missing here fails the test below it.
const ROUTES: [(&str, &str, bool); 12] = [
    ("GET", "/", false),
    ("GET", "/wards/2", false),
    ("GET", "/wards/2/enter", false),
    ("POST", "/wards/2/assessments", false),
    ("GET", "{record}", false),
    ("POST", "{record}", false),
    ("GET", "/totals", false),
    ("GET", "/nowhere", false),
    ("DELETE", "/", false),
    ("GET", "/health", true),
    ("GET", "/assets/avouch.css", true),
    ("GET", "/assets/acuity.css", true),
];

#[tokio::test]
async fn nobody_without_a_right_assertion_sees_more_than_health_and_styles() {
    let running = Running::start().await;
    let record = running.entered().await;
    let right = running.token();
    let stranger = Signer::new().token(TOKEN_HEADER, &claims());
    for (method, path, open) in ROUTES {
        let path = path.replace("{record}", &record);
        let method: Method = method.parse().unwrap();
        for tokens in [
            vec![],
            vec![stranger.as_str()],
            vec![right.as_str(), right.as_str()],
        ] {
            let body = if method == Method::POST { RIGHT } else { "" };
            let mut request = Running::request(&method, &path, body);
            for name in [
                "x-forwarded-user",
                "remote-user",
                "x-avouch-assertion",
                "authorization",
            ] {
                request = request.header(name, &right);
            }
            for token in tokens {
                request = request.header(assertion::HEADER, token);
            }
            let answer = running.send(request.body(Body::from(body)).unwrap()).await;
            let expected = if open {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            };
            assert_eq!(answer.status, expected, "{method} {path}");
            assert!(open || answer.text.contains("You are not signed in"));
            assert!(
                !answer.text.contains("22 November"),
                "{method} {path} says nothing of a record"
            );
        }
    }
    assert!(
        running
            .get("/totals")
            .await
            .text
            .contains("\"assessments\":1"),
        "and strangers changed nothing"
    );
}

#[tokio::test]
async fn an_address_that_names_nothing_says_so() {
    let running = Running::start().await;
    let record = running.entered().await.replace("/wards/2/", "/wards/1/");
    for path in [
        "/wards/4",
        "/wards/02",
        "/wards/two",
        "/wards/2/assessments/1",
        "/wards/2/assessments/x",
        &record,
        "/x",
    ] {
        running
            .get(path)
            .await
            .says(StatusCode::NOT_FOUND, "Page not found");
    }
    running
        .ask(Method::PUT, "/", "")
        .await
        .says(StatusCode::METHOD_NOT_ALLOWED, "cannot be done here");
}

#[tokio::test]
async fn health_is_an_answer_from_the_database() {
    let running = Running::start().await;
    running
        .get("/health")
        .await
        .says(StatusCode::OK, r#"{"schema":1,"status":"ok"}"#);
    running.app.store.clone().close().await;
    assert_eq!(
        running.get("/health").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[tokio::test]
async fn every_response_forbids_script_and_inline_style_and_no_page_has_any() {
    let running = Running::start().await;
    let record = running.entered().await;
    for path in ["/", "/wards/2", "/wards/2/enter", &record, "/nowhere"] {
        let answer = running.get(path).await;
        let policy = answer.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'"),
            "{path}"
        );
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
        for inline in ["<script", "<style", " style=", " onclick=", "javascript:"] {
            assert!(!answer.text.contains(inline), "{path} has {inline}");
        }
    }
}

#[tokio::test]
async fn a_name_with_markup_is_shown_as_text() {
    let running = Running::start().await;
    let mut claims = claims();
    claims["name"] = "<b>Amina</b>".into();
    let token = running.signer.token(TOKEN_HEADER, &claims);
    let request = http::Request::get("/")
        .header(assertion::HEADER, token)
        .body(Body::empty())
        .unwrap();
    let answer = running.send(request).await;
    assert!(!answer.text.contains("<b>Amina"), "{}", answer.text);
    answer.says(StatusCode::OK, "Amina");
}

#[tokio::test]
async fn echo_tells_every_header_and_is_there_only_when_asked_for() {
    let running = Running::start().await;
    let request = || {
        http::Request::get("/echo")
            .header("x-one", "1")
            .header(assertion::HEADER, running.token())
    };
    let echoed = running.send(request().body(Body::empty()).unwrap()).await;
    echoed.says(StatusCode::OK, r#"["x-one","1"]"#);
    let plain = router(running.app.clone())
        .oneshot(request().body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(plain.status(), StatusCode::NOT_FOUND);
}
