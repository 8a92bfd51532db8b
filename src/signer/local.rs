//! The signer of a small installation: in the server's process, its memory in the data folder's `signer/`.

use std::path::Path;

use countersign_audit::write::Hash;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, MutexGuard};

use super::Book;
use crate::core::rng::Rng;
use crate::db::signer::{Claim, NextEpoch, SignError, Signer};

/// A book, and one claim at a time.
#[derive(Debug)]
pub struct LocalSigner {
    book: Book,
    turn: Mutex<()>,
}

impl LocalSigner {
    /// With the seed of the key folder and a memory below `folder`.
    #[must_use]
    pub fn new(seed: &[u8; 32], folder: &Path, rng: &Rng) -> Self {
        Self { book: Book::new(seed, folder, rng.clone()), turn: Mutex::new(()) }
    }

    async fn held(&self) -> (MutexGuard<'_, ()>, &Book) {
        (self.turn.lock().await, &self.book)
    }
}

impl Signer for LocalSigner {
    fn begin(&self, origin: &str) -> BoxFuture<'_, Result<(), SignError>> {
        let origin = origin.to_owned();
        Box::pin(async move { self.held().await.1.begin(&origin) })
    }

    fn last(&self, origin: &str) -> BoxFuture<'_, Result<Option<(u64, Hash)>, SignError>> {
        let origin = origin.to_owned();
        // Here nobody is told of a log by hand: one that has entries and no memory has lost it.
        Box::pin(async move {
            self.held().await.1.last(&origin).map_err(|e| match e {
                SignError::NotAllowed(origin) => SignError::Lost(origin),
                other => other,
            })
        })
    }

    fn sign(&self, claim: Claim) -> BoxFuture<'_, Result<String, SignError>> {
        Box::pin(async move { self.held().await.1.sign(&claim) })
    }

    fn next_epoch(&self, origin: &str) -> BoxFuture<'_, Result<NextEpoch, SignError>> {
        let origin = origin.to_owned();
        Box::pin(async move { self.held().await.1.next_epoch(&origin) })
    }

    fn ended(&self, origin: &str, n: u64) -> BoxFuture<'_, Result<Option<String>, SignError>> {
        let origin = origin.to_owned();
        Box::pin(async move { self.held().await.1.ended(&origin, n) })
    }

    fn vkey(&self, origin: &str) -> String {
        self.book.vkey(origin)
    }
}
