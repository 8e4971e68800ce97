//! Keys, isolation, restarts, the overview, and what others answer for.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use super::bench::{chmod, replace};
use super::{Bench, Mend, Sabotage};
use crate::harness::{eventually, example, impersonate, named, profile_folder};

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "everybody may read the master key",
        turns: &[("keys.master", "broken")],
        act: |bench| {
            let key = bench.data("keys/master.key");
            let mode = chmod(&key, 0o644);
            Box::new(move |_| {
                chmod(&key, mode);
            })
        },
    },
    &Sabotage {
        what: "one tenant's records are in another's database",
        turns: &[("tenancy.isolation", "broken")],
        act: |bench| {
            let kept = bench.service.place().join("hillside.db");
            bench.tenant("hillside", &format!("vacuum into '{}'", kept.display()));
            let theirs = bench.data("tenants/riverside/data/acuity.db");
            fill_ward(bench, &theirs);
            Box::new(move |bench| fill_ward(bench, &kept))
        },
    },
    &Sabotage {
        what: "a tenant's application runs beside its fence",
        turns: &[("tenancy.isolation", "broken")],
        act: unfenced,
    },
    &Sabotage {
        what: "the application does not start a second time",
        turns: &[("runtime.restart-within", "broken")],
        act: |bench| {
            let program = bench.data("bin/acuity");
            replace(&program, &example("spoilt"));
            Box::new(move |_| replace(&program, &profile_folder().join("acuity")))
        },
    },
    &Sabotage {
        what: "somebody changes the overview on its way out",
        turns: &[("evidence.overview", "broken")],
        act: |bench| {
            let imposter = impersonate(
                &bench.service,
                &["spoil", "GET /statement.json ", "\"held\"", "\"fine\""],
            );
            Box::new(|bench| imposter.leave(&bench.service))
        },
    },
    &Sabotage {
        what: "somebody changes the page of the overview alone",
        turns: &[("evidence.overview", "broken")],
        act: |bench| {
            let imposter = impersonate(
                &bench.service,
                &["spoil", "GET / ", ">Held</strong>", ">Fine</strong>"],
            );
            Box::new(|bench| imposter.leave(&bench.service))
        },
    },
    &Sabotage {
        what: "another certificate is filed in the place of the provider's",
        turns: &[("inherited.data-centre", "broken")],
        act: |bench| {
            let file = bench.data("core/statement/certs/example-iso27001.txt");
            let before = fs::read(&file).unwrap();
            fs::write(&file, "a certificate of somebody else's").unwrap();
            Box::new(move |_| fs::write(file, before).unwrap())
        },
    },
    &Sabotage {
        what: "a review was due yesterday",
        turns: &[("attested.ig-lead", "broken")],
        act: |bench| {
            let file = bench.service.statement();
            let before = fs::read_to_string(&file).unwrap();
            let yesterday = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24))
                .to_zoned(jiff::tz::TimeZone::UTC)
                .date();
            fs::write(
                &file,
                before.replace(
                    "review-by = 2028-06-01",
                    &format!("review-by = {yesterday}"),
                ),
            )
            .unwrap();
            bench.restart();
            Box::new(move |bench| {
                fs::write(&file, before).unwrap();
                bench.restart();
                // Nothing found under the other statement counts for this one.
                bench.service.avouch(&["--json", "check"]).with(0);
            })
        },
    },
];

/// Puts another process of a tenant's application in the place of the one that runs: the same program under the same user,
/// with the same surroundings, but started by somebody else.
fn unfenced(bench: &mut Bench) -> Mend {
    let socket = bench.data("tenants/hillside/run/app.sock");
    let aside = socket.with_extension("fenced");
    let of = named(&bench.service.data(), "hillside").expect("the application");
    let surroundings = fs::read(format!("/proc/{of}/environ")).unwrap();
    let surroundings: Vec<(String, String)> = surroundings
        .split(|byte| *byte == 0)
        .filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).unwrap().split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    let owner = fs::metadata(bench.data("tenants/hillside/data")).unwrap();
    fs::rename(&socket, &aside).unwrap();
    let mut unfenced = Command::new("setpriv")
        .arg(format!("--reuid={}", owner.uid()))
        .arg(format!("--regid={}", owner.gid()))
        .args(["--clear-groups", "sh", "-c", "umask 007; exec \"$0\""])
        .arg(bench.data("bin/acuity"))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(surroundings)
        .spawn()
        .unwrap();
    eventually("the other process to answer", 40, || {
        UnixStream::connect(&socket).ok()
    });
    Box::new(move |_| {
        unfenced.kill().unwrap();
        unfenced.wait().unwrap();
        fs::rename(aside, socket).unwrap();
    })
}

/// Fills one of hillside's wards with what is in another database.
fn fill_ward(bench: &Bench, from: &Path) {
    bench.tenant(
        "hillside",
        &format!(
            "attach '{}' as other; delete from main.assessment where ward = 3; \
             insert into main.assessment select * from other.assessment where ward = 3",
            from.display()
        ),
    );
}
