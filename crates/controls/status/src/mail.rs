//! Writing to the supplier's team by a mail relay: over TLS alone, and said to be sent only once the relay has taken it.
//!
//! Source: RFC 5321 (SMTP), RFC 8314 (TLS from the first byte).

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, address::AddressError};

use tokio::time::timeout;

use crate::notify::Notify;

/// How long the relay may take over a letter or a greeting: the library waits for ever for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// An address is none.
    #[error("an address cannot be written to")]
    Address(#[from] AddressError),
    /// The letter cannot be written.
    #[error("the letter cannot be written")]
    Letter(#[from] lettre::error::Error),
    /// The relay cannot be reached, is not whom it should be, or refused.
    #[error("the mail relay did not take it")]
    Relay(#[from] lettre::transport::smtp::Error),
    /// It says nothing.
    #[error("the mail relay did not answer within {} s", PATIENCE.as_secs())]
    Slow,
}

impl MailError {
    /// Whether this letter was refused, and another may be taken; if not, there was nobody to take any.
    #[must_use]
    pub fn is_of_this_letter(&self) -> bool {
        match self {
            Self::Address(_) | Self::Letter(_) => true,
            Self::Relay(error) => error.is_permanent() || error.is_transient(),
            Self::Slow => false,
        }
    }
}

/// A letter.
pub struct Letter<'a> {
    /// What a mail program knows it again by, if it comes twice.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// What it is about.
    pub subject: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// The relay, and whom it is to deliver to.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mailer {
    /// Writes by this relay, whose certificate must come from one of these authorities (PEM), with the user's password if
    /// there is one. `hello` is the name that it is greeted with.
    ///
    /// # Errors
    /// If an address or the authorities cannot be used.
    pub fn new(
        notify: &Notify,
        authorities: &[u8],
        password: Option<&str>,
        hello: &str,
    ) -> Result<Self, MailError> {
        let relay = &notify.relay;
        let tls = TlsParameters::builder(relay.host.clone())
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(authorities)?)
            .build_rustls()?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&relay.host)
            .port(relay.port)
            .tls(Tls::Wrapper(tls))
            .hello_name(ClientId::Domain(hello.to_owned()))
            .timeout(Some(PATIENCE));
        if let (Some(user), Some(password)) = (&notify.user, password) {
            transport = transport.credentials(Credentials::new(user.clone(), password.to_owned()));
        }
        let mailbox = |text: &String| Ok::<_, MailError>(Mailbox::new(None, text.parse()?));
        Ok(Self {
            transport: transport.build(),
            from: mailbox(&notify.from)?,
            to: notify.to.iter().map(mailbox).collect::<Result<_, _>>()?,
        })
    }

    /// Hands a letter to the relay; returns once it has taken it.
    ///
    /// # Errors
    /// If it has not.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), MailError> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(letter.subject)
            .date(SystemTime::from(letter.at))
            .message_id(Some(format!("<{}>", letter.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let message = message.body(letter.text.to_owned())?;
        let taken = timeout(PATIENCE, self.transport.send(message)).await;
        taken.map_err(|_| MailError::Slow)??;
        Ok(())
    }

    /// Whether the relay answers, over TLS, to us.
    ///
    /// # Errors
    /// If it does not.
    pub async fn greet(&self) -> Result<bool, MailError> {
        let greeted = timeout(PATIENCE, self.transport.test_connection()).await;
        Ok(greeted.map_err(|_| MailError::Slow)??)
    }
}
