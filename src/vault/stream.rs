//! Seals a file piece by piece, so that memory stays small: each piece under its own nonce, bound to its place in the file and
//! to whether it is the last; the last is padded.
//! Must stay true: a piece that is changed, moved, left out or added does not open, nor does a file that was cut.

use std::sync::Arc;

use zeroize::{Zeroize as _, Zeroizing};

use super::{DataKey, OpenError, Place, Vault, pad};

/// Bytes of a piece but the last.
const PIECE_BYTES: usize = 64 * 1024;

/// What is bound into a piece beside its place.
fn column(column: &str, n: u64, last: bool) -> String {
    format!("{column}/{n}/{}", if last { "last" } else { "more" })
}

/// A file on its way in.
#[derive(Debug)]
pub struct Sealer {
    vault: Vault,
    key: Arc<DataKey>,
    place: (String, String, String),
    held: Zeroizing<Vec<u8>>,
    n: u64,
}

impl Sealer {
    fn piece(&mut self, plain: &[u8], last: bool) -> Vec<u8> {
        let (table, row, name) = &self.place;
        let column = column(name, self.n, last);
        self.n += 1;
        self.key.seal(&Place { table, row, column: &column }, plain, self.vault.rng())
    }

    /// Takes bytes, and gives the pieces that are full.
    #[must_use]
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.held.len()));
            self.held.extend_from_slice(now);
            bytes = rest;
            if self.held.len() == PIECE_BYTES {
                let mut full = std::mem::replace(&mut self.held, Zeroizing::new(Vec::with_capacity(PIECE_BYTES)));
                out.extend(self.piece(&full, false));
                full.zeroize();
            }
        }
        out
    }

    /// The last piece; there always is one.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        self.piece(&pad::pad(&held), true)
    }
}

/// A file on its way out.
#[derive(Debug)]
pub struct Opener {
    vault: Vault,
    place: (String, String, String),
    n: u64,
}

impl Opener {
    /// Opens the next piece.
    ///
    /// # Errors
    /// [`OpenError::Altered`] when it is not the next one, [`OpenError::Erased`] when the key is gone.
    pub async fn piece(&mut self, sealed: &[u8], last: bool) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (table, row, name) = &self.place;
        let column = column(name, self.n, last);
        let mut plain = self.vault.unseal(&Place { table, row, column: &column }, sealed).await?;
        self.n += 1;
        if last {
            let length = pad::length(&plain).ok_or(OpenError::Altered)?;
            plain.truncate(length);
        }
        Ok(plain)
    }

    /// Bytes of a sealed piece, but the last: by the beginning of the first one.
    #[must_use]
    pub fn sealed_bytes(head: &[u8]) -> Option<usize> {
        // Version, length of the key's id, the id, nonce, text, tag.
        Some(2 + usize::from(*head.get(1)?) + 12 + PIECE_BYTES + 16)
    }
}

fn owned(place: &Place<'_>) -> (String, String, String) {
    (place.table.to_owned(), place.row.to_owned(), place.column.to_owned())
}

impl Vault {
    /// Begins to seal a file under the key of `subject`.
    ///
    /// # Errors
    /// As [`Vault::key_for`].
    pub async fn seal_stream(&self, subject: &str, place: &Place<'_>) -> Result<Sealer, OpenError> {
        let key = self.key_for(subject).await?;
        Ok(Sealer { vault: self.clone(), key, place: owned(place), held: Zeroizing::new(Vec::with_capacity(PIECE_BYTES)), n: 0 })
    }

    /// Begins to open a file.
    #[must_use]
    pub fn open_stream(&self, place: &Place<'_>) -> Opener {
        Opener { vault: self.clone(), place: owned(place), n: 0 }
    }
}
