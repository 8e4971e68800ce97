//! A path on our own host, safe to redirect to.

/// Longest path that is kept, in bytes; a browser's own limit is far above, a real page's far below.
const LONGEST: usize = 2_048;

/// Where somebody at an application reports a fault: the one page of ours there that wants a sign-in.
const SUPPORT: &str = "/.avouch/support";

/// A path and query on the host that answers. Whatever a browser makes of it, it stays there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// The start page.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path as given, or the start page when it is not plainly local.
    ///
    /// Refused: another host in any spelling (`//host`, `/\host`, encoded or not), a scheme, a
    /// control character or space (browsers drop some of them), and all that is ours under `/.avouch/` but the page where
    /// faults are reported.
    #[must_use]
    pub fn or_root(given: &str) -> Self {
        if is_plainly_local(given) {
            Self(given.to_owned())
        } else {
            Self::root()
        }
    }

    /// The path, to be put behind a host.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plainly_local(given: &str) -> bool {
    let printable = given
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = given
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let encoded_break = ["%2f", "%5c", "%0", "%1", "%25"]
        .iter()
        .any(|sign| path.contains(sign));
    given.len() <= LONGEST
        && printable
        && path.starts_with('/')
        && !path.contains("//")
        && !path.contains("/..")
        && !path.contains("/%2e")
        && (!path.starts_with("/.avouch") || path == SUPPORT)
        && !encoded_break
}
