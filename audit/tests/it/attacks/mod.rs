//! Attacks on an exported log, by family, each with the clean log beside it: what is attacked is told with its exit code
//! and its sentence, what is clean passes under the same command line. The numbers are those of the threat list that the
//! format was designed against; those that are missing here do not concern an export.

mod aged;
mod content;
mod epochs;
mod forms;
mod history;
mod keys;
mod order;
mod stamps;
mod taken;
mod witnessing;

use std::process::Command;

use countersign_audit::write::{checkpoint, checkpoint::SigningKey};

use crate::{
    both::{BINARY, Cases, text},
    support::{Export, ORIGIN, chain, event, folder, key, log, root, signed},
    witnesses::{cosigned, witness},
};

/// What an auditor is handed, and what they hold themselves.
#[derive(Clone)]
pub struct Hand {
    pub export: Export,
    /// Files of the auditor's own, by the option that names them.
    pub own: Vec<(&'static str, String)>,
}

impl Hand {
    pub fn new(size: u64, with_tiles: bool) -> Self {
        Self { export: Export::new(log(size), with_tiles), own: vec![("--key", key().vkey(ORIGIN))] }
    }

    /// With a policy that asks for the cosignatures of w1 and w2, which are there.
    pub fn witnessed(size: u64) -> Self {
        let mut hand = Self::new(size, true);
        hand.sign(|note| cosigned(&cosigned(note, "w1", 100), "w2", 100));
        hand.own = vec![("--policy", policy(&key().vkey(ORIGIN), "group g all w1 w2\nquorum g"))];
        hand
    }

    /// With the checkpoint of a smaller size kept.
    pub fn remembering(size: u64, kept: u64) -> Self {
        let mut hand = Self::new(size, true);
        hand.own.push(("--checkpoint", signed(&log(kept))));
        hand
    }

    pub fn sign(&mut self, change: impl FnOnce(&str) -> String) {
        let note = String::from_utf8(self.export.files["checkpoint"].clone()).expect("UTF-8");
        self.export.files.insert("checkpoint".to_owned(), change(&note).into_bytes());
    }

    /// The export that `leaves` make, signed by `key` under `name`; what the auditor holds stays.
    pub fn rewrite(&mut self, leaves: Vec<Vec<u8>>, key: &SigningKey, name: &str) {
        let with_tiles = self.export.files.keys().any(|path| path.starts_with("tile/0"));
        let text = checkpoint::body(name, leaves.len() as u64, &root(&leaves));
        self.export = Export::new(leaves, with_tiles);
        self.sign(|_| key.sign_note(name, &text).expect("proper"));
    }

    pub fn leaves(&mut self, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        change(&mut self.export.leaves);
        self.export.pack();
    }

    pub fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.export.files.get_mut(path).expect("there")
    }
}

pub fn policy(log: &str, rest: &str) -> String {
    let lines: String = ["w1", "w2"].map(|name| format!("witness {name} {}\n", witness(name).vkey(name))).concat();
    format!("log {log}\n{lines}{rest}\n")
}

/// What is attacked, how, the exit code, what is said.
pub type Attack = (&'static str, fn() -> Hand, fn(&mut Hand), u64, &'static str);

/// Runs a family: each attack is told, and its clean log passes.
pub fn family(name: &str, attacks: &[Attack]) {
    let mut cases = Cases::new(&format!("attacks-{name}"));
    let (dir, own) = (folder(&format!("attack-{name}")), folder(&format!("attack-{name}-own")));
    for (attack, make, strike, exit, told) in attacks {
        for (struck, exit, told) in [(false, 0, "OK: every entry"), (true, *exit, *told)] {
            let mut hand = make();
            if struck {
                strike(&mut hand);
            }
            let _ = std::fs::remove_dir_all(&dir);
            hand.export.write(&dir);
            let mut words = Vec::new();
            for (at, (option, held)) in hand.own.iter().enumerate() {
                let file = own.join(format!("{}-{at}", cases.as_ref().map_or(0, Cases::count)));
                std::fs::write(&file, held).expect("written");
                words.extend([(*option).to_owned(), text(&file).to_owned()]);
            }
            let ran = Command::new(BINARY).arg(&dir).args(&words).output().expect("it runs");
            let said = String::from_utf8(ran.stdout).expect("UTF-8");
            assert_eq!(ran.status.code(), i32::try_from(exit).ok(), "{attack}, struck: {struck}: {said}");
            assert!(said.contains(told), "{attack}, struck: {struck}: {said}");
            if let Some(cases) = &mut cases {
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                cases.ask(*attack, &hand.export, &words, exit);
            }
        }
    }
    cases.into_iter().for_each(Cases::judge);
}

/// A log of 300 whose entry `at` is another, chained anew.
pub fn rechained(at: u64) -> Vec<Vec<u8>> {
    chain((0..300).map(|n| event(if n == at { 900 } else { n }).body().expect("proper")))
}
