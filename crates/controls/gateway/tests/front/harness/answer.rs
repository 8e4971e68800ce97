//! Answers off the wire.

use tokio::io::AsyncReadExt as _;

/// An answer off the wire: head lines in lower case, and the body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: Vec<String>,
    pub body: String,
}

impl Answer {
    pub fn has(&self, line: &str) -> bool {
        self.head.iter().any(|known| known == line)
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        self.head
            .iter()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .collect()
    }
}

/// Reads one answer; a body without a length runs to the end of the connection.
pub async fn read_answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Answer {
    let head = read_head(stream).await;
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let head: Vec<String> = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            line.split_once(':')
                .map(|(name, value)| format!("{}:{value}", name.to_ascii_lowercase()))
                .unwrap()
        })
        .collect();
    let mut answer = Answer {
        status,
        head,
        body: String::new(),
    };
    let length = answer
        .values("content-length")
        .first()
        .map(|length| length.parse::<usize>().unwrap());
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length, 0);
            stream.read_exact(&mut body).await.unwrap();
        }
        None if answer.status == 101 || answer.has("transfer-encoding: chunked") => {}
        None => {
            // A peer that closes without a goodbye has still said everything.
            let _ = stream.read_to_end(&mut body).await;
        }
    }
    answer.body = String::from_utf8(body).unwrap();
    answer
}

async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        let read = stream.read(&mut byte).await.unwrap_or(0);
        assert_eq!(
            read,
            1,
            "the connection closed after {:?}",
            String::from_utf8_lossy(&head)
        );
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap()
}
