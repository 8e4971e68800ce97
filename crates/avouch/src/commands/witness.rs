//! `avouch witness`: signs other machines' logs, each as long as it goes on from what was signed before.
//!
//! Source: C2SP tlog-witness, its `add-checkpoint`; a monitor reads `<SHA-256 of the origin>/checkpoint`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avouch_ledger::verify::{Vkey, VkeyFault};
use avouch_ledger::witness::{Witness, WitnessSigner};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Part, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};
use tokio::net::TcpListener;

use super::block_on;
use crate::cli::Global;
use crate::fail::Fail;
use crate::{log_to_stderr, print, talk};

/// More than any checkpoint with its proof.
const LARGEST_REQUEST: usize = 64 << 10;

/// What `avouch witness` was told.
pub struct Told {
    /// Where the private key is kept.
    pub key: PathBuf,
    /// The name of a witness whose key is still to be made.
    pub name: Option<String>,
    /// Where what was signed is kept.
    pub state: PathBuf,
    /// The logs' public keys.
    pub logs: Vec<String>,
    /// Where to listen.
    pub listen: SocketAddr,
}

/// Runs a witness until it is stopped.
pub fn run(global: &Global, told: Told) -> Result<u8, Fail> {
    log_to_stderr();
    let signer = signer(&told.key, told.name.as_deref())?;
    let logs = told
        .logs
        .iter()
        .map(|log| {
            log.parse().map_err(|fault: VkeyFault| {
                Fail::new(format!("`{log}` is not a log's public key")).from(fault)
            })
        })
        .collect::<Result<Vec<Vkey>, Fail>>()?;
    let witness = Witness::open(&told.state, signer, logs)
        .map_err(|error| Fail::new("the witness cannot start").from(error))?;
    for refused in witness
        .refused()
        .map_err(|error| Fail::new("what was refused cannot be listed").from(error))?
    {
        talk(&format!(
            "`{}` has signed a checkpoint of {} entries that does not go on from what was signed here: {}",
            refused.origin,
            refused.size,
            told.state.join(refused.file).display()
        ));
    }
    block_on(serve(global.json, witness, told.listen))
}

async fn serve(json: bool, witness: Witness, listen: SocketAddr) -> Result<u8, Fail> {
    let unheard =
        |error: std::io::Error| Fail::new(format!("cannot listen on {listen}")).from(error);
    let listener = TcpListener::bind(listen).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    let key = witness.public().to_string();
    if json {
        print(
            &serde_json::json!({ "ready": true, "url": format!("http://{address}"), "key": key })
                .to_string(),
        );
    } else {
        print(&format!("{key}\nlistening on http://{address}"));
    }
    let app = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(latest))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(Arc::new(witness));
    axum::serve(listener, app)
        .await
        .map_err(|error| Fail::new("the witness has stopped").from(error))?;
    Ok(0)
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let now = u64::try_from(crate::clock()().as_second()).unwrap_or(0);
    let answered = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body, now)).await;
    let Ok(answer) = answered else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        [(header::CONTENT_TYPE, answer.content_type)],
        answer.body,
    )
        .into_response()
}

async fn latest(State(witness): State<Arc<Witness>>, Part(origin): Part<String>) -> Response {
    match witness.latest(&origin) {
        Some(note) => (
            [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            note,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The private key, or a new one if there is none and a name for it was given.
fn signer(path: &Path, name: Option<&str>) -> Result<WitnessSigner, Fail> {
    let unread = |error| Fail::new(format!("cannot use the key `{}`", path.display())).from(error);
    match std::fs::read_to_string(path) {
        Ok(text) => WitnessSigner::parse(&text).map_err(|error| {
            Fail::new(format!("cannot use the key `{}`", path.display())).from(error)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let Some(name) = name else {
                return Err(unread(error).help(
                    "give `--name`, a host and path such as `witness.example.test/w1`, to make one",
                ));
            };
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)
                .map_err(|error| Fail::new("a key cannot be made").from(error))?;
            let signer = WitnessSigner::from_seed(name, &seed)
                .map_err(|error| Fail::new("a key cannot be made").from(error))?;
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(unread)?;
            file.write_all(signer.secret_text().as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(unread)?;
            talk(&format!("A key was made: {}", path.display()));
            Ok(signer)
        }
        Err(error) => Err(unread(error)),
    }
}
