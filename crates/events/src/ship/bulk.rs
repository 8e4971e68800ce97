//! Elasticsearch and OpenSearch: events as documents, by `_bulk` over HTTPS.
//!
//! Every document has the id of its ledger entry and is only ever created, so that one which is sent again is answered
//! with 409 and stored once. (A data stream tells so within its newest index: a repeat just after it was rolled over is
//! stored twice, under the same `event.id`.)

mod answer;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{Delivered, ShipError, Wire};
use crate::Row;
use crate::export::{Format, Origin, STREAM};

/// A receiver that has not answered by then is away.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a request, unless one event alone is longer.
const LONGEST: usize = 1 << 20;
/// Bytes of an answer: a few hundred for each event.
const MAX_ANSWER: usize = 8 << 20;
/// How often an event that was taken is looked for, a second apart: what was taken is found after a refresh.
const LOOKS: usize = 10;

/// A receiver that speaks `_bulk`.
pub struct Bulk {
    wire: Wire,
    /// What stands before `/_bulk` in its address.
    prefix: String,
    /// The file with the value of the `Authorization` header; read for each request, so that it can be changed.
    secret: Option<PathBuf>,
    origin: Origin,
}

/// What the receiver says of an event that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadBack {
    /// It has it.
    There,
    /// It has it not.
    Missing,
    /// It does not let us ask.
    NotAsked(u16),
}

impl Bulk {
    /// Sends over this wire; `prefix` is the path of its address, `secret` the file of the `Authorization` header.
    #[must_use]
    pub fn new(wire: Wire, prefix: &str, secret: Option<PathBuf>, origin: Origin) -> Self {
        Self {
            wire,
            prefix: prefix.trim_end_matches('/').to_owned(),
            secret,
            origin,
        }
    }

    pub(super) async fn deliver(&self, rows: &[Row]) -> Result<Delivered, ShipError> {
        let mut delivered = Delivered::default();
        let mut parts: Vec<&[Row]> = vec![rows];
        while let Some(rows) = parts.pop() {
            let mut body = String::new();
            for row in rows {
                body.push_str(&Format::Ecs.lines(row, &self.origin)?);
            }
            let halves = rows.split_at(rows.len() / 2);
            if body.len() > LONGEST && rows.len() > 1 {
                parts.extend([halves.1, halves.0]);
                continue;
            }
            let (status, answer) = self
                .ask(Method::POST, "/_bulk", "application/x-ndjson", body)
                .await?;
            match (status, rows) {
                (413, [row]) => delivered.refused.push((row.index, "too long".to_owned())),
                (413, _) => parts.extend([halves.1, halves.0]),
                (200, _) => {
                    let judged = answer::judge(&answer, rows, &self.origin)?;
                    delivered.refused.extend(judged.refused);
                    delivered.busy |= judged.busy;
                }
                (429, _) => return Err(ShipError::Busy),
                (status, _) => return Err(ShipError::Status(status)),
            }
        }
        Ok(delivered)
    }

    /// Whether the receiver has an event that it took.
    pub(super) async fn read_back(&self, index: u64) -> Result<ReadBack, ShipError> {
        let id = self.origin.id(index);
        let body = serde_json::json!({ "size": 1, "_source": false, "query": { "ids": { "values": [id] } } });
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let path = format!("/{STREAM}/_search");
            let (status, answer) = self
                .ask(Method::POST, &path, "application/json", body.to_string())
                .await?;
            match status {
                200 if answer::has(&answer, &id)? => return Ok(ReadBack::There),
                200 => {}
                401 | 403 | 404 | 405 => return Ok(ReadBack::NotAsked(status)),
                status => return Err(ShipError::Status(status)),
            }
        }
        Ok(ReadBack::Missing)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<(u16, Bytes), ShipError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, self.wire.authority())
            .header(CONTENT_TYPE, kind)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ShipError::Unreachable(io::Error::other(error)))?;
        if let Some(secret) = self.secret()? {
            request.headers_mut().insert(AUTHORIZATION, secret);
        }
        tokio::time::timeout(PATIENCE, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ShipError::Unreachable)
    }

    fn secret(&self) -> Result<Option<HeaderValue>, ShipError> {
        let Some(path) = &self.secret else {
            return Ok(None);
        };
        let name = || path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| ShipError::Secret(name(), error))?;
        let mut value = HeaderValue::from_str(text.trim()).map_err(|_| ShipError::Unfit(name()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> io::Result<(u16, Bytes)> {
        let stream = TokioIo::new(self.wire.connect().await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
        let driving = tokio::spawn(connection);
        let answer = async {
            let response = sender
                .send_request(request)
                .await
                .map_err(io::Error::other)?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await;
            Ok((status, body.map_err(io::Error::other)?.to_bytes()))
        };
        let answer = answer.await;
        driving.abort();
        answer
    }
}
