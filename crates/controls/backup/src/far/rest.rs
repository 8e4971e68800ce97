//! A repository at a keeper, over the protocol that restic's REST servers speak.
//!
//! Source: restic documentation, "REST Backend"; the listing is its version 2.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, HOST, RANGE},
};
use serde::Deserialize;

use super::{Address, Credential, Dial, FarError, FileKind, PublicKey, Signed, Store, http::Http};
use crate::repository::Password;

/// The type of a listing with sizes.
pub(crate) const LISTING: &str = "application/vnd.x.restic.rest.v2";

/// One repository at a keeper.
pub(super) struct Keeper {
    http: Http,
    host: String,
    /// `/service/repository`.
    root: String,
    authorisation: String,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    size: u64,
}

/// An answer that is no error.
struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Keeper {
    pub(super) fn new(
        dial: Dial,
        address: &Address,
        (service, repository): (&str, &str),
        key: &PublicKey,
        credential: &Credential,
    ) -> Result<Self, FarError> {
        let pair = STANDARD.encode(format!("{service}:{}", credential.reveal()));
        Ok(Self {
            http: Http::new(address.to_string(), address.host(), dial, key)?,
            host: format!("{}:{}", address.host(), address.port()),
            root: format!("/{service}/{repository}"),
            authorisation: format!("Basic {pair}"),
        })
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        range: Option<String>,
    ) -> Result<Answer, FarError> {
        let act = format!("{method} {path}");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.root))
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorisation)
            .header(ACCEPT, LISTING);
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        let request = request
            .body(Full::new(body))
            .map_err(std::io::Error::other)
            .map_err(FarError::Own)?;
        let answer = self.http.ask(&request)?;
        let (status, body) = (answer.status(), answer.into_body());
        let place = self.http.place();
        let said = || {
            let text = String::from_utf8_lossy(&body);
            text.trim().chars().take(300).collect::<String>()
        };
        match status {
            status if status.is_success() => Ok(Answer { status, body }),
            StatusCode::UNAUTHORIZED => Err(FarError::Credential(place)),
            StatusCode::NOT_FOUND => Err(FarError::Absent {
                place,
                file: path.to_owned(),
            }),
            StatusCode::INSUFFICIENT_STORAGE | StatusCode::PAYLOAD_TOO_LARGE => {
                Err(FarError::Full {
                    place,
                    said: said(),
                })
            }
            StatusCode::FORBIDDEN
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::BAD_REQUEST
            | StatusCode::CONFLICT => Err(FarError::Refused {
                place,
                act,
                said: said(),
            }),
            status => Err(FarError::Odd {
                place,
                status: status.as_u16(),
                act,
                said: said(),
            }),
        }
    }

    fn get(&self, path: &str) -> Result<Bytes, FarError> {
        self.ask(Method::GET, path, Bytes::new(), None)
            .map(|answer| answer.body)
    }

    fn garbled(&self, what: &'static str) -> FarError {
        FarError::Garbled {
            place: self.http.place(),
            what,
        }
    }
}

fn path(kind: FileKind, name: &str) -> String {
    match kind {
        FileKind::Config => "config".to_owned(),
        named => format!("{named}/{name}"),
    }
}

impl Store for Keeper {
    fn list(&self, kind: FileKind) -> Result<Vec<(String, u64)>, FarError> {
        if kind == FileKind::Config {
            return match self.get("config") {
                Ok(config) => Ok(vec![(String::new(), config.len() as u64)]),
                Err(FarError::Absent { .. }) => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        match self.get(&format!("{kind}/")) {
            Ok(body) => {
                let entries: Vec<Entry> =
                    serde_json::from_slice(&body).map_err(|_| self.garbled("a listing"))?;
                Ok(entries
                    .into_iter()
                    .map(|entry| (entry.name, entry.size))
                    .collect())
            }
            Err(FarError::Absent { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn read(&self, kind: FileKind, name: &str) -> Result<Bytes, FarError> {
        self.get(&path(kind, name))
    }

    fn part(&self, kind: FileKind, name: &str, from: u32, length: u32) -> Result<Bytes, FarError> {
        let last = u64::from(from) + u64::from(length.max(1)) - 1;
        let range = Some(format!("bytes={from}-{last}"));
        let answer = self.ask(Method::GET, &path(kind, name), Bytes::new(), range)?;
        if answer.status != StatusCode::PARTIAL_CONTENT || answer.body.len() != length as usize {
            return Err(self.garbled("another part of a file than was asked for"));
        }
        Ok(answer.body)
    }

    fn write(&self, kind: FileKind, name: &str, bytes: Bytes) -> Result<(), FarError> {
        let path = path(kind, name);
        match self.ask(Method::POST, &path, bytes.clone(), None) {
            Ok(_) => Ok(()),
            // When the answer to an earlier attempt was lost, the file is there: with these bytes, by its name.
            Err(refused @ FarError::Refused { .. }) if kind != FileKind::Config => {
                match self.get(&path) {
                    Ok(there) if there == bytes => Ok(()),
                    _ => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn remove(&self, kind: FileKind, name: &str) -> Result<(), FarError> {
        self.ask(Method::DELETE, &path(kind, name), Bytes::new(), None)
            .map(drop)
    }

    fn create(&self) -> Result<(), FarError> {
        self.ask(Method::POST, "?create=true", Bytes::new(), None)
            .map(drop)
    }

    fn entrust(&self, password: &Password) -> Result<(), FarError> {
        let body = Bytes::copy_from_slice(password.reveal().as_bytes());
        self.ask(Method::POST, "password", body, None).map(drop)
    }

    fn receipt(&self, nonce: &str) -> Result<Option<Signed>, FarError> {
        let body = self.get(&format!("receipt?nonce={nonce}"))?;
        serde_json::from_slice(&body)
            .map(Some)
            .map_err(|_| self.garbled("a receipt"))
    }
}
