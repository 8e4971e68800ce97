//! The second factor in the console: the person's own, and shown again before something dangerous.

pub mod forms;
pub mod half;
mod picture;

use axum::response::Response;
use http::StatusCode;

use super::{Answer, Problem, see_other};
use crate::ask::Ask;
use crate::callers::SignedIn;
use crate::desk::Actor;
use crate::desk::second_factor::{Act, Confirmation, FactorOffer, Permit};
use crate::html::{Action, ActionKind, Cell, Fact, Listing, Nav, render};
use crate::local_path::LocalPath;
use crate::secret::Secret;
use crate::service::encode;
use forms::{Code, Offered, Recovery, Words};

/// The page of the person's own second factor.
const OWN: &str = "/account/second-factor";

/// Lets somebody through who may do this now; otherwise the answer leads to where they show or set up their second factor,
/// and `back` is where they then go on.
pub async fn gate(
    ask: &Ask,
    actor: &Actor,
    act: Act<'_>,
    back: &str,
) -> Result<Option<Response>, Problem> {
    Ok(match ask.desk().permit(actor, act).await? {
        Permit::Granted => None,
        Permit::ShowFactor => Some(see_other(&format!(
            "/account/confirm?path={}",
            encode(back)
        ))?),
        Permit::SetUpFactor => Some(see_other(OWN)?),
        Permit::SecondPerson => Some(see_other("/approvals?done=asked")?),
        Permit::Refused => return Err(Problem::Forbidden),
    })
}

/// The person's own second factor, and what can be done with it.
pub async fn page(who: SignedIn, ask: Ask) -> Answer {
    let own = ask.desk().own_factor(who.actor()).await?;
    let frame = ask.console_frame("Your second factor", &who.caller(), Nav::Elsewhere);
    let lead = match (own.since, own.demanded) {
        (Some(_), _) => {
            "When you sign in you are asked for a code from the application on your telephone as well as for your password."
        }
        (None, true) => {
            "Your role needs one. Have a telephone with an authenticator application at hand."
        }
        (None, false) => {
            "With a second factor, somebody who has learnt your password cannot sign in with it. You need a telephone with \
             an authenticator application."
        }
    };
    let mut page = Listing::new(frame, lead);
    page.facts = vec![
        Fact {
            name: "Set up",
            value: own
                .since
                .map_or_else(|| Cell::text("Not yet"), Cell::minute),
        },
        Fact {
            name: "Recovery codes left",
            value: Cell::text(own.recovery_left.to_string()),
        },
    ];
    let action = |text: &str, path: String, kind| Action {
        text: text.to_owned(),
        path,
        kind,
    };
    page.actions = match (own.since, own.demanded) {
        (None, _) => vec![action("Set it up", OWN.to_owned(), ActionKind::Button)],
        (Some(_), demanded) => {
            let codes = format!("{OWN}/codes");
            let mut actions = vec![action("Make new recovery codes", codes, ActionKind::Button)];
            if !demanded {
                let remove = format!("{OWN}/remove");
                actions.push(action("Take it away", remove, ActionKind::Warning));
            }
            actions
        }
    };
    render(&page, StatusCode::OK)
}

/// Offers one and shows it, this once.
pub async fn offer(who: SignedIn, ask: Ask) -> Answer {
    let offer = ask.desk().offer_factor(who.actor()).await?;
    offered(&who, &ask, offer, None)
}

/// Sets it up by its first code.
pub async fn confirm(who: SignedIn, ask: Ask) -> Answer {
    let code = Secret::new(ask.raw_field("code").to_owned());
    match ask.desk().confirm_factor(who.actor(), code).await? {
        Confirmation::Taken(codes) => recovery(&who, &ask, codes),
        Confirmation::Refused(offer) => offered(&who, &ask, offer, Some(forms::NOT_SHOWN)),
        Confirmation::Late => see_other(OWN),
    }
}

/// Makes new recovery codes and shows them, this once.
pub async fn codes(who: SignedIn, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::OwnFactor, OWN).await? {
        return Ok(answer);
    }
    let codes = ask.desk().renew_recovery(who.actor()).await?;
    recovery(&who, &ask, codes)
}

/// Takes the person's own away; they are signed out.
pub async fn remove(who: SignedIn, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::OwnFactor, OWN).await? {
        return Ok(answer);
    }
    ask.desk().remove_own_factor(who.actor()).await?;
    see_other("/account")
}

/// Asks for a code before something dangerous.
pub async fn ask_again(who: SignedIn, ask: Ask) -> Answer {
    again(&who, &ask, None, StatusCode::OK)
}

/// Takes that code, and goes on.
pub async fn shown_again(who: SignedIn, ask: Ask) -> Answer {
    let code = Secret::new(ask.raw_field("code").to_owned());
    if ask.desk().show_factor(who.actor(), code).await? {
        return see_other(LocalPath::or_root(ask.field("path")).as_str());
    }
    again(&who, &ask, Some(forms::NOT_TAKEN), StatusCode::UNAUTHORIZED)
}

fn again(who: &SignedIn, ask: &Ask, error: Option<&str>, status: StatusCode) -> Answer {
    let words = Words {
        heading: "Confirm that it is you",
        lead: "What you are about to do needs a fresh code. After it you come back to the page that you were on, and do it \
               there once more.",
        action: "/account/confirm",
        button: "Go on",
    };
    let frame = ask.console_frame(words.title(error), &who.caller(), Nav::Elsewhere);
    let path = LocalPath::or_root(ask.field("path"));
    let hidden = vec![("path", path.as_str().to_owned())];
    render(&Code::new(frame, words, hidden, error), status)
}

fn offered(who: &SignedIn, ask: &Ask, offer: FactorOffer, error: Option<&str>) -> Answer {
    let action = format!("{OWN}/confirm");
    let frame = ask.console_frame(forms::offer_title(error), &who.caller(), Nav::Elsewhere);
    let (page, status) = Offered::new(frame, &offer, action, Vec::new(), error);
    render(&page, status)
}

fn recovery(who: &SignedIn, ask: &Ask, codes: Vec<Secret>) -> Answer {
    let page = Recovery {
        frame: ask.console_frame("Recovery codes", &who.caller(), Nav::Elsewhere),
        codes,
        hidden: None,
    };
    render(&page, StatusCode::OK)
}
