//! A person at a browser: keeps cookies by host, sends the `Origin` a form sends, and follows what a browser follows.

use std::collections::BTreeMap;

use avouch_evidence::{Answer, Ask, Gateway};
use http::StatusCode;
use tokio::runtime::{Builder, Runtime};

use super::service::{Service, User};

/// The cookie that a session is in.
const SESSION: &str = "__Host-avouch";

/// One browser, with nobody signed in.
pub struct Browser {
    gateway: Gateway,
    runtime: Runtime,
    /// The value of each cookie, by the host's label and its name.
    cookies: BTreeMap<(String, String), String>,
}

/// One assessment, as it is typed.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub ward: u32,
    pub day: jiff::civil::Date,
    pub period: u32,
    pub midwives: u32,
}

impl Browser {
    pub fn new(service: &Service) -> Self {
        Self::at(service.gateway())
    }

    pub fn at(gateway: Gateway) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            gateway,
            runtime,
            cookies: BTreeMap::new(),
        }
    }

    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The session's cookie at this host, as `name=value`.
    pub fn cookie(&self, label: &str) -> Option<String> {
        let value = self.cookies.get(&(label.to_owned(), SESSION.to_owned()))?;
        Some(format!("{SESSION}={value}"))
    }

    /// Asks for a page; redirects are not followed.
    #[track_caller]
    pub fn get(&mut self, label: &str, path: &str) -> Answer {
        self.send(label, Ask::get(path)).unwrap()
    }

    /// Sends a form as the page's own form would.
    #[track_caller]
    pub fn post(&mut self, label: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let ask = Ask::form(path, &self.gateway.origin(label), form(fields));
        self.send(label, ask).unwrap()
    }

    /// Sends anything, with this host's cookies; the error says why no answer came.
    pub fn send(&mut self, label: &str, mut ask: Ask) -> Result<Answer, String> {
        let own: Vec<String> = self
            .cookies
            .iter()
            .filter(|((host, _), _)| host == label)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if !own.is_empty() {
            ask = ask.with("cookie", own.join("; "));
        }
        let answer = self
            .runtime
            .block_on(self.gateway.send(label, ask))
            .map_err(|error| error.to_string())?;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (label.to_owned(), name.to_owned());
            match value.is_empty() {
                true => self.cookies.remove(&key),
                false => self.cookies.insert(key, value.to_owned()),
            };
        }
        Ok(answer)
    }

    /// Signs in through the pages: the application, the form, the pass, the one-time code, the session, the page.
    #[track_caller]
    pub fn sign_in(&mut self, to: &str, user: &User) -> Answer {
        let sent_away = self.get(to, "/");
        assert_eq!(
            sent_away.status,
            StatusCode::SEE_OTHER,
            "{}",
            sent_away.text()
        );
        let form = self.follow(&sent_away);
        assert_eq!(form.status, StatusCode::OK, "{}", form.text());
        let admitted = self.submit(to, user, &user.password);
        let entrance = self.entrance(&admitted);
        let entered = self.follow(&entrance);
        assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text());
        assert!(
            self.cookie(to).is_some(),
            "no cookie was set at {to}: {:?}",
            entered.headers
        );
        self.get(to, entered.header("location").unwrap())
    }

    /// Goes on from the right password to the redirect that leads in with a one-time code, which is not followed.
    #[track_caller]
    pub fn entrance(&mut self, admitted: &Answer) -> Answer {
        assert_eq!(
            admitted.status,
            StatusCode::SEE_OTHER,
            "{}",
            admitted.text()
        );
        let begun = self.follow(admitted);
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text());
        let entrance = self.follow(&begun);
        let leads_in = entrance
            .header("location")
            .is_some_and(|to| to.contains("/.avouch/enter?code="));
        assert!(leads_in, "{}", entrance.text());
        entrance
    }

    /// Sends the sign-in form with this password.
    #[track_caller]
    pub fn submit(&mut self, to: &str, user: &User, password: &str) -> Answer {
        self.post(
            "signin",
            "/",
            &[
                ("to", to),
                ("path", "/"),
                ("email", &user.email),
                ("password", password),
            ],
        )
    }

    /// Can this person sign in and see the application's first page just now?
    pub fn can_enter(&mut self, to: &str, user: &User) -> bool {
        let fields = form(&[
            ("to", to),
            ("path", "/"),
            ("email", &user.email),
            ("password", &user.password),
        ]);
        let ask = Ask::form("/", &self.gateway.origin("signin"), fields);
        let Ok(answer) = self.send("signin", ask) else {
            return false;
        };
        // To the target, which marks the browser; to the sign-in host, which gives a code; in; and to the page.
        let mut last = answer;
        for _ in 0..4 {
            let Some(location) = last.header("location").map(str::to_owned) else {
                return false;
            };
            let (label, path) = match location.starts_with('/') {
                true => (to.to_owned(), location),
                false => self.place(&location),
            };
            match self.send(&label, Ask::get(path)) {
                Ok(answer) => last = answer,
                Err(_) => return false,
            }
        }
        last.status == StatusCode::OK
    }

    /// Goes where an answer sends the browser.
    #[track_caller]
    pub fn follow(&mut self, answer: &Answer) -> Answer {
        let location = answer.header("location").expect("a redirect").to_owned();
        let (label, path) = self.place(&location);
        self.get(&label, &path)
    }

    /// Enters an assessment; returns where the record is, once the service has said that it is kept.
    pub fn enter(&mut self, tenant: &str, entry: &Entry) -> Result<String, String> {
        let path = format!("/wards/{}/assessments", entry.ward);
        let ask = Ask::form(path, &self.gateway.origin(tenant), entry.body());
        let answer = self.send(tenant, ask)?;
        match (answer.status, answer.header("location")) {
            (StatusCode::SEE_OTHER, Some(at)) if at.starts_with("/wards/") => Ok(at.to_owned()),
            (status, _) => Err(format!("answered {status}")),
        }
    }

    fn place(&self, location: &str) -> (String, String) {
        let rest = location.strip_prefix("https://").expect("a secure address");
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.split(':').next().unwrap();
        let label = host
            .strip_suffix(self.gateway.domain())
            .expect("a host of ours")
            .trim_end_matches('.');
        (
            label.to_owned(),
            if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
        )
    }
}

impl Entry {
    /// The form's body.
    pub fn body(&self) -> String {
        format!(
            "day={}&month={}&year={}&period={}&category_1=1&category_2=2&category_3=3&category_4=0&category_5=1&midwives={}",
            self.day.day(),
            self.day.month(),
            self.day.year(),
            self.period,
            self.midwives
        )
    }
}

/// Fields as a browser writes them.
///
/// Source: WHATWG URL, 5.2 (application/x-www-form-urlencoded).
pub fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte);
        text.bytes()
            .map(|byte| {
                if plain(byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    };
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect::<Vec<_>>()
        .join("&")
}
