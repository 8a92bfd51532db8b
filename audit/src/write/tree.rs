//! The RFC 6962 tree as a compact range: enough to append and to name the root, 64 hashes at most.
//!
//! A tree of size n is the row of perfect subtrees that n's binary digits name, largest first.

use sha2::{Digest, Sha256};

use super::{Error, Hash};

/// `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a tree without leaves, `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The right edge of a growing tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of an empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its [`super::leaf::leaf_hash`].
    pub fn push(&mut self, leaf_hash: Hash) {
        let mut hash = leaf_hash;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each binary digit of the size");
            hash = node(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree as it stands.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right)).unwrap_or_else(empty_root)
    }

    /// The stored form: size as 8 bytes big-endian, then the peaks' hashes, largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.size.to_be_bytes().to_vec();
        out.extend(self.peaks.iter().flatten());
        out
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Frontier`] when the length does not fit the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(Error::Frontier)?;
        let size = u64::from_be_bytes(*size);
        let (peaks, extra) = rest.as_chunks::<32>();
        if !extra.is_empty() || peaks.len() != size.count_ones() as usize {
            return Err(Error::Frontier);
        }
        Ok(Self { size, peaks: peaks.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frontier_survives_storage() {
        let mut frontier = Frontier::new();
        for n in 0..200_u8 {
            assert_eq!(Frontier::from_bytes(&frontier.to_bytes()).as_ref(), Ok(&frontier));
            frontier.push([n; 32]);
        }
        let mut bytes = frontier.to_bytes();
        bytes.push(0);
        assert_eq!(Frontier::from_bytes(&bytes), Err(Error::Frontier));
        assert_eq!(Frontier::from_bytes(&bytes[..40]), Err(Error::Frontier));
        assert_eq!(Frontier::from_bytes(&[]), Err(Error::Frontier));
    }
}
