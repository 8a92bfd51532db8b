//! Rules of this crate that no compiler checks: two sides that share nothing, few dependencies,
//! short files.

use std::{fs, path::Path, process::Command};

/// Everything the crate builds on, sorted; `proc-macro2`, `quote`, `syn` and `unicode-ident` at build time only.
const DEPENDENCIES: &[&str] = &[
    "base16ct",
    "base64",
    "block-buffer",
    "cfg-if",
    "cmov",
    "const-oid",
    "countersign-audit",
    "cpubits",
    "cpufeatures",
    "crypto-bigint",
    "crypto-common",
    "ctutils",
    "curve25519-dalek",
    "curve25519-dalek-derive",
    "der",
    "digest",
    "ecdsa",
    "ed25519",
    "ed25519-dalek",
    "elliptic-curve",
    "ff",
    "group",
    "hmac",
    "hybrid-array",
    "itoa",
    "memchr",
    "num-traits",
    "p256",
    "p384",
    "primefield",
    "primeorder",
    "proc-macro2",
    "quote",
    "rand_core",
    "rfc6979",
    "sec1",
    "serde",
    "serde_core",
    "serde_json",
    "sha1",
    "sha2",
    "signature",
    "subtle",
    "syn",
    "typenum",
    "unicode-ident",
    "wnaf",
    "zeroize",
    "zmij",
];

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    for entry in fs::read_dir(path).expect("the folder is there") {
        let entry = entry.expect("readable");
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(sources(&name));
        } else if name.ends_with(".rs") {
            found.push((name, fs::read_to_string(entry.path()).expect("UTF-8")));
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn writer_and_verifier_import_nothing_from_each_other() {
    for (side, other) in [("src/write", "verify"), ("src/verify", "write"), ("src/bin", "write")] {
        for (name, text) in sources(side) {
            let squeezed: String = text.split_whitespace().collect();
            for way in ["crate::", "super::super::", "countersign_audit::", "crate::{", "super::{super::"] {
                let import = format!("{way}{other}");
                assert!(!squeezed.contains(&import), "{name} names `{import}`");
            }
            if side != "src/bin" {
                assert!(!squeezed.contains("crate::"), "{name} leaves its module");
                assert!(!squeezed.contains("super::super"), "{name} leaves its module");
            }
            assert!(!squeezed.contains("include!("), "{name} includes another file");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for (name, text) in sources("src").into_iter().chain(sources("tests/it")) {
        let lines = text.lines().count();
        assert!(lines <= 400, "{name} has {lines} lines");
        let opening = text.lines().take_while(|line| line.starts_with("//!")).count();
        assert!((2..=6).contains(&opening), "{name} opens with {opening} lines of `//!`");
    }
}

#[test]
fn the_dependencies_are_these() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "-p", "countersign-audit", "-e", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, DEPENDENCIES);
}
