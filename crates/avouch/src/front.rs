//! The `front` role: public listeners and nothing else. It reads no file; its rules come over the link.

use std::net::TcpListener;
use std::path::Path;

use tokio_util::sync::CancellationToken;

/// Serves until told to stop, on what it listens on already and on what else it is told.
pub async fn run(data: &Path, held: Vec<TcpListener>) {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        crate::core::stopped().await;
        stop.cancel();
    });
    let link = data.join("run/link.sock");
    avouch_gateway::front::run(link, held, crate::clock(), shutdown).await;
}
