//! A keeper's key, and the certificate by which it proves in TLS that it holds it.

use std::{fs, io, path::Path, sync::Arc};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    version::TLS13,
};

use super::{VaultError, files};
use crate::{draw, far::PublicKey};

/// The certificate, in the keeper's folder.
const CERTIFICATE: &str = "certificate.pem";
/// What names it is for beside those that it is always for, one a line.
const NAMES: &str = "certificate.names";

/// One key for both: what it signs in TLS and in receipts cannot be taken for each other.
pub(super) struct Identity {
    key: Ed25519KeyPair,
    public: PublicKey,
    certificate: CertificateDer<'static>,
}

impl Identity {
    pub(super) fn open(folder: &Path) -> Result<Self, VaultError> {
        let path = folder.join("key");
        if !super::is_there(&path) {
            let seed = draw::bytes::<32>().map_err(VaultError::Key)?;
            files::replace(&path, hex::encode(seed).as_bytes())?;
        }
        let text = fs::read_to_string(&path).map_err(VaultError::io("read", &path))?;
        let seed = hex::decode(text.trim()).map_err(|_| VaultError::Garbled(path.clone()))?;
        let key = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| VaultError::Garbled(path.clone()))?;
        let bytes = <[u8; 32]>::try_from(key.public_key().as_ref());
        let public = PublicKey::new(bytes.map_err(|_| VaultError::Garbled(path))?);
        let certificate = certificate(folder, &key)?;
        Ok(Self {
            key,
            public,
            certificate,
        })
    }

    pub(super) fn public(&self) -> PublicKey {
        self.public
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.key.sign(text).as_ref().to_vec()
    }

    pub(super) fn tls(&self) -> Result<ServerConfig, VaultError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unfit = |error: rustls::Error| VaultError::Key(io::Error::other(error));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(unfit)?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], pkcs8(&self.key)?.into())
            .map_err(unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn pkcs8(key: &Ed25519KeyPair) -> Result<PrivatePkcs8KeyDer<'static>, VaultError> {
    let der = key
        .to_pkcs8v1()
        .map_err(|_| VaultError::Key(io::Error::other("the key cannot be written out")))?;
    Ok(PrivatePkcs8KeyDer::from(der.as_ref().to_vec()))
}

/// Has the certificate be for these names too, from the next time that it is opened: it is made anew if they are others
/// than it is for. The key stays, and with it what statements pin.
pub(super) fn name(folder: &Path, names: &[String]) -> Result<(), VaultError> {
    let (certificate, named) = (folder.join(CERTIFICATE), folder.join(NAMES));
    let mut wanted = names.to_vec();
    wanted.sort();
    wanted.dedup();
    if more_names(&named)? == wanted {
        return Ok(());
    }
    let fits = |name: &&String| {
        let sign = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        !name.is_empty() && name.bytes().all(sign)
    };
    if let Some(odd) = wanted.iter().find(|name| !fits(name)) {
        return Err(VaultError::Host(odd.clone()));
    }
    if super::is_there(&certificate) {
        fs::remove_file(&certificate).map_err(VaultError::io("remove", &certificate))?;
    }
    files::replace(&named, wanted.join("\n").as_bytes())
}

/// The names that the certificate is for beside those that it is always for.
fn more_names(path: &Path) -> Result<Vec<String>, VaultError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(VaultError::io("read", path)(error)),
    }
}

/// The certificate, made once: for stock clients, which are given it as an authority. Avouch itself pins the key.
fn certificate(folder: &Path, key: &Ed25519KeyPair) -> Result<CertificateDer<'static>, VaultError> {
    let path = &folder.join(CERTIFICATE);
    if !super::is_there(path) {
        let unmade = |error: rcgen::Error| VaultError::Key(io::Error::other(error));
        let pair = rcgen::KeyPair::try_from(&pkcs8(key)?).map_err(unmade)?;
        let always = ["localhost", "127.0.0.1", "keeper.avouch.internal"].map(str::to_owned);
        let names = [always.to_vec(), more_names(&folder.join(NAMES))?].concat();
        let params = rcgen::CertificateParams::new(names).map_err(unmade)?;
        let made = params.self_signed(&pair).map_err(unmade)?;
        files::replace(path, made.pem().as_bytes())?;
    }
    CertificateDer::from_pem_file(path).map_err(|_| VaultError::Garbled(path.to_owned()))
}
