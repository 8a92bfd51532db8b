//! Witness policies as in C2SP tlog-policy: which logs, which witnesses, and how many of them are enough.
//!
//! Read strictly, since a policy that is misread lets through what it should stop: every name is declared
//! before it is used and once, and no key counts twice. What an auditor trusts stands here, so the file comes
//! by another way than the log.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, checkpoint::decimal, cosign::CosignerKey, vkey::Vkey};

/// Longest policy that is read, in bytes.
pub const POLICY_BYTES_MAX: usize = 65_536;
/// Most logs in a policy.
pub const LOGS_MAX: usize = 64;
/// Most witnesses in a policy.
pub const WITNESSES_MAX: usize = 256;
/// Most groups in a policy.
pub const GROUPS_MAX: usize = 64;

/// A policy as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    /// Each after those it names, so that one pass from the first decides all.
    groups: Vec<Group>,
    /// `None` when none is asked for.
    quorum: Option<Member>,
}

/// A log that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    key: Vkey,
    url: Option<String>,
}

impl Log {
    /// The log's key, whose name is its origin.
    #[must_use]
    pub fn key(&self) -> &Vkey {
        &self.key
    }

    /// Where the log is to be had, as the policy says.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

/// A witness that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    name: String,
    key: CosignerKey,
    url: Option<String>,
}

impl Witness {
    /// What the policy calls the witness. The name on its signature lines is that of its key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key by which it cosigns.
    #[must_use]
    pub fn key(&self) -> &CosignerKey {
        &self.key
    }

    /// Where checkpoints are submitted to it, as the policy says.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

/// At least `threshold` of `members`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

impl Policy {
    /// Reads the text of a policy file.
    ///
    /// # Errors
    /// When a line is not one of the format's, a name is doubled, undeclared or a member twice, a threshold is
    /// not among its members' number, a key stands twice, there is not exactly one `quorum`, or the file is
    /// above its limits. The text begins with the line's number.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(Error::new(format!("the policy is longer than {POLICY_BYTES_MAX} bytes")));
        }
        let lines = text.strip_suffix('\n').ok_or_else(|| Error::new("the policy does not end in a newline"))?;
        let mut reader = Reader::default();
        for (number, line) in (1..).zip(lines.split('\n')) {
            reader.line(line).map_err(|error| Error::new(format!("line {number}: {error}")))?;
        }
        let quorum = reader.quorum.ok_or_else(|| Error::new("the policy has no `quorum` line"))?;
        Ok(Self { logs: reader.logs, witnesses: reader.witnesses, groups: reader.groups, quorum })
    }

    /// The logs, in the order of the file.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The key of the log `origin`.
    #[must_use]
    pub fn log_key(&self, origin: &str) -> Option<&Vkey> {
        self.logs.iter().map(Log::key).find(|key| key.name() == origin)
    }

    /// The witnesses, in the order of the file.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether a quorum is asked for at all.
    #[must_use]
    pub fn asks_for_quorum(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether cosignatures by the witnesses of these names are enough. Other names count for nothing.
    #[must_use]
    pub fn is_met(&self, names: &BTreeSet<&str>) -> bool {
        let times = names.iter().map(|name| (*name, 0)).collect();
        self.quorum.is_none() || self.newest(&times).is_some()
    }

    /// The newest time that a quorum supports: the latest T such that witnesses whose time is T or later are
    /// enough. `times` are of witnesses by name. `None` when they are not enough, or no quorum is asked for.
    #[must_use]
    pub fn newest(&self, times: &BTreeMap<&str, u64>) -> Option<u64> {
        let mut groups: Vec<Option<u64>> = Vec::with_capacity(self.groups.len());
        let time_of = |member: Member, groups: &[Option<u64>]| match member {
            Member::Witness(at) => times.get(self.witnesses[at].name()).copied(),
            Member::Group(at) => groups[at],
        };
        for group in &self.groups {
            let mut told: Vec<u64> = group.members.iter().filter_map(|member| time_of(*member, &groups)).collect();
            told.sort_unstable_by(|a, b| b.cmp(a));
            groups.push(told.get(group.threshold - 1).copied());
        }
        self.quorum.and_then(|member| time_of(member, &groups))
    }
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Option<Member>>,
    /// Witnesses and groups share one space of names.
    names: BTreeMap<String, Member>,
    /// Names that are members of a group.
    taken: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), Error> {
        if let Some(control) = line.chars().find(|c| c.is_ascii_control() && *c != '\t') {
            return Err(Error::new(format!("the control character U+{:04X}", control as u32)));
        }
        // Only space and tab part words here, whatever else is white space elsewhere.
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match *words {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, threshold, ref members @ ..] if !members.is_empty() => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            _ => Err(Error::new("not `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`, `group <name> all|any|<k> <name>...` or `quorum <name>|none`")),
        }
    }

    fn log(&mut self, key: &str, url: Option<&str>) -> Result<(), Error> {
        let key = Vkey::parse(key)?;
        if self.logs.len() >= LOGS_MAX {
            return Err(Error::new(format!("more than {LOGS_MAX} logs")));
        }
        if self.logs.iter().any(|log| log.key.name() == key.name() || log.key.named().bytes() == key.named().bytes()) {
            return Err(Error::new("this log's name or key stands on an earlier line"));
        }
        if self.witnesses.iter().any(|witness| witness.key.is_key_of(&key)) {
            return Err(Error::new("a log's key is a witness's too; nobody is their own witness"));
        }
        self.logs.push(Log { key, url: url.map(str::to_owned) });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), Error> {
        let key = CosignerKey::parse(key)?;
        if self.witnesses.len() >= WITNESSES_MAX {
            return Err(Error::new(format!("more than {WITNESSES_MAX} witnesses")));
        }
        if self.witnesses.iter().any(|witness| witness.key.is_same_key(&key)) {
            return Err(Error::new("this witness's key stands on an earlier line; it would count twice"));
        }
        // A signature line names its key by these two alone.
        if self.witnesses.iter().any(|witness| (witness.key.name(), witness.key.id()) == (key.name(), key.id())) {
            return Err(Error::new("another key has this name and key id, so that lines of the two cannot be told apart"));
        }
        if self.logs.iter().any(|log| key.is_key_of(&log.key)) {
            return Err(Error::new("a log's key is a witness's too; nobody is their own witness"));
        }
        self.declare(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: name.to_owned(), key, url: url.map(str::to_owned) });
        Ok(())
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), Error> {
        if self.groups.len() >= GROUPS_MAX {
            return Err(Error::new(format!("more than {GROUPS_MAX} groups")));
        }
        let threshold = match threshold {
            "all" => members.len(),
            "any" => 1,
            number => decimal(number)?.try_into().unwrap_or(usize::MAX),
        };
        if !(1..=members.len()).contains(&threshold) {
            return Err(Error::new(format!("the threshold is not from 1 to {}, the number of members", members.len())));
        }
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            found.push(self.declared(member)?);
            if !self.taken.insert((*member).to_owned()) {
                return Err(Error::new(format!("`{}` is a member already; it would count twice", member.escape_debug())));
            }
        }
        self.declare(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { threshold, members: found });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), Error> {
        let quorum = if name == "none" { None } else { Some(self.declared(name)?) };
        match self.quorum.replace(quorum) {
            None => Ok(()),
            Some(_) => Err(Error::new("a second `quorum` line")),
        }
    }

    fn declare(&mut self, name: &str, member: Member) -> Result<(), Error> {
        if name == "none" {
            return Err(Error::new("`none` is no name"));
        }
        match self.names.insert(name.to_owned(), member) {
            None => Ok(()),
            Some(_) => Err(Error::new(format!("`{}` is declared twice", name.escape_debug()))),
        }
    }

    fn declared(&self, name: &str) -> Result<Member, Error> {
        self.names.get(name).copied().ok_or_else(|| Error::new(format!("`{}` is not declared on an earlier line", name.escape_debug())))
    }
}
