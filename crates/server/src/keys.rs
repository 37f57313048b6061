//! The server's signing keys: bundles (Ed25519) and access tokens (ES256).

use anyhow::{Context as _, Result};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};

use crate::{data_folder::DataFolder, secret::random_bytes};

pub struct Keys {
    pub bundle: SigningKey,
    pub token: TokenKey,
    /// Secret for short-lived links and page tokens.
    pub link: [u8; 32],
}

/// Signs and verifies the access tokens of API clients.
pub struct TokenKey {
    pub encoding: jsonwebtoken::EncodingKey,
    pub decoding: jsonwebtoken::DecodingKey,
    /// The public point, uncompressed (SEC 1): 0x04, x, y.
    public: Vec<u8>,
}

impl Keys {
    /// Loads the keys of a data folder, making what is missing.
    pub fn open(data: &DataFolder) -> Result<Self> {
        Ok(Self {
            bundle: SigningKey::from_bytes(&secret_file(data, "bundle.key")?),
            token: TokenKey::open(data)?,
            link: secret_file(data, "link.key")?,
        })
    }

    /// The public half that devices pin, 64 hexadecimal digits.
    pub fn bundle_public(&self) -> String {
        hex::encode(self.bundle.verifying_key().to_bytes())
    }
}

impl TokenKey {
    fn open(data: &DataFolder) -> Result<Self> {
        let key = match data.read("token.key")? {
            Some(pem) => rcgen::KeyPair::from_pem(&pem).context("token.key is damaged")?,
            None => {
                let key = rcgen::KeyPair::generate()?;
                data.write_private("token.key", key.serialize_pem().as_bytes())?;
                key
            }
        };
        Ok(Self {
            encoding: jsonwebtoken::EncodingKey::from_ec_der(&key.serialize_der()),
            decoding: jsonwebtoken::DecodingKey::from_ec_der(key.public_key_raw()),
            public: key.public_key_raw().to_vec(),
        })
    }

    /// The key's name in tokens and key sets.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.public))
    }

    /// The public key as a JWK (RFC 7517).
    pub fn jwk(&self) -> serde_json::Value {
        let (x, y) = self.public.get(1..).unwrap_or_default().split_at(self.public.len() / 2);
        serde_json::json!({
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.id(),
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

fn secret_file(data: &DataFolder, name: &str) -> Result<[u8; 32]> {
    if let Some(text) = data.read(name)? {
        let bytes = STANDARD.decode(text.trim()).ok();
        return bytes
            .and_then(|b| b.try_into().ok())
            .with_context(|| format!("{name} is damaged"));
    }
    let secret = random_bytes::<32>();
    data.write_private(name, STANDARD.encode(secret).as_bytes())?;
    Ok(secret)
}
