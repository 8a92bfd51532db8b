//! Who countersigns the trail: a policy file in the form of C2SP tlog-policy, and what happens while nobody does.
//! Must stay true: a policy that could never be met, or that names a witness nobody can reach, stops the start.

use std::sync::Arc;
use std::time::Duration;

use countersign_audit::verify::policy::Policy;

use super::parse;
use crate::core::clock::Micros;

/// A policy file is not larger.
const BYTES_MAX: u64 = 65_536;

/// Who countersigns the trail.
#[derive(Clone, Debug, Default)]
pub struct Witnesses {
    /// The witnesses and their quorum; none when nobody does.
    pub policy: Option<WitnessPolicy>,
    /// How often they are asked.
    pub period: Duration,
    /// How old an entry may become before a quorum confirms it.
    pub unwitnessed_max: Micros,
    /// How many entries may wait for that.
    pub entries_max: i64,
    /// What happens beyond.
    pub consequence: Consequence,
}

/// What happens when no quorum confirms the trail for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consequence {
    /// Operators are alerted.
    #[default]
    Warn,
    /// People are not managed either.
    StopAdmin,
    /// Nothing is sent either.
    StopSends,
}

/// A policy file, read.
#[derive(Clone, Debug)]
pub struct WitnessPolicy {
    /// Its lines but for those of logs, which each log writes itself.
    pub text: String,
    /// What it says.
    pub rules: Arc<Policy>,
}

/// Reads the policy file at `path`.
pub(super) fn policy(path: &str) -> Result<WitnessPolicy, String> {
    let unread = |e: std::io::Error| format!("the file cannot be read: {e}");
    if std::fs::metadata(path).map_err(unread)?.len() > BYTES_MAX {
        return Err("the file is larger than 64 KiB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(unread)?;
    let rules = Policy::parse(&text).map_err(|e| e.to_string())?;
    if rules.witnesses().is_empty() {
        return Err("name at least one witness, as in `witness NAME VKEY https://witness.example.org`".to_owned());
    }
    if rules.is_met(&std::collections::BTreeSet::new()) {
        return Err("`quorum none` asks for no witness; name a group or a witness".to_owned());
    }
    for witness in rules.witnesses() {
        let url = witness.url().ok_or_else(|| format!("the witness `{}` has no address", witness.name()))?;
        parse::webhook_url(url).map_err(|what| format!("the address of the witness `{}`: {what}", witness.name()))?;
    }
    let text = text.lines().filter(|line| !line.starts_with("log ")).map(|line| format!("{line}\n")).collect();
    Ok(WitnessPolicy { text, rules: Arc::new(rules) })
}
