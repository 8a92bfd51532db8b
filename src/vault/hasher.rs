//! Password hashing: argon2id over a peppered HMAC, on threads of its own that give way to those that serve requests.
//! Must stay true: an unknown name costs what a known one costs, and a flood of sign-ins never takes more than its share.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use super::{Purpose, Vault};
use crate::core::fault::{Context as _, Fault};

/// Memory per hash in KiB, passes, lanes: the OWASP ASVS floor for two passes.
const PARAMS: (u32, u32, u32) = (19_456, 2, 1);
/// Hashes that may wait their turn; beyond it callers are told to come back.
const QUEUE_MAX: usize = 64;
/// The longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How far the threads stand back: the least share there is when others want the processor, all of it when nobody does.
const NICENESS: i32 = 19;

type Work = Box<dyn FnOnce() + Send>;

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
    threads: mpsc::Sender<Work>,
    waiting: Arc<Semaphore>,
    dummy: Arc<str>,
}

/// Starts the threads; they end with the last sender.
fn start_threads(parallel: usize) -> Result<mpsc::Sender<Work>, Fault> {
    let (give, take) = mpsc::channel::<Work>();
    let take = Arc::new(Mutex::new(take));
    for n in 0..parallel.max(1) {
        let take = take.clone();
        let thread = std::thread::Builder::new().name(format!("hash-{n}")).spawn(move || {
            // Where this is not allowed, hashing takes its even share.
            let _ = rustix::process::nice(NICENESS);
            loop {
                let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(work) = next else { return };
                // A panic is one caller's failure, not the thread's end.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            }
        });
        thread.context("start a thread for hashing")?;
    }
    Ok(give)
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
        Ok(Self { vault, threads: start_threads(parallel)?, waiting: Arc::new(Semaphore::new(QUEUE_MAX)), dummy: dummy.into() })
    }

    fn peppered(&self, password: &str) -> Zeroizing<String> {
        Zeroizing::new(STANDARD_NO_PAD.encode(self.vault.mac(Purpose::Pepper, &[b"password", password.as_bytes()])))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| HashError::Busy)?;
        let (tell, told) = oneshot::channel();
        let work = move || {
            // Held until now: who goes away leaves its place only when its turn has come, so the queue cannot grow.
            let _place = place;
            // Nobody waits any more: somebody else's turn.
            if !tell.is_closed() {
                let _ = tell.send(work());
            }
        };
        self.threads.send(Box::new(work)).map_err(|_| Fault::new("the threads for hashing are gone"))?;
        let done = tokio::time::timeout(WAIT_MAX, told).await.map_err(|_| HashError::Busy)?;
        Ok(done.context("hash")?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_for_hashing_stand_back_and_survive_a_panic() {
        let threads = start_threads(1).expect("starts");
        let (give, take) = mpsc::channel();
        threads.send(Box::new(|| panic!("one caller's failure"))).expect("takes work");
        threads.send(Box::new(move || give.send(rustix::process::getpriority_process(None)).expect("told"))).expect("takes work");
        assert_eq!(take.recv().expect("the next caller is served"), Ok(NICENESS));
    }
}
