//! The verdict on an export: what was found, what witnesses show, and the exit code that follows.
//! Wrong outweighs absent, and absent is never fine.

use super::{Hash, witnessed::Fresh};

/// Most findings that are kept; how many there were in all is told beside them.
pub const FINDINGS_MAX: usize = 20;

/// What kind of trouble a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something is there and is wrong, or cannot be parsed.
    Wrong,
    /// Something that must be there is absent or cannot be read.
    Absent,
}

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of trouble.
    pub kind: Kind,
    /// The entry, by its place in the log from 0, when it is about one.
    pub seq: Option<u64>,
    /// The file, relative to the export, when it is about one.
    pub path: Option<String>,
    /// What is not right: a fragment without a full stop.
    pub what: String,
}

impl Finding {
    pub(super) fn wrong(seq: Option<u64>, path: Option<String>, what: String) -> Self {
        Self { kind: Kind::Wrong, seq, path, what }
    }

    pub(super) fn absent(path: Option<String>, what: String) -> Self {
        Self { kind: Kind::Absent, seq: None, path, what }
    }

    /// What is named first: what is wrong before what is absent, entries before files, bundles before hash tiles.
    fn rank(&self) -> (bool, bool, u64, bool) {
        let of_bundle = self.path.as_deref().is_some_and(|path| path.starts_with("tile/entries/"));
        (self.kind != Kind::Wrong, self.seq.is_none(), self.seq.unwrap_or(0), !of_bundle)
    }

    /// The finding in one line, its place first.
    #[must_use]
    pub fn line(&self) -> String {
        match (&self.seq, &self.path) {
            (Some(seq), _) => format!("entry {seq}: {}", self.what),
            (None, Some(path)) => format!("{}: {}", path.escape_debug(), self.what),
            (None, None) => self.what.clone(),
        }
    }
}

/// Whether the entries are the ones that were signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Every entry is there, and as it was signed.
    Ok,
    /// Something that is there is wrong.
    Wrong,
    /// Something is absent, so that it cannot be told.
    Incomplete,
}

impl Integrity {
    /// `ok`, `wrong` or `incomplete`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Whether a quorum of witnesses supports a time that is new enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// A quorum saw this checkpoint no longer ago than allowed.
    Met,
    /// No quorum did, or none could be told.
    NotMet,
    /// Nobody asked.
    #[default]
    NotAsked,
}

impl Freshness {
    /// `met`, `not_met` or `not_asked`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not_met",
            Self::NotAsked => "not_asked",
        }
    }
}

/// Whether enough witnesses cosigned the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quorum {
    /// Enough did.
    Met,
    /// Not enough did, or none could be told.
    NotMet,
    /// The policy asks for none.
    None,
    /// No policy was given.
    #[default]
    NotAsked,
}

impl Quorum {
    /// `met`, `not_met`, `none` or `not_asked`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not_met",
            Self::None => "none",
            Self::NotAsked => "not_asked",
        }
    }
}

/// What became of the epoch key that the auditor got by another way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// The log names it: nothing before the end of its epoch was made anew.
    Named,
    /// The log does not name it.
    NotNamed,
    /// It cannot be told, since something before is missing or wrong.
    NotTold,
    /// None was given.
    #[default]
    NotAsked,
}

impl Pin {
    /// `named`, `not_named`, `not_told` or `not_asked`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::NotNamed => "not_named",
            Self::NotTold => "not_told",
            Self::NotAsked => "not_asked",
        }
    }
}

/// Whether a trusted authority gave a time-stamp on a checkpoint that the log begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeStamps {
    /// One did.
    Met,
    /// None did, or it could not be told.
    NotMet,
    /// No roots were given.
    #[default]
    NotAsked,
}

impl TimeStamps {
    /// `met`, `not_met` or `not_asked`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not_met",
            Self::NotAsked => "not_asked",
        }
    }
}

/// What a time-stamp shows: so many entries were there at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Entries of the checkpoint.
    pub size: u64,
    /// When, in seconds since 1970.
    pub time: u64,
    /// Who says so.
    pub tsa: String,
}

/// A witness's cosignature that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The key, as `<name>+<key id>`.
    pub key: String,
    /// When, in seconds since 1970.
    pub time: u64,
    /// What the policy calls the witness.
    pub witness: String,
}

/// What became of a kept checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptState {
    /// The log still begins with what it commits to.
    Held,
    /// The log is shorter.
    RolledBack,
    /// The log has the same size and another root.
    Forked,
    /// The log's first entries are others.
    Rewritten,
    /// It cannot be told, since entries or the checkpoint are missing or unusable.
    NotTold,
    /// The file is no checkpoint by the log's key.
    Refused,
    /// The file cannot be read.
    Absent,
}

impl KeptState {
    /// `held`, `rolled_back`, `forked`, `rewritten`, `not_told`, `refused` or `absent`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::RolledBack => "rolled_back",
            Self::Forked => "forked",
            Self::Rewritten => "rewritten",
            Self::NotTold => "not_told",
            Self::Refused => "refused",
            Self::Absent => "absent",
        }
    }
}

/// A kept checkpoint and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// The file, as it was given.
    pub file: String,
    /// Number of entries that it commits to, once it was accepted.
    pub size: Option<u64>,
    /// The root that it commits to, once it was accepted.
    pub root: Option<Hash>,
    /// What became of it.
    pub state: KeptState,
}

/// The verdict and what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The log's origin, once the checkpoint was accepted.
    pub origin: Option<String>,
    /// Number of entries that the checkpoint commits to.
    pub size: Option<u64>,
    /// The signed root.
    pub root: Option<Hash>,
    /// The root over the entries that are there.
    pub computed_root: Option<Hash>,
    /// The verifier key, as `<name>+<key id>`.
    pub key: Option<String>,
    /// How many entries were read and checked.
    pub entries_checked: u64,
    /// How many epochs the log has begun, once that is known.
    pub epochs: Option<u64>,
    /// Entries before the first epoch, which need no seal; none when there is no epoch.
    pub sealed_from: Option<u64>,
    /// What became of the epoch key that was given.
    pub pin: Pin,
    /// Entries below this place were pruned, as the log allows; 0 when none were.
    pub minimum_index: u64,
    /// How many opened values were held against their entries; none when no values lie beside the log.
    pub values_checked: Option<u64>,
    /// How many hash tiles were compared with the entries.
    pub tiles_checked: u64,
    /// The first bad entry, or the first finding when none is about an entry.
    pub first_bad: Option<Finding>,
    /// What is not right, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many findings there were in all.
    pub found: u64,
    /// Whether a quorum cosigned the checkpoint.
    pub quorum: Quorum,
    /// The cosignatures by witnesses of the policy, in its order.
    pub cosignatures: Vec<Cosigned>,
    /// The newest time that a quorum supports, of times that are not in the future.
    pub quorum_time: Option<u64>,
    /// How new the checkpoint was to be, and what was taken for now.
    pub fresh: Option<Fresh>,
    /// Whether it is.
    pub freshness: Freshness,
    /// The kept checkpoints, in the order given.
    pub kept_checkpoints: Vec<KeptCheckpoint>,
    /// Whether there is a time-stamp.
    pub time_stamps: TimeStamps,
    /// The one over the most entries.
    pub time_stamped: Option<Stamped>,
    /// How many tokens are those of trusted authorities over checkpoints that the log begins with.
    pub tokens_checked: u64,
    /// Remarks that do not bear on the verdict.
    pub notes: Vec<String>,
    /// What this program did not check.
    pub not_checked: Vec<String>,
}

impl Report {
    /// A report of one finding that kept the check from starting.
    #[must_use]
    pub fn refusal(kind: Kind, path: Option<&str>, what: &str) -> Self {
        let mut report = Self::default();
        report.add(Finding { kind, seq: None, path: path.map(str::to_owned), what: what.to_owned() });
        report
    }

    /// Takes the findings of another report, all of them.
    pub(super) fn take(&mut self, other: Self) {
        let untold = other.found - other.findings.len() as u64;
        other.first_bad.into_iter().filter(|first| !other.findings.contains(first)).for_each(|first| self.name(first));
        other.findings.into_iter().for_each(|finding| self.add(finding));
        self.found += untold;
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.name(finding.clone());
        self.found += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else if finding.kind == Kind::Wrong && self.findings.iter().all(|f| f.kind == Kind::Absent) {
            // What is wrong outweighs what is absent, and must not be crowded out by it.
            self.findings.truncate(FINDINGS_MAX - 1);
            self.findings.push(finding);
        }
    }

    fn name(&mut self, finding: Finding) {
        if self.first_bad.as_ref().is_none_or(|first| finding.rank() < first.rank()) {
            self.first_bad = Some(finding);
        }
    }

    /// The verdict.
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        match &*self.findings {
            [] => Integrity::Ok,
            some if some.iter().any(|finding| finding.kind == Kind::Wrong) => Integrity::Wrong,
            _ => Integrity::Incomplete,
        }
    }

    /// Whether what was asked of witnesses and time-stamps is met.
    #[must_use]
    pub fn is_policy_met(&self) -> bool {
        self.quorum != Quorum::NotMet && self.freshness != Freshness::NotMet && self.time_stamps != TimeStamps::NotMet
    }

    /// The exit code: 0 ok, 1 wrong, 2 incomplete; 3 when nothing is wrong or absent, but the policy is not met.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.integrity() {
            Integrity::Ok if self.is_policy_met() => 0,
            Integrity::Ok => 3,
            Integrity::Wrong => 1,
            Integrity::Incomplete => 2,
        }
    }
}
