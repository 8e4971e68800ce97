//! A core that somebody has taken over: it speaks with the supervisor, which is root, as it likes, and gets no more than
//! what was declared when the supervisor started.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use avouch_runtime::confine::{Confinement, Network, Ports, Processes};
use avouch_runtime::grant::{Grant, Kind};
use avouch_runtime::ids::Ids;
use avouch_runtime::protocol::{FromSupervisor, InstanceSpec, Job, Secret, ToSupervisor};

use crate::harness::{Options, Service, eventually, example, kill, named, root};

/// The last of what it asks for, so that all answers are there when this one is.
const LAST: u64 = 999;

fn job(data: &Path, ids: &Ids, change: impl FnOnce(&mut Job)) -> Job {
    let mut confinement = Confinement::new(ids.jobs, ids.jobs, data.join("scratch"));
    confinement.execute.push(data.join("bin"));
    let mut job = Job {
        id: 0,
        command: vec![data.join("bin/avouch").display().to_string(), "job".into()],
        confinement,
        stdin: Secret::default(),
        timeout: Duration::from_secs(20),
        grants: Vec::new(),
        carried_to: None,
    };
    change(&mut job);
    job
}

fn jobs(data: &Path, ids: &Ids) -> Vec<Job> {
    let ask = |change: &dyn Fn(&mut Job)| job(data, ids, |job| change(job));
    vec![
        ask(&|job| job.command = vec!["/bin/sh".into(), "-c".into(), "id".into()]),
        ask(&|job| job.command = vec![data.join("bin/../../evil").display().to_string()]),
        ask(&|job| job.confinement.uid = 0),
        ask(&|job| job.carried_to = Some("elsewhere".into())),
        ask(&|job| job.confinement.uid = ids.front),
        ask(&|job| job.confinement.groups = vec![ids.front]),
        ask(&|job| job.confinement.execute.push("/usr/bin".into())),
        ask(&|job| job.confinement.read.push("/etc".into())),
        ask(&|job| job.confinement.read.push(data.join("keys"))),
        ask(&|job| job.confinement.read.push(data.join("core"))),
        ask(&|job| job.confinement.write.push(data.join("bin"))),
        ask(&|job| job.confinement.write.push(data.join("tenants/../bin"))),
        ask(&|job| job.confinement.write.push("/".into())),
        ask(&|job| job.confinement.low_ports = true),
        ask(&|job| job.confinement.processes = Processes::Shared),
        ask(&|job| {
            job.confinement.network = Network::Host {
                bind: Ports::Any,
                connect: Ports::Any,
            };
        }),
        ask(&|job| {
            let preload = ("LD_PRELOAD".into(), "/tmp/evil.so".into());
            job.confinement.env.extend([preload]);
        }),
        ask(&|job| {
            job.grants = vec![Grant {
                path: data.join("bin/evil"),
                uid: ids.jobs,
                gid: ids.jobs,
                mode: 0o755,
                recursive: false,
                kind: Kind::Dir,
            }];
        }),
    ]
}

#[test]
fn a_core_that_was_taken_over_gets_nothing_run_that_was_not_declared() {
    // Without root everything runs as the caller, and there is nobody else to act as.
    if !root("running a job as somebody else") {
        return;
    }
    let service = Service::start(Options::default());
    let data = service.data();
    let core = fs::metadata(data.join("core")).unwrap().uid();
    let ids = Ids::separate(core + avouch_runtime::ids::BELOW_TENANTS);
    let mut asks: Vec<ToSupervisor> = jobs(&data, &ids)
        .into_iter()
        .zip(1..)
        .map(|(job, id)| ToSupervisor::Run {
            job: Job { id, ..job },
        })
        .collect();
    let refused = asks.len();
    let proper = job(&data, &ids, |_| {});
    asks.push(ToSupervisor::Start {
        instance: InstanceSpec {
            name: "evil".into(),
            tenant: "riverside".into(),
            command: vec!["/bin/sh".into()],
            confinement: proper.confinement.clone(),
            socket: data.join("tenants/riverside/run/evil.sock"),
            health: "/".into(),
            ends_with_core: false,
        },
    });
    asks.push(ToSupervisor::Run {
        job: Job { id: LAST, ..proper },
    });
    let lines: Vec<String> = asks
        .iter()
        .map(|ask| serde_json::to_string(ask).unwrap())
        .collect();
    fs::write(data.join("core/asks"), lines.join("\n") + "\n").unwrap();
    crate::sabotage::replace(&data.join("bin/avouch"), &example("usurper"));
    kill(named(&data, "core").expect("the core"));

    let answers = eventually("the answers to a core that was taken over", 40, || {
        let said = fs::read_to_string(data.join("core/answers")).ok()?;
        let heard: Vec<FromSupervisor> = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let count = |heard: &[FromSupervisor]| {
            let jobs = heard
                .iter()
                .filter(|said| matches!(said, FromSupervisor::JobDone { .. }));
            jobs.count()
        };
        (count(&heard) > refused).then_some(heard)
    });
    let mut started = Vec::new();
    for answer in &answers {
        if let FromSupervisor::JobDone { id, result } = answer
            && !matches!(result.status, avouch_runtime::protocol::Status::Refused(_))
        {
            started.push((*id, result.status.clone(), result.stdout.0.clone()));
        }
    }
    let (id, status, said) = started.pop().expect("the job that is allowed");
    assert!(
        id == LAST && status.is_success() && said == b"here\n",
        "{id}: {status}"
    );
    assert!(started.is_empty(), "{started:?}");
    let told = |answer: &FromSupervisor| matches!(answer, FromSupervisor::Refused { name, .. } if name == "evil");
    assert!(answers.iter().any(told), "{answers:?}");
    assert!(!data.join("bin/evil").exists());
}
