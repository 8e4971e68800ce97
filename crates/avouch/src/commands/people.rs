//! `avouch user records`: which records are somebody's own or their family's, read from standard input.

use std::io::BufRead as _;

use super::{online, views};
use crate::cli::Global;
use crate::control::{Request, Typed};
use crate::fail::Fail;

/// Says which records are whose. The numbers come on standard input, so that they stand in no list of processes.
pub fn records(global: &Global, email: String) -> Result<u8, Fail> {
    let (mut own, mut family) = (Vec::new(), Vec::new());
    for (place, line) in (1..).zip(std::io::stdin().lock().lines()) {
        let line = line.map_err(|error| Fail::new("standard input cannot be read").from(error))?;
        match line.trim().split_once(' ') {
            Some(("own", number)) => own.push(Typed(number.to_owned())),
            Some(("family", number)) => family.push(Typed(number.to_owned())),
            None if line.trim().is_empty() => {}
            _ => {
                return Err(Fail::new(format!(
                    "line {place} is neither `own NUMBER` nor `family NUMBER`"
                ))
                .help("write each number on a line of its own, after one of these words"));
            }
        }
    }
    let request = Request::UserRecords { email, own, family };
    online::simple(global, &request, views::records)
}
