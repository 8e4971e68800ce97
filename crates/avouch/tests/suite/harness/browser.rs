//! A person at a browser: keeps cookies by host, sends the `Origin` a form sends, and follows what a browser follows.

use std::collections::BTreeMap;

use avouch_evidence::{Answer, Ask, Gateway};
use http::StatusCode;
use tokio::runtime::{Builder, Runtime};

use super::service::{Service, User};

/// One browser, with nobody signed in.
pub struct Browser {
    gateway: Gateway,
    runtime: Runtime,
    cookies: BTreeMap<String, String>,
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

    /// The cookie that this host has set, as `name=value`.
    pub fn cookie(&self, label: &str) -> Option<String> {
        self.cookies.get(label).cloned()
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

    /// Sends anything, with this host's cookie; the error says why no answer came.
    pub fn send(&mut self, label: &str, mut ask: Ask) -> Result<Answer, String> {
        if let Some(cookie) = self.cookies.get(label) {
            ask = ask.with("cookie", cookie.clone());
        }
        let answer = self
            .runtime
            .block_on(self.gateway.send(label, ask))
            .map_err(|error| error.to_string())?;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            match pair.ends_with('=') {
                true => self.cookies.remove(label),
                false => self.cookies.insert(label.to_owned(), pair),
            };
        }
        Ok(answer)
    }

    /// Signs in through the pages: the application, the form, the one-time code, the cookie, the page.
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
        let answer = self.submit(to, user, &user.password);
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        let entered = self.follow(&answer);
        assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text());
        assert!(
            self.cookies.contains_key(to),
            "no cookie was set at {to}: {:?}",
            entered.headers
        );
        self.get(to, entered.header("location").unwrap())
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
        let Some(location) = answer.header("location") else {
            return false;
        };
        let (label, path) = self.place(location);
        let entered = self
            .send(&label, Ask::get(path))
            .is_ok_and(|answer| answer.status == StatusCode::SEE_OTHER);
        entered
            && self
                .send(to, Ask::get("/"))
                .is_ok_and(|answer| answer.status == StatusCode::OK)
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
