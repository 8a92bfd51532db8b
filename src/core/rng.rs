//! Randomness, from one place: the operating system's in the product, a seeded stream in tests that need it repeatable.
//! Nothing else makes keys, ids, tokens or nonces.

use std::sync::{Arc, Mutex};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _, TryRng as _};

/// A source of random bytes.
#[derive(Clone)]
pub struct Rng {
    seeded: Option<Arc<Mutex<StdRng>>>,
}

impl std::fmt::Debug for Rng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rng(..)")
    }
}

impl Rng {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self { seeded: None }
    }

    /// A repeatable stream, for tests only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seeded: Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))) }
    }

    /// Fills `buffer`.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    pub fn fill(&self, buffer: &mut [u8]) {
        match &self.seeded {
            Some(stream) => {
                stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(buffer);
            }
            None => SysRng.try_fill_bytes(buffer).expect("the operating system gives random bytes"),
        }
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// 32 random bytes as 43 characters of base64url.
    #[must_use]
    pub fn token(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }
}
