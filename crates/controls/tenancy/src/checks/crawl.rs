//! Follows the links of a tenant's pages, as a person of that tenant would.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use avouch_evidence::{Ask, Ctx};
use avouch_statement::TenantId;

/// The most pages of one tenant that a round opens.
pub const MOST_PAGES: usize = 200;

/// What a walk through one tenant's pages found.
#[derive(Debug, Default)]
pub struct Pages {
    /// The body of each page that was shown, by its path.
    pub shown: BTreeMap<String, Vec<u8>>,
    /// Were there more than [`MOST_PAGES`]?
    pub cut: bool,
}

/// Opens `from` and every page of the same host that links lead to, with this cookie. Only ever reads.
///
/// # Errors
/// If a page could not be asked for, or the first one was not shown.
pub async fn crawl(
    ctx: &Ctx,
    tenant: &TenantId,
    cookie: &str,
    from: &str,
) -> Result<Pages, String> {
    let origin = ctx.gateway.origin(tenant.as_str());
    let mut waiting = VecDeque::from([from.to_owned()]);
    let mut met = BTreeSet::from([from.to_owned()]);
    let mut pages = Pages::default();
    let mut opened = 0;
    while let Some(path) = waiting.pop_front() {
        if opened == MOST_PAGES {
            pages.cut = true;
            break;
        }
        opened += 1;
        let ask = Ask::get(&path).with("cookie", cookie);
        let answer = ctx
            .gateway
            .send(tenant.as_str(), ask)
            .await
            .map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            if opened == 1 {
                return Err(format!(
                    "the first page was answered {} to the tenant's own synthetic person",
                    answer.status.as_u16()
                ));
            }
            continue;
        }
        if answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
        {
            for link in links(&answer.text(), &path, &origin) {
                if met.insert(link.clone()) {
                    waiting.push_back(link);
                }
            }
        }
        pages.shown.insert(path, answer.body.to_vec());
    }
    Ok(pages)
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
}
