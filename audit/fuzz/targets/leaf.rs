//! Leaves and their JSON: what is taken has one byte form.
#![no_main]

use countersign_audit::verify::{json, leaf::Leaf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::read(bytes) {
        assert_eq!(json::render(&value).as_bytes(), bytes);
    }
    if let Ok(leaf) = Leaf::parse(bytes) {
        let _ = leaf.check("countersign.example/audit/1");
    }
});
