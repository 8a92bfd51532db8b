//! Checkpoints: what is taken is what the writer would have written.
#![no_main]

use countersign_audit::{verify::checkpoint::Checkpoint, write::checkpoint::body};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(body(&checkpoint.origin, checkpoint.size, &checkpoint.root), text);
    }
});
