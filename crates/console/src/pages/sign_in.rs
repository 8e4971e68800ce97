//! The only pages that see a password. Where it is not enough, `second_factor::half` goes on.

use askama::Template;
use http::{HeaderValue, StatusCode, header};

use super::{Answer, Problem, second_factor, see_other};
use crate::ask::Ask;
use crate::callers::{Caller, Visitor};
use crate::cookie;
use crate::desk::views::{Exchange, SignInAttempt, SignInOutcome};
use crate::html::{FieldError, Frame, Message, error_of, render};
use crate::local_path::LocalPath;
use crate::secret::{Secret, StateDigest};
use crate::service::Target;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Form {
    frame: Frame,
    email: String,
    to: String,
    path: String,
    errors: Vec<FieldError>,
}

impl Form {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// The form; or on to the target, when the browser comes back marked after the right password.
pub async fn form(_: Visitor, ask: Ask) -> Answer {
    let (pass, browser) = (
        cookie::pass(ask.headers()),
        StateDigest::read(ask.field("state")),
    );
    let (Some(pass), Some(browser), Some(target)) = (pass, browser, Target::read(ask.field("to")))
    else {
        return render(&empty_form(&ask, Vec::new()), StatusCode::OK);
    };
    let exchange = Exchange {
        pass,
        target: target.clone(),
        browser,
        client: ask.arrival.client.clone(),
        moment: ask.arrival.moment.clone(),
    };
    let path = LocalPath::or_root(ask.field("path"));
    let mut response = match ask.desk().code(exchange).await? {
        Some(code) => see_other(&ask.app.service.enter_address(&target, code.reveal(), &path))?,
        None => render(&empty_form(&ask, Vec::new()), StatusCode::OK)?,
    };
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, cookie::passed());
    Ok(response)
}

/// Tries what was typed.
pub async fn attempt(_: Visitor, ask: Ask) -> Answer {
    let (email, password) = (ask.field("email"), ask.raw_field("password"));
    // A missing part is refused like a wrong one, in the same words and the same time.
    let path = LocalPath::or_root(ask.field("path"));
    let attempt = SignInAttempt {
        email: email.to_owned(),
        password: Secret::new(password.to_owned()),
        to: Target::read(ask.field("to")),
        path: path.clone(),
        client: ask.arrival.client.clone(),
        moment: ask.arrival.moment.clone(),
    };
    match ask.desk().sign_in(attempt).await? {
        SignInOutcome::Admitted { target, pass } => {
            let cookie = cookie::passing(&pass).ok_or(Problem::DeadCode)?;
            let mut response = see_other(&ask.app.service.begin_address(&target, &path))?;
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        SignInOutcome::Half { half, set_up } => second_factor::half::page(&ask, &half, set_up),
        SignInOutcome::Failed => {
            let error = FieldError {
                field: "email",
                text: "The email address or the password is not right".to_owned(),
            };
            render(&empty_form(&ask, vec![error]), StatusCode::UNAUTHORIZED)
        }
        SignInOutcome::Throttled { retry_after } => throttled(&ask, retry_after),
    }
}

/// The page after signing out.
pub async fn done(_: Visitor, ask: Ask) -> Answer {
    let page = Message {
        frame: ask.frame("You have signed out", &Caller::Unknown),
        text: format!(
            "You are signed out of every part of {}, in this browser and in every other.",
            ask.app.service.name
        ),
        next: "Close the browser if you share this computer.",
    };
    render(&page, StatusCode::OK)
}

fn throttled(ask: &Ask, seconds: u32) -> Answer {
    let minutes = u64::from(seconds.div_ceil(60).max(1));
    let page = Message {
        frame: ask.frame("Too many attempts", &Caller::Unknown),
        text: format!(
            "There were too many attempts to sign in. You can try again in {}.",
            crate::shown::count(minutes, "minute", "minutes")
        ),
        next: "If you have forgotten your password, ask an administrator of your organisation for a new one.",
    };
    let mut response = render(&page, StatusCode::TOO_MANY_REQUESTS)?;
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Ok(response)
}

fn empty_form(ask: &Ask, errors: Vec<FieldError>) -> Form {
    let title = if errors.is_empty() {
        "Sign in"
    } else {
        "Error: Sign in"
    };
    Form {
        frame: ask.frame(title, &Caller::Unknown),
        // Not what was typed: every refusal is the same page, to the byte.
        email: String::new(),
        to: Target::read(ask.field("to")).map_or_else(String::new, |to| to.label().to_owned()),
        path: LocalPath::or_root(ask.field("path")).as_str().to_owned(),
        errors,
    }
}
