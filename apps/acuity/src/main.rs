//! Acuity: how busy each maternity ward is, in numbers only.
//!
//! A sample application, and a separate program: it knows nothing of what runs it but a Unix socket to listen on, a
//! folder to keep its database in, and a file of public keys that say whose word about identity counts.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

mod app;
mod assertion;
mod entry;
mod keys;
mod listen;
mod pages;
mod period;
mod routes;
mod staffing;
mod store;
#[cfg(test)]
mod testing;
mod trend;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use jiff::Timestamp;

use crate::app::App;
use crate::assertion::Expected;
use crate::keys::Keys;
use crate::listen::ListenError;
use crate::store::{Store, StoreError};

/// Maternity acuity by ward, numbers only.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The Unix socket to listen on. There is no other listener.
    #[arg(long, env = "SOCKET")]
    socket: PathBuf,
    /// The folder of the database, which must exist.
    #[arg(long, env = "DATA")]
    data: PathBuf,
    /// The public keys (JWKS) of whoever vouches for people. Without it nobody is let in.
    #[arg(long, env = "JWKS")]
    jwks: Option<PathBuf>,
    /// The tenant whose people this instance serves.
    #[arg(long, env = "TENANT")]
    tenant: String,
    /// The issuer that assertions must name; any, when it is not given.
    #[arg(long, env = "ISSUER")]
    issuer: Option<String>,
    /// How many wards a new database gets, numbered from 1.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=999))]
    wards: u16,
    /// Also answers `/echo` with the headers of the request, to show what a gateway passes on.
    #[arg(long)]
    echo: bool,
    /// Pages include the gateway's script that says how long they took to come.
    #[arg(long)]
    timing: bool,
}

/// Why the program ended.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    #[error("the socket cannot be used")]
    Listen(#[from] ListenError),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&told(&failure));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let store = Store::open(&args.data, args.wards).await?;
    let app = App {
        store: store.clone(),
        keys: Arc::new(Keys::in_file(args.jwks)),
        expected: Arc::new(Expected {
            tenant: args.tenant,
            issuer: args.issuer,
        }),
        clock: Arc::new(Timestamp::now),
        timing: args.timing,
    };
    let router = if args.echo {
        routes::router_with_echo(app)
    } else {
        routes::router(app)
    };
    let served = listen::serve(&args.socket, router).await;
    store.close().await;
    Ok(served?)
}

/// An error and its causes on one line, without those that only repeat what was said.
fn told(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    for cause in
        std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string)
    {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Tells whoever runs this program, on stderr.
#[expect(
    clippy::print_stderr,
    reason = "the journal of whoever runs this program is its stderr"
)]
fn report(sentence: &str) {
    eprintln!("acuity: {sentence}");
}
