//! Whatever a command prints.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::server::Home;
use super::{judged, settled, with_source};
use crate::harness::Service;

const CLAIM: &str = "backup.source.legacy.kind";

#[test]
fn what_a_command_prints_is_kept_and_half_of_it_is_not() {
    let home = Home::new("nobody");
    let program = home.join("dump");
    let rows = home.join("rows");
    let write = |tail: &str| {
        let script = format!("#!/bin/sh\n/usr/bin/cat \"$1\"\necho \"of $2\"\n{tail}\n");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    };
    fs::write(&rows, "one\ntwo\n").unwrap();
    fs::set_permissions(&rows, fs::Permissions::from_mode(0o644)).unwrap();
    write("echo '-- complete'");
    let (options, _) = with_source(&format!(
        "name = \"legacy\"\nkind = \"command\"\ncommand = [\"{}\", \"{}\", \"$TENANT\"]\nruns = [\"/bin/sh\", \"/usr/bin/cat\"]\nreads = [\"{}\"]\nends-with = \"-- complete\"",
        program.display(),
        rows.display(),
        rows.display()
    ));
    let service = Service::start(options);
    settled(&service, CLAIM);
    let to = service.place().join("look");
    service
        .avouch(&[
            "restore",
            "riverside",
            "--source",
            "legacy",
            "--because",
            "a question",
            "--execute",
            "--to",
            to.to_str().unwrap(),
        ])
        .with(0);
    let kept = fs::read_to_string(to.join("legacy")).unwrap();
    assert_eq!(kept, "one\ntwo\nof riverside\n-- complete\n");

    for (tail, says) in [
        ("exit 7", "ended with status 7"),
        ("kill -9 $$", "ended by signal 9"),
        ("", "does not end as is stated"),
        (
            "/usr/bin/id || echo '-- complete'; exit 1",
            "ended with status 1",
        ),
    ] {
        write(tail);
        let failed = service.avouch(&["backup", "run", "riverside"]).with(2);
        assert!(failed.err.contains(says), "{failed:?}");
        let seen = judged(&service, CLAIM, "broken");
        assert!(seen.contains(says), "{seen}");
        write("echo '-- complete'");
        service.avouch(&["backup", "run", "riverside"]).with(0);
        judged(&service, CLAIM, "held");
    }
}
