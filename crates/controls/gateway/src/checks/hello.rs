//! Hellos that no library of today can send: old versions and short keys, byte by byte; and what came back.
//!
//! Source: RFC 6101 (SSL 3), RFC 2246 (TLS 1.0), RFC 4346 (TLS 1.1), RFC 5246 (TLS 1.2), appendices on the hello.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server answers a hello at once or never.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// An alert, by its number: turned away in so many words.
    Alert(u8),
    /// The connection was closed without a word: turned away.
    Closed,
    /// A server's hello: it is willing.
    Willing,
    /// Something else came, by its first byte.
    Other(u8),
    /// Nothing could be learnt, and why.
    Unclear(String),
}

/// Sends one hello and says what came back.
pub(super) async fn knock(address: SocketAddr, hello: &[u8]) -> Reply {
    match timeout(PATIENCE, exchange(address, hello)).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => Reply::Unclear(error.to_string()),
        Err(_) => Reply::Unclear("no answer in 10 s".to_owned()),
    }
}

async fn exchange(address: SocketAddr, hello: &[u8]) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(hello).await?;
    let mut answer = [0; 7];
    let mut have = 0;
    while have < answer.len() {
        let space = answer.get_mut(have..).unwrap_or_default();
        match stream.read(space).await {
            Ok(0) => break,
            Ok(read) => have += read,
            // A reset is a way to close; what came before it still counts.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
    }
    Ok(read(answer.get(..have).unwrap_or_default()))
}

fn read(answer: &[u8]) -> Reply {
    match answer {
        [] => Reply::Closed,
        // An alert record: type, version, length, level, description.
        [21, _, _, _, _, _, number] => Reply::Alert(*number),
        // A handshake record whose first message is the server's hello.
        [22, _, _, _, _, 2, ..] => Reply::Willing,
        [first, ..] => Reply::Other(*first),
    }
}

/// A client's hello of version `3.minor` with these suites, for this host.
pub(super) fn hello(minor: u8, suites: &[u16], host: &str) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([0x5a; 32]);
    body.push(0);
    sized(
        &mut body,
        suites.iter().flat_map(|suite| suite.to_be_bytes()),
    );
    body.extend([1, 0]);
    // SSL 3 has no extensions.
    if minor > 0 {
        let mut extensions = Vec::new();
        let mut name = vec![0];
        sized(&mut name, host.bytes());
        let mut names = Vec::new();
        sized(&mut names, name);
        extension(&mut extensions, 0, names);
        // Curves P-256 and P-384, points uncompressed, and every signature a server of that age could make.
        extension(&mut extensions, 10, vec![0, 4, 0, 23, 0, 24]);
        extension(&mut extensions, 11, vec![1, 0]);
        if minor == 3 {
            extension(&mut extensions, 13, vec![0, 8, 4, 3, 5, 3, 4, 1, 2, 3]);
        }
        sized(&mut body, extensions);
    }
    let mut message = vec![1, 0];
    sized(&mut message, body);
    let mut record = vec![22, 3, minor.min(1)];
    sized(&mut record, message);
    record
}

fn extension(out: &mut Vec<u8>, number: u16, body: Vec<u8>) {
    out.extend(number.to_be_bytes());
    sized(out, body);
}

/// Two bytes of length, then the bytes. Everything here is far shorter than 65536.
fn sized(out: &mut Vec<u8>, bytes: impl IntoIterator<Item = u8>) {
    let bytes: Vec<u8> = bytes.into_iter().collect();
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_by_its_first_bytes() {
        for (bytes, reply) in [
            (&[][..], Reply::Closed),
            (&[21, 3, 3, 0, 2, 2, 70], Reply::Alert(70)),
            (&[22, 3, 1, 0, 80, 2, 0], Reply::Willing),
            (b"HTTP/1.", Reply::Other(b'H')),
        ] {
            assert_eq!(read(bytes), reply, "{bytes:?}");
        }
    }

    #[test]
    fn a_hello_is_one_that_a_server_understands() {
        let mut acceptor = rustls::server::Acceptor::default();
        acceptor
            .read_tls(&mut hello(3, &[0xc02c], "a.test").as_slice())
            .unwrap();
        let accepted = acceptor.accept().unwrap().unwrap();
        assert_eq!(accepted.client_hello().server_name(), Some("a.test"));
        assert_eq!(
            accepted.client_hello().cipher_suites(),
            [rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
        );
    }
}
