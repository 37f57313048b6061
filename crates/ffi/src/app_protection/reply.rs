//! The server's answer to a check-in, from bytes that nobody is trusted for.

use ed25519_dalek::{Signature, VerifyingKey};
use moat_model::app_protection::{AppCheckInReply, Lease, LeaseError, MAX_ACCESS_PROOF, MAX_LEASE, SignedLease};

/// A lease's quotes are escaped inside the reply; nothing honest is longer.
const MAX_REPLY: usize = 4 * MAX_LEASE;

/// Why a reply is refused; the old lease stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ReplyError {
    #[error("no check-in is under way: make a request first")]
    NotAsked,
    #[error("the server's answer cannot be read: {reason}")]
    Malformed { reason: String },
    #[error("the lease is not signed by the server's key")]
    Signature,
    #[error("{reason}")]
    Lease { reason: String },
    #[error("the lease is older than one that this app has had: check in again")]
    Older,
}

impl From<LeaseError> for ReplyError {
    fn from(error: LeaseError) -> Self {
        Self::Lease {
            reason: error.to_string(),
        }
    }
}

pub(super) enum Reply {
    Lease {
        signed: SignedLease,
        lease: Box<Lease>,
        /// What gateways are shown; none from a server that does not give any.
        access_proof: Option<String>,
    },
    NoLease {
        reason: String,
    },
}

impl Reply {
    pub fn read(bytes: &[u8], key: &VerifyingKey) -> Result<Self, ReplyError> {
        let malformed = |reason: String| ReplyError::Malformed { reason };
        if bytes.len() > MAX_REPLY {
            return Err(malformed(format!("it has more than {MAX_REPLY} bytes")));
        }
        let reply: AppCheckInReply = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        Ok(match reply.lease {
            Some(signed) => Self::Lease {
                lease: Box::new(verified(&signed, key)?),
                signed,
                access_proof: reply.access_proof.map(usable).transpose()?,
            },
            None => Self::NoLease {
                reason: reply.reason.unwrap_or_default(),
            },
        })
    }
}

/// It goes into a header of the app's requests: nothing else may come in by it.
fn usable(proof: String) -> Result<String, ReplyError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match !proof.is_empty() && proof.len() <= MAX_ACCESS_PROOF && proof.bytes().all(plain) {
        true => Ok(proof),
        false => Err(ReplyError::Malformed {
            reason: format!("accessProof is not base64url of 1 to {MAX_ACCESS_PROOF} characters"),
        }),
    }
}

/// Checks the signature over the lease's bytes before anything in them is looked at.
pub(super) fn verified(signed: &SignedLease, key: &VerifyingKey) -> Result<Lease, ReplyError> {
    let bytes = signed.lease.as_bytes();
    let signature = hex::decode(&signed.signature).ok();
    let signature = signature.and_then(|signature| Signature::from_slice(&signature).ok());
    let signature = signature.ok_or(ReplyError::Signature)?;
    key.verify_strict(bytes, &signature)
        .map_err(|_| ReplyError::Signature)?;
    Ok(Lease::decode(bytes)?)
}
