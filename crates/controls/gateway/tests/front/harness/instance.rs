//! An application's instance on a Unix socket.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

/// An instance that shows what it was sent, one `name: value` a line, then the body.
pub fn mirror(socket: &Path) -> CancellationToken {
    instance(socket, |request| async move {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let mut text = format!("{} {}\n", parts.method, parts.uri);
        for (name, value) in &parts.headers {
            text.push_str(&format!(
                "{name}: {}\n",
                String::from_utf8_lossy(value.as_bytes())
            ));
        }
        text.push_str(&format!("\n{}", String::from_utf8_lossy(&body)));
        Response::new(Full::new(Bytes::from(text)))
    })
}

/// An instance that answers as told, until cancelled; then its connections break.
pub fn instance<F, R>(socket: &Path, answer: F) -> CancellationToken
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(stopped.clone().run_until_cancelled_owned(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (answer, stopped) = (answer.clone(), stopped.clone());
            tokio::spawn(stopped.run_until_cancelled_owned(async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                let _ = connection.with_upgrades().await;
            }));
        }
    }));
    stop
}

/// An instance that takes any upgrade and sends back every byte.
pub fn echo(socket: &Path) -> CancellationToken {
    instance(socket, |mut request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = TokioIo::new(upgrade.await.unwrap());
            let mut buffer = [0; 256];
            while let Ok(read @ 1..) = io.read(&mut buffer).await {
                io.write_all(&buffer[..read]).await.unwrap();
            }
        });
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer
            .headers_mut()
            .insert("connection", "upgrade".parse().unwrap());
        answer
            .headers_mut()
            .insert("upgrade", "websocket".parse().unwrap());
        answer
    })
}
