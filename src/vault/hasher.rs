//! Password hashing: argon2id over a peppered HMAC, in `spawn_blocking`, under a semaphore whose permit moves into the closure.
//! Must stay true: an unknown name costs what a known one costs, and a flood of sign-ins never takes more than its share.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{Purpose, Vault};
use crate::core::fault::{Context as _, Fault};

/// Memory per hash in KiB, passes, lanes: the OWASP ASVS floor for two passes.
const PARAMS: (u32, u32, u32) = (19_456, 2, 1);
/// Hashes that may wait their turn; beyond it callers are told to come back.
const QUEUE_MAX: usize = 64;
/// The longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many at once.
    #[error("too many sign-ins at once")]
    Busy,
    /// The library failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub struct Hasher {
    vault: Vault,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    dummy: Arc<str>,
}

fn argon() -> Argon2<'static> {
    let (memory, passes, lanes) = PARAMS;
    let params = Params::new(memory, passes, lanes, Some(32)).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

impl Hasher {
    /// With `parallel` hashes at a time.
    ///
    /// # Errors
    /// When the library cannot hash.
    pub fn new(vault: Vault, parallel: usize) -> Result<Self, Fault> {
        let dummy = argon().hash_password(b"nobody has this password").context("hash")?.to_string();
        Ok(Self { vault, turns: Arc::new(Semaphore::new(parallel.max(1))), waiting: Arc::new(Semaphore::new(QUEUE_MAX)), dummy: dummy.into() })
    }

    fn peppered(&self, password: &str) -> Zeroizing<String> {
        Zeroizing::new(STANDARD_NO_PAD.encode(self.vault.mac(Purpose::Pepper, &[b"password", password.as_bytes()])))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let _place = self.waiting.clone().try_acquire_owned().map_err(|_| HashError::Busy)?;
        let turn = tokio::time::timeout(WAIT_MAX, self.turns.clone().acquire_owned()).await.map_err(|_| HashError::Busy)?.context("wait for a turn")?;
        let done = tokio::task::spawn_blocking(move || {
            let out = work();
            drop(turn);
            out
        });
        Ok(done.await.context("hash")?)
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn hash(&self, password: &str) -> Result<String, HashError> {
        let peppered = self.peppered(password);
        let made = self.run(move || argon().hash_password(peppered.as_bytes()).map(|h| h.to_string())).await?;
        Ok(made.context("hash a password")?)
    }

    /// Does `password` fit `held`? With no hash held, the same work is done and the answer is no.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn verify(&self, password: &str, held: Option<&str>) -> Result<bool, HashError> {
        let peppered = self.peppered(password);
        let known = held.is_some();
        let held = held.map_or_else(|| self.dummy.to_string(), str::to_owned);
        if !bounded(&held) {
            return Err(Fault::new("a stored password hash has parameters beyond the bounds").into());
        }
        let fits = self.run(move || PasswordVerifier::<str>::verify_password(&argon(), peppered.as_bytes(), &held).is_ok()).await?;
        Ok(fits && known)
    }

    /// Was `held` made with weaker parameters than today's?
    #[must_use]
    pub fn outdated(held: &str) -> bool {
        let (memory, passes, lanes) = PARAMS;
        !held.contains(&format!("m={memory},t={passes},p={lanes}"))
    }
}

/// A corrupt hash must not make the server allocate gigabytes.
fn bounded(held: &str) -> bool {
    let Ok(hash) = PasswordHash::new(held) else { return false };
    Params::try_from(&hash).is_ok_and(|p| p.m_cost() <= 262_144 && p.t_cost() <= 16 && p.p_cost() <= 8)
}
