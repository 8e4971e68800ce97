//! The forms about second factors, on the sign-in host and in the console alike.

use askama::Template;
use http::StatusCode;

use super::picture;
use crate::desk::second_factor::FactorOffer;
use crate::html::{FieldError, Frame, error_of};
use crate::secret::Secret;

/// What is said of a code that was not taken, whatever the reason.
pub const NOT_TAKEN: &str =
    "The code is not right, or was used before. Wait for the next one and enter that";
/// What is said of a first code that was not taken.
pub const NOT_SHOWN: &str = "That is not the code that the application shows for this picture";

/// What a page says that asks for a code.
pub struct Words {
    /// Its heading.
    pub heading: &'static str,
    /// The sentence under it.
    pub lead: &'static str,
    /// Where the form goes.
    pub action: &'static str,
    /// The button.
    pub button: &'static str,
}

impl Words {
    /// The page's title.
    pub fn title(&self, error: Option<&str>) -> &'static str {
        match (error, self.heading) {
            (Some(_), _) => "Error: Enter a code",
            (None, heading) => heading,
        }
    }
}

/// Asks for a code.
#[derive(Template)]
#[template(path = "code.html")]
pub struct Code {
    frame: Frame,
    words: Words,
    hidden: Vec<(&'static str, String)>,
    errors: Vec<FieldError>,
}

impl Code {
    /// A page that asks for one, with what is sent along, and what was wrong with the one before.
    pub fn new(
        frame: Frame,
        words: Words,
        hidden: Vec<(&'static str, String)>,
        error: Option<&str>,
    ) -> Self {
        Self {
            frame,
            words,
            hidden,
            errors: errors(error),
        }
    }

    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// Shows what is offered, and asks for its first code.
#[derive(Template)]
#[template(path = "factor_offer.html")]
pub struct Offered {
    frame: Frame,
    /// A picture made by us.
    picture: Option<String>,
    key: String,
    action: String,
    hidden: Vec<(&'static str, String)>,
    errors: Vec<FieldError>,
}

impl Offered {
    /// The page and its status.
    pub fn new(
        frame: Frame,
        offer: &FactorOffer,
        action: String,
        hidden: Vec<(&'static str, String)>,
        error: Option<&str>,
    ) -> (Self, StatusCode) {
        let status = match error {
            None => StatusCode::OK,
            Some(_) => StatusCode::UNAUTHORIZED,
        };
        let page = Self {
            frame,
            picture: picture::svg(offer.address.reveal()),
            key: grouped(offer.key.reveal()),
            action,
            hidden,
            errors: errors(error),
        };
        (page, status)
    }

    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// Says that one is needed, and leads on to setting it up.
#[derive(Template)]
#[template(path = "factor_needed.html")]
pub struct Needed {
    /// The frame.
    pub frame: Frame,
    /// What is sent along.
    pub hidden: Vec<(&'static str, String)>,
}

/// The title of the page that offers one.
pub fn offer_title(error: Option<&str>) -> &'static str {
    match error {
        None => "Set up your second factor",
        Some(_) => "Error: Set up your second factor",
    }
}

/// Shows recovery codes, this once.
#[derive(Template)]
#[template(path = "recovery.html")]
pub struct Recovery {
    /// The frame.
    pub frame: Frame,
    /// The codes.
    pub codes: Vec<Secret>,
    /// At sign-in, what is sent to go on.
    pub hidden: Option<Vec<(&'static str, String)>>,
}

fn errors(error: Option<&str>) -> Vec<FieldError> {
    let error = error.map(|text| FieldError {
        field: "code",
        text: text.to_owned(),
    });
    error.into_iter().collect()
}

/// Groups of four, which are easier to type.
fn grouped(key: &str) -> String {
    let signs: Vec<char> = key.chars().collect();
    let groups: Vec<String> = signs
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(" ")
}
