//! Follows the links of a tenant's pages, as a person of that tenant would.

use std::collections::{BTreeMap, BTreeSet};

use avouch_evidence::{Ask, Ctx};
use avouch_statement::TenantId;

/// How many pages of one tenant a round opens. Each opening is an event in the audit trail, so
/// that a round costs the same whatever the tenant has; the rest have their turn in later rounds.
pub const SAMPLE: usize = 40;
/// No more paths than this are remembered for one tenant.
const MOST_KNOWN: usize = 20_000;

/// What a walk through some of one tenant's pages found.
#[derive(Debug, Default)]
pub struct Pages {
    /// The body of each page that was shown, by its path.
    pub shown: BTreeMap<String, Vec<u8>>,
    /// Every path that links are known to lead to, opened in this round or not.
    pub known: BTreeSet<String>,
    /// How many of those were never opened so far.
    pub unopened: usize,
}

/// The paths of one tenant, and in which round each was opened last; 0 for never.
#[derive(Debug, Default)]
pub struct Known {
    paths: BTreeMap<String, u64>,
    round: u64,
}

impl Known {
    /// What to open next: what was never opened or longest ago, from the folder that was opened
    /// least in this round, so that a part of everything is seen in each.
    fn next(&self, opened: &BTreeMap<String, usize>) -> Option<String> {
        self.paths
            .iter()
            .filter(|(_, last)| **last < self.round)
            .min_by_key(|(path, last)| (**last, opened.get(folder(path)).copied().unwrap_or(0)))
            .map(|(path, _)| path.clone())
    }

    fn add(&mut self, path: String) {
        if self.paths.len() < MOST_KNOWN {
            self.paths.entry(path).or_insert(0);
        }
    }
}

/// Opens `from` and then up to [`SAMPLE`] pages in all of the same host that links lead to, with
/// this cookie. Only ever reads.
///
/// # Errors
/// If a page could not be asked for, or the first one was not shown.
pub async fn crawl(
    ctx: &Ctx,
    tenant: &TenantId,
    cookie: &str,
    from: &str,
    known: &mut Known,
) -> Result<Pages, String> {
    let origin = ctx.gateway.origin(tenant.as_str());
    let mut pages = Pages::default();
    let mut opened: BTreeMap<String, usize> = BTreeMap::new();
    known.round += 1;
    let mut turn = Some(from.to_owned());
    for count in 1..=SAMPLE {
        let Some(path) = turn.take().or_else(|| known.next(&opened)) else {
            break;
        };
        known.paths.insert(path.clone(), known.round);
        *opened.entry(folder(&path).to_owned()).or_default() += 1;
        let ask = Ask::get(&path).with("cookie", cookie);
        let answer = ctx
            .gateway
            .send(tenant.as_str(), ask)
            .await
            .map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            if count == 1 {
                return Err(format!(
                    "the first page was answered {} to the tenant's own synthetic person",
                    answer.status.as_u16()
                ));
            }
            known.paths.remove(&path);
            continue;
        }
        if answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
        {
            for link in links(&answer.text(), &path, &origin) {
                known.add(link);
            }
        }
        pages.shown.insert(path, answer.body.to_vec());
    }
    pages.unopened = known.paths.values().filter(|last| **last == 0).count();
    pages.known = known.paths.keys().cloned().collect();
    Ok(pages)
}

/// A path up to its last part.
pub fn folder(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or(path);
    path.strip_suffix(last_part(path)).unwrap_or(path)
}

/// The last part of a path, without the query.
pub fn last_part(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or(path);
    path.rsplit('/').next().unwrap_or(path)
}

/// The paths on the same origin that a page's `href`s lead to.
fn links(page: &str, at: &str, origin: &str) -> Vec<String> {
    page.split("href=")
        .skip(1)
        .filter_map(quoted)
        .filter_map(|href| resolve(&href, at, origin))
        .collect()
}

fn quoted(rest: &str) -> Option<String> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = rest.get(1..)?;
    let end = inside.find(quote)?;
    Some(inside.get(..end)?.replace("&amp;", "&"))
}

/// The path that a link on page `at` leads to, or nothing where it leaves the origin or is Avouch's own.
fn resolve(href: &str, at: &str, origin: &str) -> Option<String> {
    let href = href.split('#').next().unwrap_or_default().trim();
    let href = match href.strip_prefix(origin) {
        Some("") => "/",
        Some(rest) if rest.starts_with(['/', '?']) => rest,
        Some(_) => return None,
        None => href,
    };
    let scheme = href
        .split(['/', '?'])
        .next()
        .is_some_and(|first| first.contains(':'));
    if href.is_empty() || scheme || href.starts_with("//") || href.contains(char::is_whitespace) {
        return None;
    }
    let page = at.split('?').next().unwrap_or("/");
    let path = if href.starts_with('/') {
        href.to_owned()
    } else if href.starts_with('?') {
        format!("{page}{href}")
    } else {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{href}")
    };
    let path = without_dots(&path);
    (!path.starts_with("/.avouch")).then_some(path)
}

/// Walks `.` and `..` as a browser does.
fn without_dots(path: &str) -> String {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (path, String::new()),
    };
    let mut parts: Vec<&str> = Vec::new();
    let ends_as_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let mut walked = format!("/{}", parts.join("/"));
    if ends_as_folder && !walked.ends_with('/') {
        walked.push('/');
    }
    walked + &query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_stay_on_the_host_are_followed() {
        for (href, leads_to) in [
            ("/wards/1", Some("/wards/1")),
            ("2", Some("/wards/2")),
            ("./2/assessments/9", Some("/wards/2/assessments/9")),
            ("../about", Some("/about")),
            ("?page=2&amp;by=day", Some("/wards/1?page=2&by=day")),
            ("https://a.example:8443/x#top", Some("/x")),
            ("https://a.example:84430/x", None),
            ("https://elsewhere.example/x", None),
            ("//elsewhere.example/x", None),
            ("mailto:a@example.test", None),
            ("javascript:alert(1)", None),
            ("#top", None),
            ("/.avouch/jwks.json", None),
        ] {
            let page = format!("<p><a class='x' href=\"{href}\">go</a>");
            let found = links(&page, "/wards/1", "https://a.example:8443");
            assert_eq!(found.first().map(String::as_str), leads_to, "{href}");
        }
    }

    #[test]
    fn every_link_of_a_page_is_found() {
        let page = "<a href='/a'>a</a> <a href=\"/b\">b</a> <a href=/c>c</a> href=";
        assert_eq!(links(page, "/", "https://a.example"), ["/a", "/b"]);
    }

    /// The paths opened in one round, without what the pages themselves lead to.
    fn round(known: &mut Known) -> Vec<String> {
        known.round += 1;
        let mut opened = BTreeMap::new();
        let mut paths = Vec::new();
        while paths.len() < SAMPLE
            && let Some(path) = known.next(&opened)
        {
            known.paths.insert(path.clone(), known.round);
            *opened.entry(folder(&path).to_owned()).or_insert(0) += 1;
            paths.push(path);
        }
        paths
    }

    #[test]
    fn every_page_has_its_turn_and_none_a_second_before_all_had_one() {
        let mut known = Known::default();
        for number in 0..2 * SAMPLE + 1 {
            known.add(format!("/records/{number}"));
        }
        let mut met = BTreeSet::new();
        for _ in 0..2 {
            met.extend(round(&mut known));
        }
        assert_eq!(met.len(), 2 * SAMPLE);
        met.extend(round(&mut known));
        assert_eq!(met.len(), 2 * SAMPLE + 1);
    }

    #[test]
    fn each_round_opens_something_of_every_folder() {
        let mut known = Known::default();
        for number in 0..1_000 {
            known.add(format!("/wards/1/{number}"));
        }
        for ward in 2..9 {
            known.add(format!("/wards/{ward}/7"));
        }
        let opened = round(&mut known);
        for ward in 1..9 {
            let part = format!("/wards/{ward}/");
            assert!(opened.iter().any(|path| path.starts_with(&part)), "{ward}");
        }
    }
}
