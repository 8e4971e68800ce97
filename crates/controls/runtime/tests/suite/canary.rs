//! The check that kills an instance, on a part that serves.

use std::time::Duration;

use avouch_evidence::Verdict;
use avouch_runtime::checks::{Canary, RestartWithin};
use avouch_runtime::confine::Confinement;
use avouch_runtime::layout::Layout;
use avouch_runtime::protocol::InstanceSpec;

use crate::service::{IDS, Service};

/// The canary's own check, without the rest of a round.
async fn canary(within: Duration) -> avouch_evidence::Seen {
    let service = Service::start().await;
    let folder = service.layout.scratch().join("canary");
    let uid = IDS.canary();
    let socket = folder.join("run/app.sock");
    let mut confinement = Confinement::new(uid, uid, folder.join("data"));
    confinement.execute.push(service.layout.bin());
    confinement.write.push(folder.join("run"));
    let canary = Canary {
        supervisor: service.client.clone(),
        instance: InstanceSpec {
            name: "canary".to_owned(),
            confinement,
            socket: socket.clone(),
            ends_with_core: true,
            ..service.instance(&["serve", &socket.to_string_lossy()])
        },
        grants: Layout::instance_folders(&folder, uid, &IDS),
        folder: folder.clone(),
    };
    let seen = RestartWithin::new(within, canary).attempt().await;
    assert!(!folder.exists());
    seen
}

#[tokio::test]
async fn a_canary_that_comes_back_in_time_holds_the_claim() {
    let seen = canary(Duration::from_secs(10)).await;
    assert_eq!(seen.verdict, Verdict::Held, "{}", seen.observed);
}

#[tokio::test]
async fn a_canary_that_is_not_back_in_time_breaks_the_claim() {
    let seen = canary(Duration::from_nanos(1)).await;
    assert_eq!(seen.verdict, Verdict::Broken, "{}", seen.observed);
}
