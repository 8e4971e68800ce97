//! Ends a service when this program ends, however it ends.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Holds the writing end of a pipe; when that closes, what it guards is stopped and cleared away.
#[derive(Debug)]
pub struct Guard(Child);

/// Waits for the pipe to close, asks the service to stop, insists after 10 s, and clears its folder away.
const WATCH: &str = r#"
cat > /dev/null
kill -TERM "$1" 2> /dev/null
waited=0
while kill -0 "$1" 2> /dev/null && [ "$waited" -lt 100 ]; do sleep 0.1; waited=$((waited + 1)); done
kill -KILL "$1" 2> /dev/null
rm -rf -- "$2"
"#;

impl Guard {
    /// Guards this process and this folder.
    pub fn new(pid: u32, folder: &Path) -> Self {
        let child = Command::new("sh")
            .args(["-c", WATCH, "guard", &pid.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Guard {
    /// What it guarded was ended otherwise.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
