//! Verifier keys: what is taken has exactly one text.
#![no_main]

use countersign_audit::verify::{cosign::CosignerKey, vkey::Vkey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = Vkey::parse(text) {
        assert!(text.starts_with(&format!("{}+{:08x}+", key.name(), u32::from_be_bytes(key.id()))));
    }
    if let Ok(key) = CosignerKey::parse(text) {
        assert!(text.starts_with(&format!("{}+", key.short())) && Vkey::parse(text).is_err());
    }
});
