//! Passwords: Argon2id (RFC 9106), few at a time, because each takes 19 MiB and some ten milliseconds of a core.

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    error::{Error, Result},
    secret,
};

/// Hashed at once.
const AT_ONCE: usize = 2;
/// Hashed or waiting; whoever comes on top is asked to come back.
const MAX_WAITING: usize = 32;

/// A hash that fits no password, for names that do not exist. Same parameters as real ones.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IHRoYXQgaXMgbm9uZQ$6yNDCzDn6Z0Dh1ZGZ1uN0u0m5zj0mQnqQ4cyq6sV1mM";

/// The places for hashing.
pub struct Hashing {
    running: Semaphore,
    waiting: Semaphore,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            running: Semaphore::new(AT_ONCE),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }
}

impl Hashing {
    pub async fn hash(&self, password: &str) -> Result<String> {
        let _place = self.place().await?;
        let password = password.to_string();
        let hashed = tokio::task::spawn_blocking(move || {
            let failed = |e: argon2::password_hash::Error| Error::internal(anyhow::anyhow!("{e}"));
            let salt = SaltString::encode_b64(&secret::random_bytes::<16>()).map_err(failed)?;
            let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(failed)
        });
        hashed.await.map_err(Error::internal)?
    }

    /// Whether the password fits. Without a hash it fits never, after the same work.
    pub async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool> {
        let _place = self.place().await?;
        let password = password.to_string();
        let verified = tokio::task::spawn_blocking(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| DUMMY_HASH.to_string());
            let hash =
                PasswordHash::new(&hash).map_err(|e| Error::internal(anyhow::anyhow!("stored password hash: {e}")))?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known)
        });
        verified.await.map_err(Error::internal)?
    }

    async fn place(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let busy = |_| Error::TooManyRequests { retry_after_seconds: 2 };
        let waiting = self.waiting.try_acquire().map_err(busy)?;
        let running = self.running.acquire().await.map_err(Error::internal)?;
        Ok((waiting, running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_verify_and_others_do_not() {
        let hashing = Hashing::default();
        let hash = hashing.hash("correct horse battery").await.unwrap();
        assert!(
            hashing
                .verify("correct horse battery", Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!hashing.verify("correct horse batterY", Some(hash)).await.unwrap());
        assert!(!hashing.verify("correct horse battery", None).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_comes_on_top_is_asked_to_come_back() {
        let hashing = Hashing::default();
        let tries = futures_util::future::join_all((0..MAX_WAITING + 8).map(|_| hashing.verify("wrong", None))).await;
        let refused = tries
            .iter()
            .filter(|r| matches!(r, Err(Error::TooManyRequests { .. })))
            .count();
        assert_eq!(refused, 8);
        assert!(hashing.verify("wrong", None).await.is_ok(), "the places are free again");
    }
}
