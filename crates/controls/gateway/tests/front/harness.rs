//! A core that says what a test tells it to, an instance on a Unix socket, and clients that speak raw bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use avouch_gateway::certs::LocalCa;
use avouch_gateway::front;
use avouch_gateway::link::{
    Admission, Admit, Begin, Ciphers, Closed, Configure, CoreEnd, End, EntryRule, Flowed, Limits,
    LinkId, Minimum, NotRecorded, Person, RecordRule, Refused, Report, Role, SuiteCount, TlsRules,
};
use avouch_gateway::secret::SecretBytes;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::CryptoProvider;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub const DOMAIN: &str = "acuity.test";
pub const TENANT: &str = "riverside.acuity.test";
pub const SESSION: [u8; 16] = [5; 16];

/// What the core was told, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Begin(Begin),
    End(End),
    Closed(Closed),
    Refused(Refused),
    Flowed(Flowed),
    Suites(Vec<SuiteCount>),
}

/// The pretended core. `SESSION_TOKEN` is signed in; without it there is a sign-in page.
pub struct Core {
    told: mpsc::UnboundedSender<Told>,
    reports: mpsc::UnboundedSender<Report>,
    /// One permit lets one end be kept.
    pub keeping: Semaphore,
    admit: Mutex<Admit>,
}

impl Core {
    async fn keep(&self) -> bool {
        self.keeping
            .acquire()
            .await
            .map(SemaphorePermit::forget)
            .is_ok()
    }
}

impl Admission for Core {
    async fn begin(&self, _: LinkId, begin: Begin) -> Admit {
        let signed_in = begin.token_digest == Some(sha256(b"good"));
        self.told.send(Told::Begin(begin)).unwrap();
        if signed_in {
            self.admit.lock().unwrap().clone()
        } else {
            Admit::SignIn {
                location: format!("https://signin.{DOMAIN}/"),
            }
        }
    }

    async fn end(&self, _: LinkId, end: End) -> Result<(), NotRecorded> {
        self.told.send(Told::End(end)).unwrap();
        if self.keep().await {
            Ok(())
        } else {
            Err(NotRecorded)
        }
    }

    async fn reads(&self, reads: Vec<End>) -> Vec<bool> {
        let mut kept = Vec::new();
        for end in reads {
            let went_on = end.unasked.as_ref().map(|unasked| unasked.warrant);
            self.told.send(Told::End(end)).unwrap();
            let holds = matches!(&*self.admit.lock().unwrap(), Admit::Forward { warrant, .. } if *warrant == went_on);
            kept.push(holds && self.keep().await);
        }
        kept
    }

    async fn closed(&self, _: LinkId, closed: Closed) {
        self.told.send(Told::Closed(closed)).unwrap();
    }

    async fn refused(&self, refused: Refused) {
        self.told.send(Told::Refused(refused)).unwrap();
    }

    async fn flowed(&self, flowed: Flowed) {
        self.told.send(Told::Flowed(flowed)).unwrap();
    }

    async fn report(&self, _: LinkId, report: Report) {
        match report {
            Report::Suites(suites) => self.told.send(Told::Suites(suites)).unwrap(),
            other => self.reports.send(other).unwrap(),
        }
    }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap()
}

/// A front that runs, its core and its folder.
pub struct Stage {
    pub folder: tempfile::TempDir,
    pub ca: LocalCa,
    pub core: Arc<Core>,
    pub core_end: CoreEnd,
    pub configure: watch::Sender<Arc<Configure>>,
    pub addr: SocketAddr,
    pub plain: SocketAddr,
    told: mpsc::UnboundedReceiver<Told>,
    pub reports: mpsc::UnboundedReceiver<Report>,
    stop_core: CancellationToken,
    pub stop_front: CancellationToken,
    pub front: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop_core.cancel();
        self.stop_front.cancel();
    }
}

impl Stage {
    pub async fn set() -> Self {
        Self::set_with(|_| {}).await
    }

    pub async fn set_with(change: impl FnOnce(&mut Configure)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = jiff::Timestamp::now();
        let ca = LocalCa::make(DOMAIN, now).unwrap();
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut configure = Configure {
            listen: vec![loopback],
            http_redirect: Some(loopback),
            domain: DOMAIN.into(),
            port: 443,
            tls: TlsRules {
                minimum: Minimum::Tls12,
                ciphers: Ciphers::Bits256,
                certificates: vec![ca.issue_for(DOMAIN, now).unwrap()],
            },
            assertion_seed: SecretBytes::new(vec![3; 32]),
            assertion_kid: "k1".into(),
            console_socket: folder.path().join("console.sock"),
            limits: Limits {
                header_bytes: 16 * 1024,
                body_bytes: 100_000,
                reach_ms: 3_000,
                ..Limits::default()
            },
            entries: vec![EntryRule {
                name: "assessment".into(),
                method: "POST".into(),
                path: "/wards/{ward}/assessments".into(),
                digits: 3,
            }],
            records: vec![RecordRule {
                name: "assessment".into(),
                path: "/wards/{ward}/assessments/{id}".into(),
                subject: "{id}".into(),
            }],
            flows: false,
        };
        change(&mut configure);
        let (told_to, told) = mpsc::unbounded_channel();
        let (reports_to, mut reports) = mpsc::unbounded_channel();
        let core = Arc::new(Core {
            told: told_to,
            reports: reports_to,
            keeping: Semaphore::new(1_000_000),
            admit: Mutex::new(forward(&folder.path().join("app.sock"))),
        });
        let (configure_to, configured) = watch::channel(Arc::new(configure));
        let (core_end, stop_core, stop_front) = (
            CoreEnd::default(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        serve_link(
            &folder.path().join("link.sock"),
            &core_end,
            configured,
            &core,
            &stop_core,
        );
        let link = folder.path().join("link.sock");
        let clock: front::Clock = Arc::new(jiff::Timestamp::now);
        let front = Some(tokio::spawn(front::run(
            link,
            Vec::new(),
            clock,
            stop_front.clone(),
        )));
        assert_eq!(reports.recv().await, Some(Report::Connected));
        let (addr, plain) = (listening(&mut reports).await, listening(&mut reports).await);
        Self {
            folder,
            ca,
            core,
            core_end,
            configure: configure_to,
            addr,
            plain,
            told,
            reports,
            stop_core,
            stop_front,
            front,
        }
    }

    pub fn app_socket(&self) -> PathBuf {
        self.folder.path().join("app.sock")
    }

    pub fn admit(&self, admit: Admit) {
        *self.core.admit.lock().unwrap() = admit;
    }

    /// The next thing told that is no count of suites.
    pub async fn told(&mut self) -> Told {
        loop {
            match self.told.recv().await.unwrap() {
                Told::Suites(_) => {}
                told => return told,
            }
        }
    }

    pub async fn suites(&mut self) -> Vec<SuiteCount> {
        loop {
            if let Told::Suites(suites) = self.told.recv().await.unwrap() {
                return suites;
            }
        }
    }

    pub async fn refused(&mut self) -> Refused {
        loop {
            if let Told::Refused(refused) = self.told().await {
                return refused;
            }
        }
    }

    pub async fn ended(&mut self) -> End {
        loop {
            if let Told::End(end) = self.told().await {
                return end;
            }
        }
    }

    /// Ends the core, and with it the link.
    pub async fn stop_core(&mut self) {
        self.stop_core.cancel();
        while self.reports.recv().await != Some(Report::Lost) {}
        std::fs::remove_file(self.folder.path().join("link.sock")).unwrap();
    }

    pub async fn start_core(&mut self) {
        self.stop_core = CancellationToken::new();
        serve_link(
            &self.folder.path().join("link.sock"),
            &self.core_end,
            self.configure.subscribe(),
            &self.core,
            &self.stop_core,
        );
        listening(&mut self.reports).await;
        listening(&mut self.reports).await;
    }

    pub async fn connect(&self, name: &str) -> TlsStream<TcpStream> {
        self.try_connect(
            name,
            rustls::crypto::aws_lc_rs::default_provider(),
            rustls::ALL_VERSIONS,
            &[],
        )
        .await
        .unwrap()
    }

    pub async fn try_connect(
        &self,
        name: &str,
        provider: CryptoProvider,
        versions: &[&'static rustls::SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(self.ca.certificate_der().to_vec().into())
            .unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let socket = TcpStream::connect(self.addr).await?;
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name.to_owned().try_into().unwrap(), socket)
            .await
    }

    /// Sends raw bytes to the tenant's host and reads one answer.
    pub async fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect(TENANT).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read_answer(&mut stream).await
    }

    /// A signed-in request to the tenant's host with these further header lines (each ending in CRLF).
    pub async fn get(&self, path: &str, lines: &str) -> Answer {
        self.raw(&format!(
            "GET {path} HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n{lines}\r\n"
        ))
        .await
    }

    pub async fn post(&self, path: &str, lines: &str, body: &str) -> Answer {
        let length = body.len();
        self.raw(&format!(
            "POST {path} HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\ncontent-length: {length}\r\n{lines}\r\n{body}"
        ))
        .await
    }
}

fn serve_link(
    path: &Path,
    core_end: &CoreEnd,
    configure: watch::Receiver<Arc<Configure>>,
    core: &Arc<Core>,
    stop: &CancellationToken,
) {
    let listener = UnixListener::bind(path).unwrap();
    let (core_end, core, stop) = (core_end.clone(), core.clone(), stop.clone());
    tokio::spawn(async move {
        core_end
            .serve(listener, &[user()], configure, core, stop)
            .await
    });
}

/// Who runs these tests.
pub fn user() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
}

async fn listening(reports: &mut mpsc::UnboundedReceiver<Report>) -> SocketAddr {
    loop {
        match reports.recv().await.unwrap() {
            Report::Listening(addr) => return addr,
            Report::ListenFailed(addr, reason) => panic!("{addr}: {reason}"),
            Report::Connected | Report::Lost | Report::Stranger(_) | Report::Suites(_) => {}
        }
    }
}

/// Let through, each request by itself.
pub fn forward(socket: &Path) -> Admit {
    forward_on(socket, None)
}

/// Let through, and further reads on the same word.
pub fn forward_on(socket: &Path, warrant: Option<u64>) -> Admit {
    let person = Person {
        id: "p1".into(),
        email: "ann@trust.test".into(),
        name: "Ann".into(),
        role: Role::Member,
        synthetic: true,
    };
    Admit::Forward {
        tenant: "riverside".into(),
        upstream: socket.to_owned(),
        person,
        session: SESSION,
        warrant,
    }
}

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

pub async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
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
