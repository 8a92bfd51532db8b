//! Notes: whatever the bytes are, they are refused or hold; a note that is taken has the text that is in it.
#![no_main]

use countersign_audit::verify::{
    cosign::{CosignerKey, cosignatures},
    note,
    vkey::Vkey,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let key = Vkey::parse(include_str!("../../tests/vectors/vkey").trim_end()).expect("a key");
    let witness = CosignerKey::parse("witness.example/w1+9338c350+BMhGTaftrmqBh64Wvgbo/o+RwZGpe/nYYaSEBXheFEMv").expect("a key");
    if let Ok(note) = note::open(bytes, &key) {
        assert!(bytes.starts_with(note.text.as_bytes()) && note.text.ends_with('\n'));
    }
    let _ = cosignatures(bytes, &[witness]);
});
