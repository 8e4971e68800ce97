//! Commands, run to their end.

use std::ffi::OsStr;
use std::process::{Command, Output};

use serde_json::Value;

use super::programs;

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    /// What it printed, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The same, for a command that must have ended with this code.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// Runs `avouch` with nothing of the caller's environment that could change what it does.
#[track_caller]
pub fn avouch<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Done {
    let mut command = Command::new(programs::avouch_binary());
    command.env_remove("AVOUCH_LOG").args(arguments);
    command.output().unwrap().into()
}

/// Runs another program, which must succeed, and returns what it printed.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let done = Done::from(output);
    assert_eq!(done.code, 0, "{program}: {done:?}");
    done.out
}
