//! What the gateway did with somebody: let in, sent away, or neither.

use avouch_evidence::{Answer, Ask, Ctx, VantageError};
use avouch_keyring::Secret;

/// The session cookie's name at every host.
const COOKIE: &str = "__Host-avouch";
/// The name of the cookie of somebody half way in.
const HALF: &str = "__Host-avouch-half";

/// What came of asking for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// Something was shown, with this status.
    Open(u16),
    /// Nothing was shown, with this status.
    Shut(u16),
    /// Nothing can be said.
    Unclear(String),
}

impl Door {
    fn of(answer: Result<Answer, VantageError>) -> Self {
        match answer {
            Ok(answer) if answer.status.is_success() => Self::Open(answer.status.as_u16()),
            Ok(answer) if answer.status.is_server_error() => {
                Self::Unclear(format!("status {}", answer.status.as_u16()))
            }
            Ok(answer) => Self::Shut(answer.status.as_u16()),
            Err(error) => Self::Unclear(error.to_string()),
        }
    }
}

/// Asks for a page, with a session's token or without.
pub(super) async fn knock(
    ctx: &Ctx,
    label: &str,
    path: &str,
    token: Option<&Secret<String>>,
) -> Door {
    let mut ask = Ask::get(path);
    if let Some(token) = token {
        ask = ask.with("cookie", cookie(token));
    }
    Door::of(ctx.gateway.send(label, ask).await)
}

/// Sends an empty form, without a session.
pub(super) async fn send(ctx: &Ctx, label: &str, path: &str) -> Door {
    Door::of(submit(ctx, label, path, None, &[]).await)
}

/// Sends a form to a page as its own script-free form would.
pub(super) async fn submit(
    ctx: &Ctx,
    label: &str,
    path: &str,
    token: Option<&Secret<String>>,
    fields: &[(&str, &str)],
) -> Result<Answer, VantageError> {
    let mut ask = Ask::form(path, &ctx.gateway.origin(label), encode(fields));
    if let Some(token) = token {
        ask = ask.with("cookie", cookie(token));
    }
    ctx.gateway.send(label, ask).await
}

/// What the sign-in page did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Let in.
    Admitted,
    /// Refused, with this status and page.
    Refused(u16, Vec<u8>),
}

/// Tries to sign in, on the way to `target`.
pub(super) async fn attempt(
    ctx: &Ctx,
    target: &str,
    fields: &[(&str, &str)],
) -> Result<Attempt, String> {
    let mut all = vec![("to", target), ("path", "/")];
    all.extend_from_slice(fields);
    let answer = submit(ctx, "signin", "/", None, &all)
        .await
        .map_err(|error| error.to_string())?;
    attempted(answer)
}

fn attempted(answer: Answer) -> Result<Attempt, String> {
    if answer.status.is_server_error() {
        return Err(format!(
            "the sign-in page answered {}",
            answer.status.as_u16()
        ));
    }
    Ok(match is_admission(&answer) {
        true => Attempt::Admitted,
        false => Attempt::Refused(answer.status.as_u16(), answer.body.to_vec()),
    })
}

/// Where a right password leads that is not enough: to a page that asks for more, with this cookie.
pub(super) async fn half(
    ctx: &Ctx,
    target: &str,
    email: &str,
    password: &str,
) -> Result<Half, String> {
    let both = [
        ("to", target),
        ("path", "/"),
        ("email", email),
        ("password", password),
    ];
    let answer = submit(ctx, "signin", "/", None, &both)
        .await
        .map_err(|error| error.to_string())?;
    let set = answer.header("set-cookie").unwrap_or_default();
    let pair = set.split(';').next().unwrap_or_default();
    Ok(match pair.split_once('=') {
        Some((HALF, value)) if !value.is_empty() => Half::Asked(pair.to_owned()),
        _ if is_admission(&answer) => Half::Admitted,
        _ => Half::Refused(answer.status.as_u16()),
    })
}

/// What a right password did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Half {
    /// It was enough.
    Admitted,
    /// More is asked for, of whoever brings this cookie.
    Asked(String),
    /// Refused, with this status.
    Refused(u16),
}

/// Hands a code in, half way.
pub(super) async fn finish(
    ctx: &Ctx,
    target: &str,
    half: &str,
    code: &str,
) -> Result<Attempt, String> {
    let fields = encode(&[("to", target), ("path", "/"), ("code", code)]);
    let ask = Ask::form("/second", &ctx.gateway.origin("signin"), fields).with("cookie", half);
    let answer = ctx.gateway.send("signin", ask).await;
    attempted(answer.map_err(|error| error.to_string())?)
}

fn is_admission(answer: &Answer) -> bool {
    let to = answer.header("location");
    answer.status.is_redirection() && to.is_some_and(|to| to.contains("/.avouch/begin?"))
}

pub(super) fn cookie(token: &Secret<String>) -> String {
    format!("{COOKIE}={}", token.expose())
}

/// Source: WHATWG URL, 5.2 (application/x-www-form-urlencoded).
fn encode(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_fields_survive_their_own_punctuation() {
        assert_eq!(
            encode(&[("a", "x@y&z=é"), ("b", "")]),
            "a=x%40y%26z%3D%C3%A9&b="
        );
    }
}
