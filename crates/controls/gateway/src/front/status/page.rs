//! The page itself: what is wrong for whoever reads, what was, and how old that word is. It stands alone and loads nothing.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Reader;
use crate::link::{About, Notice, Status};
use crate::refusal::escape;

/// What the page may load: nothing.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A core that has said nothing for so long is away: it speaks every second, and is back from a restart in two.
const SILENT: SignedDuration = SignedDuration::from_secs(10);

const STYLE: &str = "body{font:1.1875rem/1.5 Arial,sans-serif;color:#212b32;background:#f0f4f5;margin:0}\
header{background:#005eb8;color:#fff;font-weight:700;padding:1rem}header div,main{max-width:60rem;margin:0 auto;padding:0 1rem}\
main{padding-bottom:3rem}h1{font-size:2rem;line-height:1.2}h2{font-size:1.5rem}h3{font-size:1.1875rem;margin-bottom:.25rem}\
.now{background:#fff;border-left:.5rem solid #007f3b;padding:1rem}.now.wrong{border-color:#d5281b}\
section{background:#fff;padding:.25rem 1rem 1rem;margin-bottom:1rem}p{max-width:44rem;margin:.5rem 0}\
ul{max-width:44rem;padding-left:1.25rem}a{color:#005eb8}";

/// From where, and by whom, the page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// On a host that is no tenant's.
    Anywhere,
    /// On a tenant's host, by somebody whom the core has let in there.
    By(Reader),
    /// On a tenant's host, by anybody else.
    ByStranger,
}

/// All that the page is made of.
pub(super) struct Page<'a> {
    /// What the core said last.
    pub(super) status: &'a Status,
    /// When.
    pub(super) heard: Timestamp,
    /// The present.
    pub(super) now: Timestamp,
    /// For whom.
    pub(super) asked: Asked,
}

/// How much of a notice is shown.
enum Shown {
    /// All of it.
    Whole,
    /// That one organisation is affected.
    ThatThereIsOne,
    /// Nothing.
    Nothing,
}

impl Page<'_> {
    /// The page.
    pub(super) fn html(&self) -> String {
        let (open, over): (Vec<&Notice>, Vec<&Notice>) = self
            .status
            .notices
            .iter()
            .filter(|notice| !matches!(self.shown(notice), Shown::Nothing))
            .partition(|notice| notice.ended.is_none());
        let silent = self.now.duration_since(self.heard);
        let away = (silent > SILENT).then_some(silent);
        let service = escape(&self.status.service);
        let mut html = format!(
            "<!doctype html><html lang=\"en-GB\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>Service status – {service}</title><style>{STYLE}</style></head>\
             <body><header><div>{service}</div></header><main><h1>Service status</h1>"
        );
        self.state(&mut html, away, !open.is_empty());
        html.push_str("<h2>What is wrong now</h2>");
        self.list(
            &mut html,
            &open,
            match away {
                None => "Nothing is known to be wrong.",
                Some(_) => "Nothing else is known.",
            },
        );
        html.push_str("<h2>What was wrong before</h2>");
        self.list(&mut html, &over, "Nothing that is kept.");
        let support = escape(&self.status.support);
        // Writing to a String cannot fail.
        let _ = write!(
            html,
            "<p>This page is up while the service is down. It shows what the service said {}, at {}.</p>\
             <p>Support, from {}: <a href=\"mailto:{support}\">{support}</a></p></main></body></html>",
            ago(silent),
            moment(self.heard),
            escape(&self.status.supplier),
        );
        html
    }

    /// Whether the service is up now.
    fn state(&self, html: &mut String, away: Option<SignedDuration>, wrong: bool) {
        let (class, text) = match (away, wrong, &self.asked) {
            (Some(_), _, _) => (
                " wrong",
                format!(
                    "The service has not answered since {}. Until it is back, nobody can sign in or use the application.",
                    moment(self.heard)
                ),
            ),
            (None, true, _) => (
                " wrong",
                "Something is wrong. What is known stands below.".to_owned(),
            ),
            (None, false, Asked::By(_)) => (
                "",
                "The service is up, and your organisation’s application answers.".to_owned(),
            ),
            (None, false, _) => ("", "The service is up.".to_owned()),
        };
        // Writing to a String cannot fail.
        let _ = write!(html, "<p class=\"now{class}\" role=\"status\">{text}</p>");
        if self.asked == Asked::ByStranger {
            html.push_str(
                "<p>What concerns one organisation alone is shown to its people: \
                 <a href=\"/\">sign in</a> to see it.</p>",
            );
        }
    }

    fn list(&self, html: &mut String, notices: &[&Notice], nothing: &str) {
        if notices.is_empty() {
            let _ = write!(html, "<p>{nothing}</p>");
        }
        for notice in notices {
            self.notice(html, notice);
        }
    }

    fn notice(&self, html: &mut String, notice: &Notice) {
        let whole = matches!(self.shown(notice), Shown::Whole);
        let title = match whole {
            true => escape(&notice.title),
            false => "One organisation is affected".to_owned(),
        };
        let _ = write!(
            html,
            "<section><h3>{title}</h3><p>Since {}",
            moment(notice.began)
        );
        if let Some(ended) = notice.ended {
            let _ = write!(
                html,
                ", until {}: {}",
                moment(ended),
                length(ended.duration_since(notice.began))
            );
        }
        let _ = write!(html, ". Number {}.</p>", notice.number);
        if whole && !notice.updates.is_empty() {
            html.push_str("<ul>");
            for said in &notice.updates {
                let _ = write!(html, "<li>{}: {}</li>", moment(said.at), escape(&said.text));
            }
            html.push_str("</ul>");
        }
        html.push_str("</section>");
    }

    /// How much of a notice this reader sees.
    fn shown(&self, notice: &Notice) -> Shown {
        match (&notice.about, &self.asked) {
            (About::Everybody, _) => Shown::Whole,
            (About::Tenant(tenant), Asked::By(reader)) if *tenant == reader.tenant => Shown::Whole,
            (About::Tenant(_), Asked::Anywhere) => Shown::ThatThereIsOne,
            (About::Rehearsal(tenant), Asked::By(reader))
                if reader.synthetic && *tenant == reader.tenant =>
            {
                Shown::Whole
            }
            _ => Shown::Nothing,
        }
    }
}

/// UK time, to the second: `22 November 2026, 20:15:03 GMT`.
fn moment(at: Timestamp) -> String {
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    let text = at.to_zoned(zone).strftime("%-d %B %Y, %H:%M:%S %Z");
    text.to_string()
}

fn ago(length: SignedDuration) -> String {
    match length.as_secs() {
        ..2 => "just now".to_owned(),
        _ => format!("{} ago", self::length(length)),
    }
}

/// A length of time in words.
fn length(length: SignedDuration) -> String {
    match length.as_secs() {
        seconds @ ..120 => format!("{} s", seconds.max(0)),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Said;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn notice(number: u64, about: About, title: &str) -> Notice {
        Notice {
            number,
            about,
            title: title.to_owned(),
            began: at("2026-11-22T20:00:00Z"),
            ended: None,
            updates: vec![Said {
                at: at("2026-11-22T20:05:00Z"),
                text: format!("{title}: <b>looked at</b>"),
            }],
        }
    }

    fn shown(notices: Vec<Notice>, asked: Asked, now: &str) -> String {
        let status = Status {
            service: "Acuity".into(),
            supplier: "Example".into(),
            support: "support@example.test".into(),
            notices,
        };
        Page {
            status: &status,
            heard: at("2026-11-22T20:10:00Z"),
            now: at(now),
            asked,
        }
        .html()
    }

    fn by(tenant: &str, synthetic: bool) -> Asked {
        Asked::By(Reader {
            tenant: tenant.into(),
            synthetic,
        })
    }

    const NOW: &str = "2026-11-22T20:10:01Z";

    #[test]
    fn each_reader_sees_what_concerns_them_and_nothing_of_another_organisation() {
        let notices = || {
            vec![
                notice(1, About::Everybody, "All slow"),
                notice(2, About::Tenant("riverside".into()), "Riverside silent"),
                notice(3, About::Rehearsal("riverside".into()), "Rehearsed"),
            ]
        };
        for (asked, sees, not) in [
            (
                Asked::Anywhere,
                &["All slow", "One organisation is affected"][..],
                &["Riverside", "Rehearsed"][..],
            ),
            (
                Asked::ByStranger,
                &["All slow"],
                &["Riverside", "One organisation", "Rehearsed"],
            ),
            (
                by("riverside", false),
                &["All slow", "Riverside silent"],
                &["Rehearsed", "One organisation"],
            ),
            (
                by("riverside", true),
                &["Riverside silent", "Rehearsed"],
                &["One organisation"],
            ),
            (
                by("hillside", true),
                &["All slow"],
                &["Riverside", "Rehearsed", "One organisation"],
            ),
        ] {
            let html = shown(notices(), asked.clone(), NOW);
            for text in sees {
                assert!(html.contains(text), "{asked:?}: {text}");
            }
            for text in not {
                assert!(!html.contains(text), "{asked:?}: {text}");
            }
        }
    }

    #[test]
    fn what_has_ended_is_history_with_its_length_and_what_was_said_is_no_markup() {
        let mut over = notice(7, About::Everybody, "All slow");
        over.ended = Some(at("2026-11-22T20:07:30Z"));
        let html = shown(vec![over], Asked::Anywhere, NOW);
        let (now, before) = html.split_once("What was wrong before").unwrap();
        assert!(now.contains("The service is up.") && !now.contains("All slow"));
        assert!(before.contains("until 22 November 2026, 20:07:30 GMT: 7 min"));
        assert!(before.contains("&lt;b&gt;looked at") && !html.contains("<b>"));
    }

    #[test]
    fn a_core_that_says_nothing_is_told_of_with_the_age_of_what_is_known() {
        let up = shown(Vec::new(), by("riverside", false), "2026-11-22T20:10:10Z");
        assert!(up.contains("your organisation’s application answers"));
        let away = shown(Vec::new(), by("riverside", false), "2026-11-22T20:13:10Z");
        assert!(away.contains("has not answered since 22 November 2026, 20:10:00 GMT"));
        assert!(away.contains("said 3 min ago"), "{away}");
    }
}
