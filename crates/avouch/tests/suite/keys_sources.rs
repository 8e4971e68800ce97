//! Where the master key comes from: each source serves after a restart, and a wrong one is said and damages nothing.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{
    Done, Guard, Place, avouch, avouch_binary, build, free, kill, named, run, signal, user_ids,
    within,
};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const OTHER: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A service without tenants, so that it starts and is tried soon, whose master key comes from `master`.
struct Bare {
    place: Place,
    /// A shell that starts `avouch up`, which is its arguments.
    shell: String,
    running: Option<(Child, Guard)>,
}

impl Bare {
    fn new(master: &str) -> Self {
        build();
        let place = Place::new();
        place.statement(&[
            (
                "{ from = \"file\", path = \"master.key\" }".to_owned(),
                master.to_owned(),
            ),
            (
                "domain = \"acuity.localhost\"".to_owned(),
                format!("domain = \"acuity.localhost\"\nlisten = [\"{}\"]", free()),
            ),
            (
                "url = \"file:offsite\"".to_owned(),
                format!("url = \"file://{}\"", place.join("elsewhere").display()),
            ),
            (
                "restart-within = \"10 s\"".to_owned(),
                format!("restart-within = \"10 s\"\nuser-ids = {}", user_ids()),
            ),
        ]);
        Self {
            place,
            shell: "exec \"$@\"".to_owned(),
            running: None,
        }
    }

    fn starting(&self) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", &self.shell, "bash"]);
        command.arg(avouch_binary()).arg("-c");
        command.arg(self.place.join("avouch.toml")).arg("--data");
        command.arg(self.data()).args(["--json", "up"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Starts it and waits until everything serves.
    #[track_caller]
    fn serves(&mut self) {
        let log = fs::File::create(self.place.join("log")).unwrap();
        let mut child = self.starting().stderr(log).spawn().unwrap();
        let guard = Guard::new(child.id(), self.place.path());
        let mut lines = BufReader::<ChildStdout>::new(child.stdout.take().unwrap());
        self.running = Some((child, guard));
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let log = fs::read_to_string(self.place.join("log")).unwrap();
        assert!(line.contains("\"ready\":true"), "{line}{log}");
    }

    /// Starts it in vain.
    #[track_caller]
    fn does_not_start(&self, says: &str) {
        let done: Done = self
            .starting()
            .stderr(Stdio::piped())
            .output()
            .unwrap()
            .into();
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{done:?}");
        let sentences: Vec<&str> = done
            .err
            .lines()
            .filter(|line| line.starts_with("error: the keys cannot be unlocked"))
            .collect();
        assert_eq!(sentences.len(), 1, "{}", done.err);
        assert!(sentences[0].contains(says), "{}", sentences[0]);
        assert!(!done.err.contains(KEY), "{}", done.err);
    }

    #[track_caller]
    fn stop(&mut self) {
        let (mut child, guard) = self.running.take().unwrap();
        signal(child.id().cast_signed(), Signal::SIGTERM);
        let ended = within(40, || child.try_wait().unwrap());
        drop(guard);
        assert_eq!(ended.and_then(|status| status.code()), Some(0));
    }

    /// Changes the statement.
    fn edit(&self, from: &str, to: &str) {
        let path = self.place.join("avouch.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// What the check of the claim says now, if the service can be asked.
    fn try_master(&self) -> Result<(i32, String), Done> {
        let (statement, data) = (self.place.join("avouch.toml"), self.data());
        let (statement, data) = (statement.to_str().unwrap(), data.to_str().unwrap());
        let asked = [
            "-c",
            statement,
            "--data",
            data,
            "--json",
            "check",
            "keys.master",
        ];
        let done = avouch(asked);
        match serde_json::from_str::<Value>(&done.out) {
            Ok(report) => Ok((done.code, report["claims"].to_string())),
            Err(_) => Err(done),
        }
    }

    #[track_caller]
    fn master(&self, status: &str, says: &str) {
        let (code, said) = self.try_master().unwrap();
        assert_eq!(code, i32::from(status != "held"), "{said}");
        assert!(said.contains(&format!("\"status\":\"{status}\"")), "{said}");
        assert!(said.contains(says), "{said}");
        assert!(!said.contains(KEY), "{said}");
    }

    fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.place.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Backs it up, destroys its data folder, and brings everything back by the keys and the passphrase alone.
    #[track_caller]
    fn comes_back_by_its_passphrase(&mut self, words: &Path) {
        let (statement, data) = (self.place.join("avouch.toml"), self.data());
        let (backups, keys) = (self.place.join("elsewhere"), self.place.join("keys"));
        let of_it = |words: &[&str]| {
            let global = ["-c", text(&statement), "--data", text(&data)];
            avouch([&global[..], words].concat())
        };
        of_it(&["backup", "run"]).with(0);
        run("cp", ["-a", text(&data.join("core/keys")), text(&keys)]);
        self.stop();
        fs::remove_dir_all(&data).unwrap();
        let restore = |words: &Path| -> Done {
            let mut command = Command::new("bash");
            let given = format!("exec \"$@\" --passphrase-fd 3 3< {}", words.display());
            command.args(["-c", &given, "bash"]);
            command.arg(avouch_binary());
            command.args(["-c", text(&statement), "--data", text(&data)]);
            command.args(["restore", "--everything", "--from", text(&backups)]);
            command.args(["--keys", text(&keys), "--because", "it burned", "--execute"]);
            command.stdin(Stdio::null()).output().unwrap().into()
        };
        let wrong = self.write("wrong", "four words and a fish\n");
        let refused = restore(&wrong).with(2);
        assert!(
            refused.err.contains("the keys were not opened"),
            "{refused:?}"
        );
        assert!(!data.join("VERSION").exists());
        restore(words).with(0);
        self.serves();
        self.master("held", "made from a passphrase");
        self.stop();
    }

    fn root_key(&self) -> Vec<u8> {
        fs::read(self.data().join("core/keys/root.key")).unwrap()
    }
}

impl Drop for Bare {
    /// Ends what a failed test left.
    fn drop(&mut self) {
        if let Some((mut child, _guard)) = self.running.take() {
            signal(child.id().cast_signed(), Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

#[test]
fn a_passphrase_serves_after_the_core_died_and_after_a_restart_and_a_wrong_one_damages_nothing() {
    let mut service = Bare::new("{ from = \"passphrase\" }");
    service.shell = "exec setsid --wait \"$@\"".to_owned();
    service.does_not_start("there is no terminal to ask for the passphrase on");

    let words = service.write("words", "four words and a bird\n");
    service.shell = format!("exec \"$@\" --passphrase-fd 3 3< {}", words.display());
    service.serves();
    service.master("held", "made from a passphrase");
    // Nobody is there to give the passphrase again.
    let core = named(&service.data(), "core").unwrap();
    kill(core);
    let another = || named(&service.data(), "core").filter(|pid| *pid != core);
    within(20, || another().and_then(|_| service.try_master().ok())).expect("the core is back");
    service.stop();

    let keys = service.root_key();
    service.write("words", "four words and a fish\n");
    service.does_not_start("under another master key than the one given");
    assert_eq!(service.root_key(), keys);
    service.write("words", "four words and a bird\n");
    service.serves();
    service.comes_back_by_its_passphrase(&words);
}

#[test]
fn a_command_serves_after_a_restart_and_a_failing_one_is_said_with_its_exit_code_only() {
    let mut service = Bare::new("{ from = \"command\", command = [\"/bin/sh\", \"SCRIPT\"] }");
    let script = service.write("key.sh", &format!("echo {KEY}\n"));
    service.edit("SCRIPT", script.to_str().unwrap());
    service.serves();
    service.master("held", "a command fetches at each start");

    // A copy of the master key beside the keys gives the disk's thief everything.
    let copy = service.data().join("core/keys/note");
    fs::write(&copy, format!("{KEY}\n")).unwrap();
    service.master("broken", "holds a key in the clear");
    fs::remove_file(copy).unwrap();
    service.master("held", "");
    service.write("key.sh", &format!("echo {KEY} >&2\nexit 7\n"));
    service.master("broken", "ended with exit code 7");
    service.stop();

    let keys = service.root_key();
    service.does_not_start(
        "the command `/bin/sh` that gives the master key ended with exit code 7; run it by hand",
    );
    service.write("key.sh", &format!("echo {OTHER}\n"));
    service.does_not_start("under another master key than the one given");
    assert_eq!(service.root_key(), keys);
    service.write("key.sh", &format!("echo {KEY}\n"));
    service.serves();
    service.stop();
}

#[test]
fn a_credential_serves_after_a_restart_and_must_not_lie_on_a_disk() {
    let mut service = Bare::new("{ from = \"credential\", name = \"avouch-master\" }");
    service.does_not_start("`CREDENTIALS_DIRECTORY` is not set");

    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let credential = memory.path().join("avouch-master");
    fs::write(&credential, KEY).unwrap();
    let start_with = |folder: &std::path::Path| {
        let folder = folder.display();
        format!("CREDENTIALS_DIRECTORY={folder} exec \"$@\"")
    };
    service.shell = start_with(memory.path());
    service.serves();
    service.master("held", "service manager hands over");
    fs::remove_file(&credential).unwrap();
    service.master("broken", "cannot be read");
    service.stop();

    service.does_not_start("the credential `avouch-master` cannot be read");
    let disk = service.place.path().to_owned();
    service.write("avouch-master", KEY);
    service.shell = start_with(&disk);
    service.serves();
    service.master("broken", "lies on a disk");
    service.stop();
}
