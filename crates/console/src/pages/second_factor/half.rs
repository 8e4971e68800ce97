//! On the sign-in host, after the right password: the code, or setting one up.

use http::{HeaderValue, StatusCode, header};

use super::forms::{self, Code, Offered, Recovery, Words};
use crate::ask::Ask;
use crate::callers::{Caller, Visitor};
use crate::cookie;
use crate::desk::second_factor::{Confirmation, FactorOffer, HalfOutcome, HalfStep};
use crate::html::{Message, render};
use crate::local_path::LocalPath;
use crate::pages::problem::Problem;
use crate::pages::{Answer, see_other};
use crate::secret::Secret;
use crate::service::Target;

/// The page that a right password leads to where it is not enough, with the cookie that leads on from there.
pub fn page(ask: &Ask, half: &Secret, set_up: bool) -> Answer {
    let mut response = match set_up {
        true => code(ask, None, StatusCode::OK)?,
        false => needed(ask)?,
    };
    let cookie = cookie::halfway(half).ok_or(Problem::DeadCode)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Tries a code, or goes on after setting up.
pub async fn finish(_: Visitor, ask: Ask) -> Answer {
    let Some(step) = step(&ask) else {
        return late(&ask);
    };
    let path = step.path.clone();
    match ask.desk().finish(step).await? {
        HalfOutcome::Admitted { target, pass } => {
            let cookie = cookie::passing(&pass).ok_or(Problem::DeadCode)?;
            let mut response = see_other(&ask.app.service.begin_address(&target, &path))?;
            let headers = response.headers_mut();
            headers.insert(header::SET_COOKIE, cookie);
            headers.append(header::SET_COOKIE, cookie::no_longer_halfway());
            Ok(response)
        }
        HalfOutcome::Refused => code(&ask, Some(forms::NOT_TAKEN), StatusCode::UNAUTHORIZED),
        HalfOutcome::Late => late(&ask),
    }
}

/// Offers a second factor and shows it, this once.
pub async fn offer(_: Visitor, ask: Ask) -> Answer {
    let Some(half) = cookie::half(ask.headers()) else {
        return late(&ask);
    };
    match ask.desk().offer_halfway(&half).await? {
        Some(offer) => offered(&ask, &offer, None),
        None => late(&ask),
    }
}

/// Sets it up by its first code, and shows the recovery codes, this once.
pub async fn confirm(_: Visitor, ask: Ask) -> Answer {
    let Some(step) = step(&ask) else {
        return late(&ask);
    };
    match ask.desk().confirm_halfway(step).await? {
        Confirmation::Taken(codes) => {
            let page = Recovery {
                frame: ask.frame("Recovery codes", &Caller::Unknown),
                codes,
                hidden: Some(hidden(&ask)),
            };
            render(&page, StatusCode::OK)
        }
        Confirmation::Refused(offer) => offered(&ask, &offer, Some(forms::NOT_SHOWN)),
        Confirmation::Late => late(&ask),
    }
}

fn step(ask: &Ask) -> Option<HalfStep> {
    Some(HalfStep {
        half: cookie::half(ask.headers())?,
        code: Secret::new(ask.raw_field("code").to_owned()),
        to: Target::read(ask.field("to")),
        path: LocalPath::or_root(ask.field("path")),
        client: ask.arrival.client.clone(),
        moment: ask.arrival.moment.clone(),
    })
}

fn code(ask: &Ask, error: Option<&str>, status: StatusCode) -> Answer {
    let words = Words {
        heading: "Enter a code",
        lead: "Open the authenticator application on your telephone and enter the six digits that it shows for this \
               service. If you do not have it, enter one of your recovery codes.",
        action: "/second",
        button: "Sign in",
    };
    let frame = ask.frame(words.title(error), &Caller::Unknown);
    render(&Code::new(frame, words, hidden(ask), error), status)
}

/// That a second factor is needed, before one is offered.
fn needed(ask: &Ask) -> Answer {
    let page = forms::Needed {
        frame: ask.frame("Set up your second factor", &Caller::Unknown),
        hidden: hidden(ask),
    };
    render(&page, StatusCode::OK)
}

fn offered(ask: &Ask, offer: &FactorOffer, error: Option<&str>) -> Answer {
    let frame = ask.frame(forms::offer_title(error), &Caller::Unknown);
    let action = "/second/confirm".to_owned();
    let (page, status) = Offered::new(frame, offer, action, hidden(ask), error);
    render(&page, status)
}

/// The password has to be given again.
fn late(ask: &Ask) -> Answer {
    let page = Message {
        frame: ask.frame("Sign in again", &Caller::Unknown),
        text: "You were not signed in: the password was given too long ago, or in another browser."
            .to_owned(),
        next: "Go back to the page that you wanted, and sign in from there.",
    };
    let mut response = render(&page, StatusCode::UNAUTHORIZED)?;
    let gone: HeaderValue = cookie::no_longer_halfway();
    response.headers_mut().insert(header::SET_COOKIE, gone);
    Ok(response)
}

fn hidden(ask: &Ask) -> Vec<(&'static str, String)> {
    let to = Target::read(ask.field("to")).map_or_else(String::new, |to| to.label().to_owned());
    let path = LocalPath::or_root(ask.field("path"));
    vec![("to", to), ("path", path.as_str().to_owned())]
}
