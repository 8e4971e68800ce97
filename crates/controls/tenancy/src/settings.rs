//! `[tenancy]`: how tenants are kept apart.

use avouch_statement::{Draft, Figure, Table};

use crate::checks::{MOST_ATTACKERS, SAMPLE};

/// The claim that tenants are kept apart.
pub const ISOLATION: &str = "tenancy.isolation";

/// How tenants are kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// By what.
    pub isolation: Isolation,
    /// Where the check of segregation begins to follow links. Wiring.
    pub crawl_from: String,
}

/// What keeps tenants apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A process, a data folder and a key for each tenant.
    Process,
}

/// Reads `[tenancy]`.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    let isolation = section.need_word("isolation", &[("process", Isolation::Process)]);
    let crawl_from = section.or("crawl-from", "/".to_owned(), |section, key| {
        section.need_parsed(key, "a path", "/", |text| {
            match text.starts_with('/') && !text.starts_with("//") {
                true => Ok(text.to_owned()),
                false => Err("does not start with one `/`".to_owned()),
            }
        })
    });
    let isolation = isolation?.value;
    section.claim(
        "isolation",
        Draft::enforced(
            "Each tenant has a process, a data folder and a key of its own. Neither a request with one tenant's sign-in \
             nor a program in one tenant's process reaches another tenant's data.",
            Figure::Word("process".to_owned()),
            format!(
                "In each round a sample of up to {SAMPLE} pages of each tenant that links lead to, spread over its folders \
                 and taken in turn until all were tried, is asked for again with another tenant's sign-in, and every \
                 record among them also to be changed (by up to {MOST_ATTACKERS} tenants a round, taken in turn). A probe \
                 in each tenant's confinement tries files, sockets, network, processes and namespaces; the finding says \
                 what the kernel of this machine confined it by, and what that leaves. The process that answers for each \
                 tenant is looked at from outside: whether the supervisor started it, its ids, capabilities, filter of \
                 system calls and namespaces. Not tried: Landlock's rules on that process, which the kernel shows to \
                 nobody, so that the probe alone stands for them; the keys, \
                 each of which is drawn at random and bound to its tenant; pages that no link leads to; \
                 recounting totals, which come from a process that cannot open another tenant's data; and scripts in a \
                 browser, where one tenant's application can have its own visitors signed out everywhere by filling \
                 the browser with cookies, but can hand another's application none."
            ),
        ),
    );
    Some(Settings {
        isolation,
        crawl_from: crawl_from?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[track_caller]
    fn parsed(text: &str) -> Result<Settings, String> {
        let source = Source::new("avouch.toml", format!("[tenancy]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("tenancy", "{ … }").unwrap();
        let settings = read(&mut section);
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        assert_eq!(claims[0].id.as_str(), ISOLATION);
        Ok(settings.unwrap())
    }

    #[test]
    fn isolation_is_by_process_and_said_outright() {
        assert_eq!(parsed("isolation = \"process\"").unwrap().crawl_from, "/");
        let from = parsed("isolation = \"process\"\ncrawl-from = \"/wards\"").unwrap();
        assert_eq!(from.crawl_from, "/wards");
        for (text, message) in [
            ("", "`tenancy` does not say `isolation`"),
            ("isolation = \"row\"", "`isolation` cannot be \"row\""),
            (
                "isolation = \"process\"\ncrawl-from = \"https://elsewhere\"",
                "`crawl-from` must be a path",
            ),
            (
                "isolation = \"process\"\ncrawl-from = \"//elsewhere\"",
                "`crawl-from` must be a path",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err(), message, "{text}");
        }
    }
}
