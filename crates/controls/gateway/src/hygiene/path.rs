//! Paths that two parties could read differently, and hosts.

/// Whether every party reads this path the same way: no dot segments, no hidden slash, no control byte, in any spelling.
pub fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2f", "%5c", "%25", "\\", "%0", "%1", "%7f"];
    path.starts_with('/')
        && !hidden.iter().any(|spelling| lower.contains(spelling))
        && !lower.split('/').any(|segment| {
            matches!(
                segment.replace("%2e", ".").split(';').next(),
                Some("." | "..")
            )
        })
        && path.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

/// The host's name without its port, lower-case; `None` when it is no plain DNS name.
pub fn host(authority: &str) -> Option<String> {
    let name = match authority.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        Some(_) => return None,
        None => authority,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_be_read_two_ways_is_not_plain() {
        for path in ["/", "/a/b", "/a.b/..c", "/a%20b", "/a;x=1"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "",
            "*",
            "/a/../b",
            "/./a",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0ab",
            "/a/..;/b",
            "/%252e",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn a_host_is_a_plain_name_with_or_without_a_port() {
        assert_eq!(
            host("Riverside.Acuity.Test:8443").as_deref(),
            Some("riverside.acuity.test")
        );
        assert_eq!(host("a.test").as_deref(), Some("a.test"));
        for odd in [
            "",
            ":443",
            "a.test:",
            "a.test:x",
            "user@a.test",
            "[::1]:443",
            "a test",
            "a_b.test",
            "a.test/x",
        ] {
            assert_eq!(host(odd), None, "{odd}");
        }
    }
}
