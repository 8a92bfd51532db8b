//! Proof files: what is taken is what the writer would have written, and shows nothing of another leaf.
#![no_main]

use countersign_audit::{
    verify::{proof::Proof, vkey::Vkey},
    write::proof_file,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let key = Vkey::parse(include_str!("../../tests/vectors/vkey").trim_end()).expect("a key");
    if let Ok(proof) = Proof::parse(text) {
        assert_eq!(proof_file(proof.index, &proof.path, &proof.checkpoint), text);
        assert!(proof.check(b"no leaf", &key).is_err());
    }
});
