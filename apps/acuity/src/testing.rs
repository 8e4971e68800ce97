//! What the tests share: a signer of assertions, and one moment.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::keys::PublicKey;

/// Noon on a Sunday in winter, when the United Kingdom's clocks show UTC.
pub fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// Claims that are right in every way.
pub fn claims() -> Value {
    let second = now().as_second();
    json!({
        "iss": "https://acuity.localhost", "aud": "riverside", "tenant": "riverside", "sub": "p-1",
        "email": "amina@riverside.test", "name": "Amina Diallo", "role": "member", "synthetic": false,
        "iat": second, "exp": second + 60,
    })
}

/// Signs as a gateway would.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    pub fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    pub fn public(&self) -> PublicKey {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    /// A right token for `claims`.
    pub fn token(&self, header: &str, claims: &Value) -> String {
        self.raw_token(header, &claims.to_string())
    }

    /// A signed token around any text.
    pub fn raw_token(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// The JWKS file that belongs to it.
    pub fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.public());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": x}]}).to_string()
    }
}
