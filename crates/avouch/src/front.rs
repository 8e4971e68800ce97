//! The `front` role: public listeners and nothing else. It reads no file; its rules come over the link.

use std::path::Path;

use tokio_util::sync::CancellationToken;

/// Serves until told to stop.
pub async fn run(data: &Path) {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        crate::core::stopped().await;
        stop.cancel();
    });
    avouch_gateway::front::run(data.join("run/link.sock"), crate::clock(), shutdown).await;
}
