//! Walks a log from its first entry: canonical form, grammar, `_seq`, `_prev`, and the root at the end.
//!
//! Memory does not grow with the log. A broken link alone does not tell which of two entries was
//! changed; the entry after them does, so that finding comes one entry later, or at [`Walker::finish`].

use super::{
    Error, Hash,
    ahead::Fine,
    base64,
    clock::Clock,
    epochs::Rotation,
    json::{self, Value},
    leaf::Leaf,
    quick,
    report::{FINDINGS_MAX, Finding},
    tiles::WIDTH,
    tree::{self, Tree},
};

/// Where the 44 characters of `_prev` begin in a canonical leaf.
const PREV_AT: usize = 10;

/// An incremental verifier of one log.
#[derive(Clone, Debug)]
pub struct Walker {
    origin: String,
    /// The origin as entries carry it.
    origin_json: String,
    /// The entries up to the first that was passed over.
    tree: Tree,
    place: u64,
    taken: u64,
    /// Entries of which the hash alone is there, before the first that was taken.
    stood: u64,
    last: Hash,
    /// Whether `last` is the hash that the next entry must name.
    linked: bool,
    clock: Clock,
    /// How far `_seq` is off its place, so that one missing entry is one finding.
    shift: i128,
    suspect: Option<Suspect>,
    /// What the entry taken last says about epochs.
    rotation: Option<Result<Rotation, Error>>,
    findings: Vec<Finding>,
    latest: Option<Finding>,
    found: u64,
}

/// A link that does not hold: either entry `seq` was changed, or `_prev` of the one after it.
#[derive(Clone, Debug)]
struct Suspect {
    seq: u64,
    /// What the later entry would hash to with the right `_prev`.
    repaired: Hash,
    /// The tree before the later entry.
    before: Tree,
}

/// What a whole walk found.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Entries walked.
    pub size: u64,
    /// Whether none was passed over.
    pub whole: bool,
    /// RFC 6962 root over them, if none was passed over.
    pub root: Hash,
    /// What is wrong, by entry, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many findings there were in all.
    pub found: u64,
    /// What their times show of the server's clock.
    pub clock: Clock,
}

impl Walker {
    /// A walk over the log `origin`, before its first entry.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            origin_json: json::render(&Value::Text(origin.to_owned())),
            tree: Tree::default(),
            place: 0,
            taken: 0,
            stood: 0,
            last: [0; 32],
            linked: true,
            clock: Clock::default(),
            shift: 0,
            suspect: None,
            rotation: None,
            findings: Vec::new(),
            latest: None,
            found: 0,
        }
    }

    /// Takes the bytes of the next leaf. They enter the root whatever is wrong with them.
    ///
    /// # Errors
    /// What this leaf brought to light, about itself or about the one before it. The walk can go on;
    /// [`Self::finish`] tells everything again.
    pub fn push(&mut self, leaf: &[u8]) -> Result<(), Finding> {
        let (place, found) = (self.place, self.found);
        self.rotation = None;
        if self.is_fine(leaf) {
            self.take(leaf);
            return Ok(());
        }
        match Leaf::parse(leaf) {
            Ok(parsed) => self.link(place, leaf, &parsed),
            Err(error) => {
                self.settle(None);
                self.report(Some(place), error.to_string());
            }
        }
        self.take(leaf);
        match &self.latest {
            Some(finding) if self.found > found => Err(finding.clone()),
            _ => Ok(()),
        }
    }

    /// Whether there is nothing to say of this leaf or of the one before: then the long way would change nothing but the time.
    fn is_fine(&mut self, leaf: &[u8]) -> bool {
        if !self.linked || self.shift != 0 || self.suspect.is_some() {
            return false;
        }
        let Some(seen) = quick::look(leaf, self.place, self.origin_json.as_bytes()) else { return false };
        if seen.prev != base64::encode_hash(&self.last) {
            return false;
        }
        self.clock.saw(self.place, &seen);
        true
    }

    /// Takes a whole bundle of which nothing is to be said; false when it must be looked at entry by entry.
    pub(super) fn take_bundle(&mut self, fine: &Fine) -> bool {
        let clean = self.linked && self.shift == 0 && self.suspect.is_none() && self.is_whole() && self.place.is_multiple_of(WIDTH);
        let (true, Some(last)) = (clean && fine.prev == base64::encode_hash(&self.last), fine.hashes.last()) else { return false };
        self.clock.saw_all(self.place, &fine.times);
        (self.last, self.rotation) = (*last, None);
        self.tree.push_tile(fine.root);
        (self.place, self.taken) = (self.place + WIDTH, self.taken + WIDTH);
        true
    }

    /// The origin as entries carry it.
    pub(super) fn origin_json(&self) -> &str {
        &self.origin_json
    }

    fn take(&mut self, leaf: &[u8]) {
        self.last = tree::leaf_hash(leaf);
        self.linked = true;
        if self.is_whole() {
            self.tree.push(self.last);
        }
        self.place += 1;
        self.taken += 1;
    }

    /// `count` entries cannot be had: what comes next stands that much further on, and its `_prev` cannot be checked.
    /// From here on there is no root.
    pub fn skip(&mut self, count: u64) {
        if count > 0 {
            self.settle(None);
            self.place += count;
            (self.linked, self.shift) = (false, 0);
            self.clock.pass();
        }
    }

    /// Takes the hash of the next entry in its stead, before any leaf was taken: the entry was pruned. The root at the end
    /// shows whether the hash is right, and the first leaf must name the last of them.
    pub fn stand(&mut self, hash: Hash) {
        self.last = hash;
        self.tree.push(hash);
        self.place += 1;
        self.stood += 1;
    }

    /// Whether no entry was passed over so far.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.place == self.taken + self.stood
    }

    /// The place of the next entry.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.place
    }

    /// What the entry taken last says about epochs, when it stands at its place and is in form.
    pub(super) fn take_rotation(&mut self) -> Option<Result<Rotation, Error>> {
        self.rotation.take()
    }

    /// Hash of the last leaf taken; 32 zero bytes before the first.
    #[must_use]
    pub fn last(&self) -> Hash {
        self.last
    }

    /// RFC 6962 root over the leaves taken before the first that was passed over.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The latest time that an entry so far carries.
    pub(super) fn latest_ts(&self) -> &str {
        self.clock.latest()
    }

    /// Number of leaves taken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.taken
    }

    /// Ends the walk. With `signed_root`, the root must be that, unless entries were passed over.
    #[must_use]
    pub fn finish(self, signed_root: Option<&Hash>) -> Walk {
        self.end(signed_root, true)
    }

    /// As [`Self::finish`]; unless `strict`, another root is no finding, but still tells who broke the last link.
    pub(super) fn end(mut self, signed_root: Option<&Hash>, strict: bool) -> Walk {
        let signed_root = signed_root.filter(|_| self.is_whole());
        if let Some(suspect) = self.suspect.take() {
            let mut repaired = suspect.before.clone();
            repaired.push(suspect.repaired);
            let later = signed_root == Some(&repaired.root());
            self.blame(suspect.seq, later);
        }
        let root = self.root();
        if strict && signed_root.is_some_and(|signed| *signed != root) {
            let last = self.place.saturating_sub(1);
            if self.found == 0 {
                self.report(
                    Some(last),
                    format!(
                        "the entries do not add up to the signed root though every link holds: entry {last}, \
                         the last entry, or the checkpoint was changed, or entries were chained anew"
                    ),
                );
            } else {
                self.report(None, "the entries do not add up to the signed root".to_owned());
            }
        }
        self.findings.sort_by_key(|finding| finding.seq.unwrap_or(u64::MAX));
        let (size, whole) = (self.taken, self.is_whole());
        Walk { size, whole, root, findings: self.findings, found: self.found, clock: self.clock }
    }

    fn link(&mut self, place: u64, bytes: &[u8], leaf: &Leaf) {
        let shift = i128::from(leaf.seq) - i128::from(place);
        if shift != self.shift {
            // Out of place: its `_prev` says nothing about its neighbour here.
            self.shift = shift;
            self.settle(None);
            if shift != 0 {
                self.report(Some(place), format!("`_seq` is {} where {place} belongs", leaf.seq));
            }
        } else {
            self.settle(Some(&leaf.prev));
            if !self.linked || leaf.prev == self.last {
                // Nothing to hold it against, or it holds.
            } else if place == 0 {
                self.report(Some(0), "`_prev` of the first entry is not 32 zero bytes".to_owned());
            } else {
                let mut repaired = bytes.to_vec();
                let prev = base64::encode(&self.last);
                repaired[PREV_AT..PREV_AT + prev.len()].copy_from_slice(prev.as_bytes());
                self.suspect = Some(Suspect { seq: place - 1, repaired: tree::leaf_hash(&repaired), before: self.tree.clone() });
            }
        }
        match leaf.check(&self.origin) {
            Err(error) => self.report(Some(place), error.to_string()),
            Ok(()) if leaf.seq == place => self.rotation = leaf.rotation(&self.origin).transpose(),
            Ok(()) => {}
        }
        self.clock.tick(place, leaf);
    }

    /// Decides an open suspicion by what the next entry names as its predecessor.
    fn settle(&mut self, next_prev: Option<&Hash>) {
        if let Some(suspect) = self.suspect.take() {
            self.blame(suspect.seq, next_prev == Some(&suspect.repaired));
        }
    }

    fn blame(&mut self, seq: u64, later: bool) {
        let next = seq + 1;
        if later {
            self.report(Some(next), format!("`_prev` was changed: it is not the hash of entry {seq}, and with that hash the rest fits"));
        } else {
            self.report(Some(seq), format!("the entry was changed: its hash is not the one that entry {next} names in `_prev`"));
        }
    }

    fn report(&mut self, seq: Option<u64>, what: String) {
        if seq.is_some() && self.findings.iter().any(|finding| finding.seq == seq) {
            return;
        }
        self.found += 1;
        let finding = Finding::wrong(seq, None, what);
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding.clone());
        }
        self.latest = Some(finding);
    }
}
