//! Time-stamp tokens and authorities' answers: whatever the bytes are, they are refused or hold.
#![no_main]

use countersign_audit::verify::{
    certificate::Roots,
    token::{Token, granted},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let note = include_bytes!("../../tests/vectors/three-hundred/checkpoint");
    let roots = Roots::parse(include_str!("../../tests/vectors/tokens/roots.crt")).expect("certificates");
    let answered = granted(bytes).unwrap_or(bytes);
    if let Ok(token) = Token::open(answered, note)
        && let Ok(Some(stamp)) = token.trusted(&roots)
    {
        assert!(stamp.tsa.ends_with("tsa.example"));
    }
    let _ = std::str::from_utf8(bytes).map(Roots::parse);
});
