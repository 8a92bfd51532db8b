//! Policies: one that is taken is met by all its witnesses, by nobody only if none is asked for, and its newest time by
//! all is that which all have.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::verify::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text) else { return };
    let all: BTreeSet<&str> = policy.witnesses().iter().map(|witness| witness.name()).collect();
    let times: BTreeMap<&str, u64> = all.iter().map(|name| (*name, 7)).collect();
    assert!(policy.is_met(&all));
    assert_eq!(policy.is_met(&BTreeSet::new()), !policy.asks_for_quorum());
    assert_eq!(policy.newest(&times), policy.asks_for_quorum().then_some(7));
});
