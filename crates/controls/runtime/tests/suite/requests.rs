//! What the supervisor does for the core, and what it refuses.

use std::time::Duration;

use avouch_runtime::grant::{Grant, Kind};
use avouch_runtime::protocol::{Bytes, FromSupervisor, InstanceSpec, Job, Secret, Status};

use crate::service::{Service, TENANT};

#[tokio::test]
async fn a_job_gets_its_secret_and_its_answer_comes_back() {
    let service = Service::start().await;
    let job = Job {
        stdin: Secret::new(b"\0secret".to_vec()),
        ..service.job("echo")
    };
    let result = service.client.run(job).await.unwrap();
    assert_eq!(result.status, Status::Code(3));
    assert_eq!(result.stdout, Bytes(b"\0secret".to_vec()));
    assert_eq!(result.stderr, "echoed\n");
}

#[tokio::test]
async fn a_job_that_takes_too_long_or_says_too_much_is_killed() {
    let service = Service::start().await;
    let late = Job {
        timeout: Duration::from_millis(50),
        ..service.job("linger")
    };
    assert_eq!(
        service.client.run(late).await.unwrap().status,
        Status::TimedOut
    );
    let flood = service.client.run(service.job("flood")).await.unwrap();
    assert_eq!(
        (flood.status, flood.stdout),
        (Status::OutputTooLong, Bytes::default())
    );
}

#[tokio::test]
async fn nothing_the_core_asks_for_runs_as_root_or_as_a_stranger() {
    let mut service = Service::start().await;
    service.folders().await;
    for id in [0, 1000] {
        let mut instance = service.instance(&["crash"]);
        instance.confinement.groups = vec![id];
        service.client.start(instance).await.unwrap();
        loop {
            match service.event().await {
                FromSupervisor::Refused { name, reason } => {
                    assert_eq!(name, "riverside");
                    assert_eq!(
                        reason,
                        format!("user or group {id} is not one of this service's")
                    );
                    break;
                }
                FromSupervisor::Started { name, .. } => assert_eq!(name, "core"),
                _ => {}
            }
        }
        let mut job = service.job("echo");
        job.confinement.uid = id;
        let result = service.client.run(job).await.unwrap();
        assert!(matches!(result.status, Status::Refused(_)), "{result:?}");
    }
}

#[tokio::test]
async fn a_refused_grant_says_why_and_stops_the_job_that_needs_it() {
    let service = Service::start().await;
    let grant = Grant {
        path: service.layout.core().join("keys/x"),
        uid: TENANT,
        gid: TENANT,
        mode: 0o700,
        recursive: false,
        kind: Kind::Dir,
    };
    let refused = service
        .client
        .grant(grant.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("is outside the folders declared at start"),
        "{refused}"
    );
    let job = Job {
        grants: vec![grant],
        ..service.job("echo")
    };
    let result = service.client.run(job).await.unwrap();
    assert!(matches!(result.status, Status::Refused(_)), "{result:?}");
}

#[tokio::test]
async fn a_role_cannot_be_stopped_or_replaced_by_name() {
    let mut service = Service::start().await;
    service.client.stop("core").await.unwrap();
    service.client.kill("core").await.unwrap();
    let instance = InstanceSpec {
        name: "core".to_owned(),
        ..service.instance(&["crash"])
    };
    service.client.start(instance).await.unwrap();
    loop {
        match service.event().await {
            FromSupervisor::Refused { name, reason } => {
                assert_eq!(
                    (name.as_str(), reason.as_str()),
                    ("core", "a role has this name")
                );
                break;
            }
            other => assert!(!matches!(other, FromSupervisor::Exited { .. }), "{other:?}"),
        }
    }
}
