//! What witnesses say of a checkpoint, held against a policy: whether a quorum cosigned it, and how lately.
//!
//! Times are the witnesses' word. One from the future supports nothing: whoever keeps such a cosignature would be
//! fresh for as long as that clock was ahead.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Error, cosign,
    moment::show,
    policy::Policy,
    report::{Cosigned, Freshness, Quorum, Report},
};

/// Seconds by which a cosignature may be later than now before that is remarked.
pub const AHEAD_MAX: u64 = 300;

/// How new a checkpoint must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Most seconds between now and the newest time that a quorum supports.
    pub max_age: u64,
    /// What is taken for now, in seconds since 1970.
    pub now: u64,
    /// Whether `now` was given, rather than read from a clock.
    pub now_is_given: bool,
}

/// Fills in what was asked for as not met, which stands unless something shows otherwise.
pub(super) fn expect(policy: Option<&Policy>, policy_asked: bool, fresh: Option<&Fresh>, report: &mut Report) {
    report.quorum = match policy {
        Some(policy) if !policy.asks_for_quorum() => Quorum::None,
        _ if policy_asked => Quorum::NotMet,
        _ => Quorum::NotAsked,
    };
    report.freshness = if fresh.is_some() { Freshness::NotMet } else { Freshness::NotAsked };
    report.fresh = fresh.copied();
}

/// Verifies the cosignatures of the policy's witnesses on a note and fills in what they show. Gives the number of lines
/// that are theirs.
pub(super) fn check(note: &[u8], policy: &Policy, fresh: Option<&Fresh>, report: &mut Report) -> Result<usize, Error> {
    let witnesses = policy.witnesses();
    let (newest, lines) = cosign::newest(note, witnesses.iter().map(|witness| witness.key()))?;
    let mut times = BTreeMap::new();
    for (witness, time) in witnesses.iter().zip(newest) {
        if let Some(time) = time {
            times.insert(witness.name(), time);
            report.cosignatures.push(Cosigned { key: witness.key().short(), time, witness: witness.name().to_owned() });
        }
    }
    let names: BTreeSet<&str> = times.keys().copied().collect();
    if policy.asks_for_quorum() {
        report.quorum = if policy.is_met(&names) { Quorum::Met } else { Quorum::NotMet };
    }
    if let Some(fresh) = fresh {
        let latest = fresh.now.saturating_add(AHEAD_MAX);
        for (name, time) in times.iter().filter(|(_, time)| **time > latest) {
            let name = name.escape_debug();
            report.notes.push(format!("the cosignature by `{name}` is of {}, later than now; it supports no freshness", show(*time)));
        }
        times.retain(|_, time| *time <= latest);
    }
    report.quorum_time = policy.newest(&times);
    if let (Some(fresh), Some(time)) = (fresh, report.quorum_time)
        && fresh.now.saturating_sub(time) <= fresh.max_age
    {
        report.freshness = Freshness::Met;
    }
    Ok(lines)
}
