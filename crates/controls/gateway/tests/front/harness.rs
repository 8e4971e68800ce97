//! A front with a pretended core and an instance on a Unix socket, and clients that speak raw bytes.

mod answer;
mod instance;
mod pretended;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use avouch_gateway::certs::LocalCa;
use avouch_gateway::front;
use avouch_gateway::link::{
    Admit, Ciphers, Configure, CoreEnd, End, EntryRule, Limits, Minimum, Read, RecordRule, Refused,
    Report, SuiteCount, TlsRules,
};
use avouch_gateway::secret::SecretBytes;
use rustls::crypto::CryptoProvider;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub use self::answer::{Answer, read_answer};
pub use self::instance::{echo, instance, mirror};
pub use self::pretended::{Core, Told, forward, forward_on, sha256};

pub const DOMAIN: &str = "acuity.test";
pub const TENANT: &str = "riverside.acuity.test";
pub const SESSION: [u8; 16] = [5; 16];

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
            refusals: Mutex::default(),
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
            match self.told().await {
                Told::End(end) | Told::Read(Read { end, .. }) => return end,
                _ => {}
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
