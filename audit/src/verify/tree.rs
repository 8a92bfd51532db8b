//! The RFC 6962 tree from the verifier's side: roots by replay, proofs by RFC 9162's algorithms.
//!
//! The proofs are checked bottom-up, bit by bit of the index; nothing here builds one.

use sha2::{Digest, Sha256};

use super::{Error, Hash};

/// `SHA-256(0x00 || leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(leaf);
    hasher.finalize().into()
}

/// SHA-256 of bytes that are no part of a tree.
pub(super) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0x01; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The root of an empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest(b"").into()
}

/// The root over `leaf_hashes`, in order.
#[must_use]
pub fn root(leaf_hashes: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    for hash in leaf_hashes {
        tree.push(*hash);
    }
    tree.root()
}

/// A tree being replayed, one leaf after the other, in memory of at most 64 hashes.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// At place h the perfect subtree of 2^h leaves that is not yet part of a larger one.
    open: Vec<Option<Hash>>,
}

impl Tree {
    /// Takes the next leaf's hash.
    pub fn push(&mut self, leaf_hash: Hash) {
        self.size += 1;
        let mut carry = leaf_hash;
        for place in &mut self.open {
            match place.take() {
                None => {
                    *place = Some(carry);
                    return;
                }
                Some(left) => carry = node_hash(&left, &carry),
            }
        }
        self.open.push(Some(carry));
    }

    /// Takes the next 256 leaves at once, by the root over them; a multiple of as many was taken before.
    pub(super) fn push_tile(&mut self, root: Hash) {
        debug_assert!(self.size.is_multiple_of(256), "the tile begins where one ended");
        self.size += 256;
        self.open.resize(self.open.len().max(8), None);
        let mut carry = root;
        for place in self.open.iter_mut().skip(8) {
            match place.take() {
                None => {
                    *place = Some(carry);
                    return;
                }
                Some(left) => carry = node_hash(&left, &carry),
            }
        }
        self.open.push(Some(carry));
    }

    /// Number of leaves taken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over the leaves taken.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for subtree in self.open.iter().flatten() {
            root = Some(root.map_or(*subtree, |right| node_hash(subtree, &right)));
        }
        root.unwrap_or_else(empty_root)
    }
}

/// Checks that the leaf with `leaf_hash` is entry `index` of the tree of `size` leaves with `root`.
/// `proof` is ordered from the leaf to the root (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// When the proof does not lead to the root, is too short or too long, or `index` is not in the tree.
pub fn inclusion(leaf_hash: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), Error> {
    if index >= size {
        return Err(Error::new(format!("entry {index} is not in a tree of size {size}")));
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf_hash);
    for sibling in proof {
        if last == 0 {
            return Err(Error::new("the inclusion proof is too long"));
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(Error::new("the inclusion proof does not lead to the root")) }
}

/// Checks that the tree of `old_size` leaves with `old_root` is a prefix of the tree of `new_size`
/// leaves with `new_root` (RFC 9162 section 2.1.4.2; the proof is empty for equal sizes and for an
/// old size of 0).
///
/// # Errors
/// When the proof does not lead to both roots, or the sizes are the wrong way round.
pub fn consistency(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, proof: &[Hash]) -> Result<(), Error> {
    let refused = || Error::new(format!("size {old_size} is not shown to be a prefix of size {new_size}"));
    if old_size > new_size {
        return Err(refused());
    }
    if old_size == 0 || old_size == new_size {
        let same = if old_size == new_size { old_root == new_root } else { *old_root == empty_root() };
        return if same && proof.is_empty() { Ok(()) } else { Err(refused()) };
    }
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (start, rest) = if old_size.is_power_of_two() {
        (*old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or_else(refused)?;
        (*first, rest)
    };
    let (mut old, mut new) = (start, start);
    for sibling in rest {
        if last == 0 {
            return Err(refused());
        }
        if at & 1 == 1 || at == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && old == *old_root && new == *new_root { Ok(()) } else { Err(refused()) }
}
