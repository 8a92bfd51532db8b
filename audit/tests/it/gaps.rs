//! Exports with bundles missing or broken off, and damage before and behind: both verifiers look at all that is there.
//! What is missing is absent; what is wrong behind it is wrong all the same.

use crate::{
    both::Cases,
    support::{Export, ORIGIN, key, log},
};

#[test]
fn both_look_behind_what_is_missing() {
    let Some(mut cases) = Cases::new("python-gaps") else { return };
    let vkey = key().vkey(ORIGIN);
    for with_tiles in [false, true] {
        let whole = Export::new(log(600), with_tiles);
        let paths: Vec<_> = whole.files.keys().filter(|path| *path != "checkpoint").cloned().collect();
        let bundles: Vec<_> = paths.iter().filter(|path| path.starts_with("tile/entries/")).collect();
        for gap in [&bundles[..1], &bundles[1..2], &bundles[..2], &[bundles[0], bundles[2]]] {
            let mut gapped = whole.clone();
            gap.iter().for_each(|path| drop(gapped.files.remove(*path)));
            cases.add(format!("{gap:?} gone"), &gapped, &vkey, 2);
            for path in paths.iter().filter(|path| gapped.files.contains_key(*path)) {
                cases.add_altered(&gapped, path, &format!("first byte, {gap:?} gone"), 1, |b| b[0] ^= 1);
                cases.add_altered(&gapped, path, &format!("cut, {gap:?} gone"), 1, |b| b.truncate(b.len() / 2));
                let mut without = gapped.clone();
                without.files.remove(path);
                cases.add(format!("{path} and {gap:?} gone"), &without, &vkey, 2);
            }
        }
        let mut broken = whole.clone();
        for path in &bundles[1..3] {
            broken.files.get_mut(*path).expect("there").truncate(9000);
        }
        cases.add("two bundles break off", &broken, &vkey, 1);
        for path in paths.iter().filter(|path| path.starts_with("tile/1") || *path == "tile/entries/000") {
            cases.add_altered(&broken, path, "first byte, two bundles break off", 1, |b| b[0] ^= 1);
        }
    }
    cases.judge();
}
