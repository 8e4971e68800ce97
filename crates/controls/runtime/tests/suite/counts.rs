//! What the supervisor says has run.

use std::process::Stdio;
use std::time::Duration;

use avouch_runtime::protocol::Count;
use tokio::process::Command;
use tokio::time::timeout;

use crate::service::{PATIENCE, Service};

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Service {
    async fn count(&self) -> Count {
        self.client.count(DAY).await.unwrap()
    }
}

#[tokio::test]
async fn an_instance_is_counted_while_it_runs_and_what_it_ran_stays_counted() {
    let mut service = Service::start().await;
    assert!(service.count().await.instances.is_empty());
    service.serve("serve").await;
    let first = service.count().await;
    let ran = first.instances["riverside"];
    assert!(ran.now && ran.whole > Duration::ZERO, "{first:?}");
    assert!(ran.whole <= first.within && first.within < DAY, "{first:?}");
    assert_eq!(first.instances.len(), 1, "roles are none: {first:?}");
    service.client.stop("riverside").await.unwrap();
    let ended = service.count().await.instances["riverside"];
    assert!(!ended.now && ended.whole >= ran.whole, "{ended:?}");
    assert_eq!(service.count().await.instances["riverside"], ended);
    service.serve("serve").await;
    let again = service.count().await.instances["riverside"];
    assert!(again.now && again.whole > ended.whole, "{again:?}");
    assert!(service.count().await.strays.is_empty());
}

#[tokio::test]
async fn a_program_of_the_service_that_somebody_else_started_is_a_stray() {
    let mut service = Service::start().await;
    let program = service.layout.bin().join("app");
    let copied = std::process::Command::new("cp")
        .arg(service.program())
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    service.serve("serve").await;
    let mut stray = Command::new(&program)
        .arg("echo")
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = stray.id().unwrap();
    assert_eq!(service.count().await.strays, [pid]);
    stray.kill().await.unwrap();
    let gone = async { while !service.count().await.strays.is_empty() {} };
    timeout(PATIENCE, gone).await.unwrap();
}
