//! `avouch clock`: how the clock stands, and the word of somebody who has compared it with another.

use serde_json::Value;

use super::online;
use crate::cli::{self, Global};
use crate::control::Request;
use crate::fail::Fail;
use crate::text::{Shown, cell, wrapped};

/// Asks, or says that it is right.
///
/// # Errors
/// If the service does not run, or the clock is not what the other one says.
pub fn run(global: &Global, command: cli::Clock) -> Result<u8, Fail> {
    let request = match command {
        cli::Clock::Show => Request::Clock,
        cli::Clock::Believe { time, because } => Request::ClockBelieve { time, because },
    };
    online::simple(global, &request, text)
}

fn text(value: &Value) -> String {
    let now = cell(value.get("now"), Shown::When);
    let doubt = value.get("doubt").and_then(Value::as_str);
    let said = match (doubt, value.get("executed")) {
        (Some(doubt), Some(Value::Bool(true))) => {
            format!("It is {now}, and that is believed. What was doubted before: {doubt}.")
        }
        (None, Some(Value::Bool(true))) => format!("It is {now}. That was believed already."),
        (Some(doubt), _) => format!(
            "It is {now} by the clock, which is doubted: {doubt}. Nothing is removed, and nothing lapses, until it is right."
        ),
        (None, _) => format!("It is {now}, and the clock is believed."),
    };
    wrapped(&said, "", "")
}
