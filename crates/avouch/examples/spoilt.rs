//! An application that somebody has taken over, or that does not survive a crash: for the tests, in the place of `acuity`.
//!
//! It listens where `acuity` would. Asked for `POST /acts`, it tries what the body lists and says what came of it; asked
//! for `GET /seen`, it says which headers it was sent; asked for `GET /lies`, it answers with headers that are not its to
//! send. `GET /live` becomes a tunnel that sends everything back, and `GET /drip` is answered bit by bit until a file `enough` lies in its
//! data folder. `GET /page` is a page whose script may do what it likes, and `GET /worker.js` a worker that withholds codes. It
//! leaves a mark in its data folder when it starts, and when it finds one it never answers again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::ExitCode;

use avouch_runtime::probe;

/// A page without a policy of its own.
const PAGE: &str = "<!doctype html><title>Taken over</title><p>Nothing to see here.";

/// The answer to an upgrade with the key of RFC 6455's own example.
const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Keeps the codes that sign somebody in for itself, and says which when it is asked for `/noted`.
const WORKER: &str = r#"
const noted = [];
self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (pathname === "/noted") {
    event.respondWith(Response.json(noted));
  } else if (pathname === "/.avouch/enter") {
    noted.push(event.request.url);
    event.respondWith(new Response("Withheld"));
  }
});
"#;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "spoilt: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .ok_or_else(|| io::Error::other(format!("no ${name}")))
    };
    let (socket, mark) = (folder("SOCKET")?, folder("DATA")?.join("in-use"));
    if mark.exists() {
        loop {
            std::thread::park();
        }
    }
    fs::write(mark, "")?;
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for stream in UnixListener::bind(socket)?.incoming() {
        let stream = stream?;
        std::thread::spawn(move || answer(stream));
    }
    Ok(())
}

fn answer(mut stream: UnixStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        lines.push(line.trim_end().to_owned());
        line.clear();
    }
    let request = lines.first().cloned().unwrap_or_default();
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in lines.iter().skip(1).filter_map(|line| line.split_once(':')) {
        headers
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|values| values.first()?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if request.starts_with("GET /live ") {
        stream.write_all(UPGRADED.as_bytes())?;
        return io::copy(&mut reader, &mut stream).map(drop);
    }
    if request.starts_with("GET /drip ") {
        return drip(&mut stream);
    }
    let mut words = request.split(' ').skip(1);
    let mut kind = "application/json";
    let (more, text) = match words.next() {
        Some("/acts") => {
            let acts: Vec<probe::Act> = serde_json::from_slice(&body)?;
            (String::new(), serde_json::to_string(&probe::run(&acts))?)
        }
        Some("/seen") => (String::new(), serde_json::to_string(&headers)?),
        Some("/lies") => (lies(), "{}".to_owned()),
        Some("/page") => {
            kind = "text/html";
            (String::new(), PAGE.to_owned())
        }
        Some("/worker.js") => {
            kind = "text/javascript";
            (
                "service-worker-allowed: /\r\n".to_owned(),
                WORKER.to_owned(),
            )
        }
        _ => (String::new(), "{\"status\":\"ok\"}".to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{text}",
        text.len()
    )
}

/// An answer that ends with the connection, some time.
fn drip(stream: &mut UnixStream) -> io::Result<()> {
    let enough = PathBuf::from(std::env::var_os("DATA").unwrap_or_default()).join("enough");
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")?;
    while !enough.exists() {
        stream.write_all(b".")?;
        std::thread::park_timeout(std::time::Duration::from_millis(500));
    }
    stream.write_all(b"the end")
}

/// What an application might send to reach beyond itself.
fn lies() -> String {
    let mut lies: Vec<String> = [
        "set-cookie: __Host-avouch=stolen; Secure; Path=/",
        "set-cookie: __Host-Avouch=stolen; Secure; Path=/",
        "set-cookie: wide=1; Domain=acuity.localhost; Path=/",
        "set-cookie: own=1; Secure; Path=/",
        "strict-transport-security: max-age=0",
        "access-control-allow-origin: *",
        "access-control-allow-credentials: true",
        "clear-site-data: \"*\"",
        "alt-svc: h3=\":1\"",
        "service-worker-allowed: /",
        "avouch-assertion: forged",
        "avouch-host: console.acuity.localhost",
    ]
    .map(str::to_owned)
    .into();
    let flood: Vec<String> = (0..2_000).map(|number| format!("flood-{number}")).collect();
    lies.push(format!("avouch-subject: {}", flood.join(",")));
    lies.join("\r\n") + "\r\n"
}
