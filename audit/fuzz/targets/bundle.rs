//! Bundles: of all bytes only the right ones are an export that holds.
#![no_main]

use std::{fs, path::PathBuf, sync::OnceLock};

use countersign_audit::verify::{bundle, vkey::Vkey};
use libfuzzer_sys::fuzz_target;

const RIGHT: &[u8] = include_bytes!("../../tests/vectors/five/tile/entries/000.p/5");

/// The golden export of five, in a folder of this process.
fn export() -> &'static PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("countersign-fuzz-{}", std::process::id()));
        fs::create_dir_all(dir.join("tile/entries/000.p")).expect("a folder can be made");
        fs::write(dir.join("checkpoint"), include_bytes!("../../tests/vectors/five/checkpoint")).expect("written");
        dir
    })
}

fuzz_target!(|bytes: &[u8]| {
    let key = Vkey::parse(include_str!("../../tests/vectors/vkey").trim_end()).expect("a key");
    let dir = export();
    fs::write(dir.join("tile/entries/000.p/5"), bytes).expect("written");
    let report = bundle::directory(dir, &key);
    assert_eq!(report.exit_code() == 0, bytes == RIGHT);
    assert!(countersign_audit::verify::json::read(report.to_json().trim_end().as_bytes()).is_ok());
});
