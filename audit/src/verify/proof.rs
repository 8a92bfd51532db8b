//! `.tlog-proof` files (C2SP tlog-proof): that one entry is in a signed log, without the log.
//!
//! What is shown is that this leaf is in the log at this index; nothing about its neighbours.

use super::{
    Error, Hash, base64,
    checkpoint::{Checkpoint, decimal},
    tree,
    vkey::Vkey,
};

/// Most hashes in an inclusion proof: one for each level of a tree of 2^63 leaves.
pub const HASHES_MAX: usize = 63;

/// A proof as read; nothing of it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Index of the entry.
    pub index: u64,
    /// Audit path, from the leaf's sibling to the root.
    pub path: Vec<Hash>,
    /// The signed checkpoint, as text.
    pub checkpoint: String,
}

impl Proof {
    /// Reads the text of a `.tlog-proof` file. An `extra` line is refused: this format has none.
    ///
    /// # Errors
    /// When the text is not in form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = text.strip_prefix("c2sp.org/tlog-proof@v1\nindex ").ok_or_else(|| Error::new("not a proof of the form `c2sp.org/tlog-proof@v1`"))?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or_else(|| Error::new("the proof has no checkpoint"))?;
        let mut lines = head.split('\n');
        let index = decimal(lines.next().unwrap_or_default())?;
        let path = lines.take(HASHES_MAX + 1).map(base64::decode_hash).collect::<Result<Vec<_>, _>>()?;
        if path.len() > HASHES_MAX {
            return Err(Error::new(format!("the proof has more than {HASHES_MAX} hashes")));
        }
        Ok(Self { index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies that `leaf` is entry `index` of the log whose checkpoint `key` signed, and gives that
    /// checkpoint.
    ///
    /// # Errors
    /// When the checkpoint is not `key`'s or the path does not lead from the leaf to its root.
    pub fn check(&self, leaf: &[u8], key: &Vkey) -> Result<Checkpoint, Error> {
        let (checkpoint, _) = Checkpoint::open(self.checkpoint.as_bytes(), key)?;
        tree::inclusion(&tree::leaf_hash(leaf), self.index, checkpoint.size, &self.path, &checkpoint.root)?;
        Ok(checkpoint)
    }
}
