//! The same over HTTP/2, which is what browsers speak.

use super::left::{Left, left, now, words};
use super::{TENANT, TRIES};
use crate::harness::{Browser, Came, Frames, shared};

type Fields = Vec<(String, String)>;

/// What is to come of an ill-meant request.
#[derive(Clone, Copy)]
enum Comes {
    /// A page, with this status and reason.
    Page(u16, &'static str),
    /// The end of its stream or of the connection, and an event that calls it malformed.
    End,
}

/// Who asks, and whom.
struct Asking {
    host: String,
    cookie: String,
}

impl Asking {
    /// A sound request by this method, with more fields.
    fn sound(&self, method: &str, path: &str, more: &[(&str, &str)]) -> Fields {
        let mut fields = vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", &self.host),
            (":path", path),
            ("cookie", &self.cookie),
        ];
        fields.extend(more);
        owned(&fields)
    }

    fn get(&self, more: &[(&str, &str)]) -> Fields {
        self.sound("GET", "/", more)
    }

    /// The sound request with another value of one field.
    fn but(&self, name: &str, value: &str) -> Fields {
        let mut fields = self.get(&[]);
        for field in &mut fields {
            if field.0 == name {
                value.clone_into(&mut field.1);
            }
        }
        fields
    }

    fn without(&self, name: &str) -> Fields {
        let mut fields = self.get(&[]);
        fields.retain(|field| field.0 != name);
        fields
    }

    /// A form of numbers, from a page of its own, with more fields.
    fn form(&self, more: &[(&str, &str)]) -> Fields {
        let origin = format!("https://{}", self.host);
        let kind = "application/x-www-form-urlencoded";
        let own = [("origin", origin.as_str()), ("content-type", kind)];
        self.sound("POST", "/wards/1/assessments", &[&own, more].concat())
    }

    fn table(&self) -> Vec<(&'static str, Fields, Option<&'static str>, Comes)> {
        use Comes::{End, Page};
        let whole = Some("");
        let twice = [("content-length", "3"), ("content-length", "3")];
        let elsewhere = "https://hillside.acuity.localhost";
        let assertions = [("avouch-assertion", "a"), ("avouch_assertion", "b")];
        let connect = [(":method", "CONNECT"), (":authority", "127.0.0.1:22")];
        let post = |more: &[(&str, &str)]| self.sound("POST", "/wards/1/assessments", more);
        let ambiguous = Page(400, "ambiguous-target");
        let no_number = Page(422, "not-numbers");
        vec![
            (
                "a path that climbs",
                self.but(":path", "/wards/../totals"),
                whole,
                ambiguous,
            ),
            (
                "a path with a hidden slash",
                self.but(":path", "/wards%2f1"),
                whole,
                ambiguous,
            ),
            (
                "a path with a hidden end of text",
                self.but(":path", "/wards/1%00"),
                whole,
                ambiguous,
            ),
            (
                "two hosts",
                self.get(&[("host", "hillside.acuity.localhost")]),
                whole,
                ambiguous,
            ),
            (
                "another host than the connection's",
                self.but(":authority", "hillside.acuity.localhost"),
                whole,
                Page(421, "misdirected"),
            ),
            (
                "a host that is not ours",
                self.but(":authority", "example.org"),
                whole,
                Page(421, "misdirected"),
            ),
            (
                "an identity sent twice",
                self.get(&assertions),
                whole,
                Page(400, "meddling"),
            ),
            (
                "two sessions",
                self.get(&[("cookie", "__Host-avouch=another")]),
                whole,
                Page(400, "ambiguous-session"),
            ),
            (
                "a method that is not spoken",
                self.but(":method", "TRACE"),
                whole,
                Page(405, "method"),
            ),
            ("a tunnel", owned(&connect), whole, Page(405, "method")),
            (
                "a head that is too large",
                self.get(&[("x", &"x".repeat(80_000))]),
                whole,
                Page(431, "large-head"),
            ),
            (
                "the same length twice",
                self.form(&twice),
                Some("a=1"),
                Page(400, "ambiguous-length"),
            ),
            (
                "a stated body that is too large",
                self.form(&[("content-length", "999999999")]),
                None,
                Page(413, "large-body"),
            ),
            (
                "a form from nowhere",
                post(&[]),
                whole,
                Page(403, "other-origin"),
            ),
            (
                "a form from another tenant's page",
                post(&[("origin", elsewhere)]),
                whole,
                Page(403, "other-origin"),
            ),
            (
                "text where numbers go",
                self.form(&[]),
                Some("day=monday"),
                no_number,
            ),
            (
                "a number that is too long",
                self.form(&[]),
                Some("day=12345"),
                no_number,
            ),
            (
                "a body shorter than stated",
                self.form(&[("content-length", "30")]),
                Some("a=1"),
                End,
            ),
            ("no method", self.without(":method"), whole, End),
            ("no path", self.without(":path"), whole, End),
            (
                "two methods",
                [owned(&connect[..1]), self.get(&[])].concat(),
                whole,
                End,
            ),
            (
                "two hosts in its head",
                [owned(&connect[1..]), self.get(&[])].concat(),
                whole,
                End,
            ),
            ("a status", self.get(&[(":status", "200")]), whole, End),
            (
                "a name in capitals",
                self.get(&[("Cookie", "a=1")]),
                whole,
                End,
            ),
            (
                "an elder's connection",
                self.get(&[("connection", "close")]),
                whole,
                End,
            ),
            (
                "an elder's chunks",
                self.form(&[("transfer-encoding", "chunked")]),
                whole,
                End,
            ),
            (
                "an end of text in a header",
                self.get(&[("x", "a\0b")]),
                whole,
                End,
            ),
            (
                "an end of line in a header",
                self.get(&[("x", "a\r\ncookie: b")]),
                whole,
                End,
            ),
        ]
    }
}

fn owned(fields: &[(&str, &str)]) -> Fields {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(own).collect()
}

#[test]
fn every_ill_meant_request_over_http_2_is_refused_clearly_and_leaves_an_event() {
    let service = shared();
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    let asking = Asking {
        host: format!("{TENANT}:{}", service.address().port()),
        cookie: browser.cookie("riverside").unwrap(),
    };
    let mut wrong = Vec::new();
    for (what, fields, body, comes) in asking.table() {
        let method = fields.iter().find(|(name, _)| name == ":method");
        let (reason, status, method) = match comes {
            Comes::Page(status, reason) => (reason, status, method.unwrap().1.as_str()),
            Comes::End => ("malformed", 400, "-"),
        };
        let found = (0..TRIES).find_map(|_| {
            let (mut frames, since) = (Frames::connect(service, TENANT), now());
            let came = frames.ask(&fields, body);
            let long =
                "The field “day” takes a whole number of at most 4 digits, and nothing else.";
            let right = match (&came, comes) {
                (Came::Answer(page), Comes::Page(..)) => page.contains(words(reason, long)),
                (Came::Reset(_) | Came::Away, Comes::End) => true,
                _ => false,
            };
            if !right {
                wrong.push(format!("{what}: {came:?}"));
            }
            left(service, frames.port(), since, reason)
        });
        let expected = Left {
            reason: reason.to_owned(),
            status: status.into(),
            method: method.to_owned(),
        };
        if found.as_ref() != Some(&expected) {
            wrong.push(format!("{what}: left {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
