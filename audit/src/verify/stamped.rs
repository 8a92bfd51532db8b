//! Time-stamps in an export: for some sizes of the log the checkpoint of that size as it was then, and a token over it.
//!
//! They are read when roots are given, all of them. A token by an authority that leads to none of the roots counts for
//! nothing; one that is by a trusted authority and is wrong sinks the export.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    Hash,
    certificate::{ROOTS_BYTES_MAX, Roots},
    checkpoint::{self, Checkpoint},
    files::{self, What},
    kept::{self, Got},
    moment,
    note::NOTE_BYTES_MAX,
    report::{Finding, Kind, Report, Stamped, TimeStamps},
    token::{TOKEN_BYTES_MAX, Token},
    vkey::Vkey,
    walker::Walker,
};

/// Most tokens in an export: eleven years of one each hour.
pub const TOKENS_MAX: usize = 100_000;
/// The folder of tokens.
const FOLDER: &str = "tokens";
/// Seconds by which the clock of an entry may be ahead of the authority's before that is remarked.
const AHEAD_MAX: u64 = 300;

/// Reads a file of roots that the auditor named.
///
/// # Errors
/// Absent when it cannot be read, wrong when it is not certificates in PEM.
pub fn read_roots(file: &Path) -> Got<Roots> {
    let named = |(kind, why): (Kind, String)| (kind, format!("the roots of time-stamps: {why}"));
    let bytes = kept::bytes(file, ROOTS_BYTES_MAX).map_err(named)?;
    let text = String::from_utf8(bytes).map_err(|_| named((Kind::Wrong, "not UTF-8".to_owned())))?;
    Roots::parse(&text).map_err(|error| named((Kind::Wrong, error.to_string())))
}

/// Fills in what was asked for as not met, which stands unless something shows otherwise.
pub(super) fn expect(asked: bool, report: &mut Report) {
    report.time_stamps = if asked { TimeStamps::NotMet } else { TimeStamps::NotAsked };
    let open =
        if asked { "revocation: whether the certificates of time-stamps were revoked" } else { "time-stamps: no roots were given, so that no token counts" };
    report.not_checked.push(open.to_owned());
}

/// Time-stamps while the log is walked: each is held against the root over as many entries.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    waiting: Vec<(Checkpoint, Stamped)>,
    /// The roots over as many entries, and whether an entry so far claims to be later.
    passed: Vec<(Hash, bool)>,
}

impl Stamps {
    /// Reads every token and the checkpoint it is over.
    pub(super) fn open(dir: &Path, roots: &Roots, key: &Vkey, log: &Checkpoint, report: &mut Report) -> Self {
        let (mut waiting, mut strange) = (Vec::new(), 0_u64);
        for (size, [has_note, has_token]) in sizes(dir, log.size, report) {
            if !(has_note && has_token) {
                let lacking = path(size, if has_note { "token" } else { "note" });
                report.add(Finding::absent(Some(lacking), "the file is missing, and its other half is there".to_owned()));
                continue;
            }
            match stamp(dir, size, roots, key) {
                Ok(Some(found)) => waiting.push(found),
                Ok(None) => strange += 1,
                Err(finding) => report.add(finding),
            }
        }
        if strange > 0 {
            report.notes.push(format!("{strange} tokens are by authorities that lead to none of the roots given; they count for nothing"));
        }
        Self { waiting, passed: Vec::new() }
    }

    /// Whether the root is wanted over fewer than `size` entries that were not passed yet.
    pub(super) fn wants_before(&self, size: u64) -> bool {
        self.waiting.get(self.passed.len()).is_some_and(|(checkpoint, _)| checkpoint.size < size)
    }

    /// The log has `size` entries now.
    pub(super) fn pass(&mut self, size: u64, walker: &Walker) {
        if let Some((_, stamped)) = self.waiting.get(self.passed.len()).filter(|(checkpoint, _)| checkpoint.size == size) {
            let ahead = moment::parse(walker.latest_ts()).is_ok_and(|latest| latest > stamped.time.saturating_add(AHEAD_MAX));
            self.passed.push((walker.root(), ahead));
        }
    }

    /// Tells what the walk showed. A token that it did not reach shows nothing.
    pub(super) fn finish(self, report: &mut Report) {
        let mut ahead = None;
        for ((checkpoint, stamped), (root, is_ahead)) in self.waiting.into_iter().zip(self.passed) {
            if root != checkpoint.root {
                let what = format!("a time-stamp of {} is over other first {} entries than those that are here", moment::show(stamped.time), stamped.size);
                report.add(Finding::wrong(None, Some(path(stamped.size, "note")), what));
                continue;
            }
            if is_ahead {
                ahead.get_or_insert((stamped.size, stamped.time));
            }
            report.tokens_checked += 1;
            report.time_stamped = Some(stamped);
        }
        if report.time_stamped.is_some() {
            report.time_stamps = TimeStamps::Met;
        }
        if let Some((size, time)) = ahead {
            let time = moment::show(time);
            report.notes.push(format!("among the first {size} entries, which existed at {time}, some claim a later time: the server's clock was ahead"));
        }
    }
}

/// The sizes there are time-stamps for, and whether the note and the token is there.
fn sizes(dir: &Path, log_size: u64, report: &mut Report) -> BTreeMap<u64, [bool; 2]> {
    let mut found: BTreeMap<u64, [bool; 2]> = BTreeMap::new();
    let wrong = |path: &str, what: &str| Finding::wrong(None, Some(path.to_owned()), what.to_owned());
    match fs::symlink_metadata(dir.join(FOLDER)) {
        Err(_) => return found,
        Ok(about) if !about.is_dir() => report.add(wrong(FOLDER, "not a folder")),
        Ok(_) => files::walk(dir, FOLDER, &mut |seen| {
            match seen {
                Err(finding) => report.add(finding),
                Ok((path, What::File(_))) => match place(path).filter(|(size, _)| (1..=log_size).contains(size)) {
                    Some((size, half)) => found.entry(size).or_default()[half] = true,
                    None => report.add(wrong(path, "surplus: no file of a time-stamp of this log is called so")),
                },
                Ok((path, _)) => report.add(wrong(path, "not a regular file")),
            }
            false
        }),
    }
    if found.len() > TOKENS_MAX {
        report.add(wrong(FOLDER, &format!("more than {TOKENS_MAX} time-stamps")));
        found.clear();
    }
    found
}

fn path(size: u64, half: &str) -> String {
    format!("{FOLDER}/{size}.{half}")
}

/// Size and half that a path names: 0 for the note, 1 for the token.
fn place(path: &str) -> Option<(u64, usize)> {
    let (size, half) = path.strip_prefix(FOLDER)?.strip_prefix('/')?.split_once('.')?;
    let half = ["note", "token"].iter().position(|name| *name == half)?;
    Some((checkpoint::decimal(size).ok()?, half))
}

/// The checkpoint of a time-stamp and what a trusted authority says of it; none when no trusted one does.
fn stamp(dir: &Path, size: u64, roots: &Roots, key: &Vkey) -> Result<Option<(Checkpoint, Stamped)>, Finding> {
    let refused = |half: &str, error: super::Error| Finding::wrong(None, Some(path(size, half)), error.to_string());
    let note = files::read(dir, &path(size, "note"), NOTE_BYTES_MAX)?;
    let token = files::read(dir, &path(size, "token"), TOKEN_BYTES_MAX)?;
    let (checkpoint, _) = Checkpoint::open(&note, key).map_err(|error| refused("note", error))?;
    if checkpoint.size != size {
        let what = format!("the checkpoint is of {} entries", checkpoint.size);
        return Err(Finding::wrong(None, Some(path(size, "note")), what));
    }
    let token = Token::open(&token, &note).map_err(|error| refused("token", error))?;
    let said = token.trusted(roots).map_err(|error| refused("token", error))?;
    Ok(said.map(|said| (checkpoint, Stamped { size, time: said.time, tsa: said.tsa.clone() })))
}
