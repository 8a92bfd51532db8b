//! Sealed assessments (README.md, section 18): an unpacked archive is held against its two logs, `seal.json` and the entry of
//! the trail, offline.
//!
//! Every file is hashed. What the seal does not name must not be there, and what it names must be. The entry, proven to be in
//! the signed log, holds the hash of `seal.json`; all else follows from that.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{
    cosign,
    files::{self, What},
    json::{self, Value},
    kept::Got,
    leaf::{LEAF_BYTES_MAX, Leaf},
    note::NOTE_BYTES_MAX,
    policy::Policy,
    proof::Proof,
    report::{Finding, Kind, Quorum},
    vkey::Vkey,
};

pub use super::seal_report::SealReport;

/// Most bytes of `seal.json`.
const SEAL_BYTES_MAX: usize = 64 << 20;
/// Most bytes of a log, and of the sums.
const LOG_BYTES_MAX: usize = 8 << 20;
/// Most artifacts of a seal.
const ARTIFACTS_MAX: usize = 10_000;
/// Most documents of a seal.
const DOCUMENTS_MAX: usize = 32;
/// Most files that are looked at.
const FILES_MAX: usize = 20_000;
/// Bytes that are hashed at once.
const CHUNK_BYTES: usize = 1 << 16;

const FORMAT: &str = "countersign-seal-v1";
const SEAL: &str = "seal.json";
const ARTIFACTS_LOG: &str = "CMMCAssessmentArtifacts.log";
const HASH_LOG: &str = "CMMCAssessmentLogHash.log";
const SUMS: &str = "SHA256SUMS";
const DOCUMENTS: &str = "documents/SHA256SUMS";
const ENTRY: &str = "trail/entry.json";
const PROOF: &str = "trail/entry.tlog-proof";
/// Files that nothing binds to the entry: they are for people, and named by the sums alone.
const UNBOUND: [&str; 3] = ["README.txt", "receipt.html", "trail/vkey"];

/// By which key the log is believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The log's own.
    Key(Box<Got<Vkey>>),
    /// That of a policy, with its witnesses.
    Policy(Box<Got<Policy>>),
}

/// The documents of a seal, as their sums name them.
struct Documents {
    /// Path and SHA-256.
    named: Vec<(String, String)>,
    /// The SHA-256 of the sums; none when there are no documents.
    digest: Option<String>,
}

struct Artifact {
    file: String,
    sha256: String,
    size: u64,
}

/// Examines the unpacked archive of a seal.
#[must_use]
pub fn examine(dir: &Path, trust: &Trust) -> SealReport {
    let mut report = SealReport::default();
    let found = hashed(dir, &mut report);
    let sealed = match read_seal(dir) {
        Ok(sealed) => sealed,
        Err(finding) => {
            report.add(finding);
            return report;
        }
    };
    let (artifacts, origin) = match understand(&sealed, &mut report) {
        Ok(understood) => understood,
        Err(what) => {
            report.add(wrong(SEAL, what));
            return report;
        }
    };
    report.named = artifacts.len();
    report.digest = found.get(SEAL).map(|(sum, _)| sum.clone());
    let documents = documents(dir, &found, &mut report);
    compare(&artifacts, &documents.named, &found, &mut report);
    let log = table(artifacts.iter().map(|a| (a.sha256.as_str(), a.file.as_str())));
    let digest = hex(&Sha256::digest(&log));
    is_exactly(dir, ARTIFACTS_LOG, &log, &mut report);
    is_exactly(dir, HASH_LOG, &table([(digest.as_str(), ARTIFACTS_LOG)]), &mut report);
    sums(dir, &found, &mut report);
    if let Err(finding) = entry(dir, trust, &origin, [Some(&digest), documents.digest.as_ref()], &mut report) {
        report.add(finding);
    }
    report.artifacts_log = Some(digest);
    report
}

fn wrong(path: &str, what: impl Into<String>) -> Finding {
    Finding::wrong(None, Some(path.to_owned()), what.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every regular file of the folder with its SHA-256 and its length.
fn hashed(dir: &Path, report: &mut SealReport) -> BTreeMap<String, (String, u64)> {
    let mut found = BTreeMap::new();
    let mut left = FILES_MAX;
    files::walk(dir, ".", &mut |item| {
        let (path, what) = match item {
            Ok(item) => item,
            Err(finding) => {
                report.add(finding);
                return false;
            }
        };
        let path = path.trim_start_matches("./");
        if left == 0 {
            return false;
        }
        left -= 1;
        match what {
            What::Folder => return ["artifacts", "documents", "trail"].contains(&path) || report.stray(path),
            What::Other => report.add(wrong(path, "not a regular file")),
            What::File(_) => match digest(&dir.join(path)) {
                Ok(sum) => {
                    found.insert(path.to_owned(), sum);
                }
                Err(error) => report.add(Finding::absent(Some(path.to_owned()), format!("the file cannot be read: {error}"))),
            },
        }
        false
    });
    if left == 0 {
        report.add(Finding::wrong(None, None, format!("there are more than {FILES_MAX} files")));
    }
    found
}

fn digest(path: &Path) -> std::io::Result<(String, u64)> {
    let (mut file, mut hasher, mut buffer, mut size) = (File::open(path)?, Sha256::new(), vec![0; CHUNK_BYTES], 0);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex(&hasher.finalize()), size));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

fn read_seal(dir: &Path) -> Result<Value, Finding> {
    let bytes = files::read(dir, SEAL, SEAL_BYTES_MAX)?;
    json::read(&bytes).map_err(|error| wrong(SEAL, error.to_string()))
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    match member(value, key) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(format!("`{key}` is missing or not a string")),
    }
}

fn member<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Map(map) => map.get(key),
        _ => None,
    }
}

/// The artifacts of a seal and the log that its entry must be in.
fn understand(sealed: &Value, report: &mut SealReport) -> Result<(Vec<Artifact>, String), String> {
    match text(sealed, "format")? {
        FORMAT => {}
        other => return Err(format!("`format` is `{}`, which this program does not know", other.escape_debug())),
    }
    report.id = Some(text(sealed, "id")?.to_owned());
    report.status_date = Some(text(sealed, "status_date")?.to_owned());
    let Some(Value::List(items)) = member(sealed, "artifacts") else { return Err("`artifacts` is missing or not a list".to_owned()) };
    if items.len() > ARTIFACTS_MAX {
        return Err(format!("there are more than {ARTIFACTS_MAX} artifacts"));
    }
    let mut names = BTreeSet::new();
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let (file, sha256) = (text(item, "file")?, text(item, "sha256")?);
        if !file.strip_prefix("artifacts/").is_some_and(is_plain) {
            return Err(format!("`{}` is not the path of an artifact", file.escape_debug()));
        }
        if !names.insert(file.to_ascii_lowercase()) {
            return Err(format!("`{file}` is there twice"));
        }
        if !is_sum(sha256) {
            return Err(format!("the SHA-256 of `{file}` is not one"));
        }
        let size = match member(item, "size") {
            Some(Value::Int(size)) if *size >= 0 => size.unsigned_abs(),
            _ => return Err(format!("the size of `{file}` is missing or not a number")),
        };
        out.push(Artifact { file: file.to_owned(), sha256: sha256.to_owned(), size });
    }
    Ok((out, text(sealed, "log")?.to_owned()))
}

/// A name that is nothing but one.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The documents that their sums name: every one must be there as it was made. That the sums are the seal's is said by the entry.
fn documents(dir: &Path, found: &BTreeMap<String, (String, u64)>, report: &mut SealReport) -> Documents {
    let mut out = Documents { named: Vec::new(), digest: found.get(DOCUMENTS).map(|(sum, _)| sum.clone()) };
    if out.digest.is_none() {
        return out;
    }
    let bytes = match files::read(dir, DOCUMENTS, LOG_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(finding) => {
            report.add(finding);
            return out;
        }
    };
    for line in String::from_utf8_lossy(&bytes).lines() {
        let parts = line.split_once("  ").filter(|(sum, path)| is_sum(sum) && path.strip_prefix("documents/").is_some_and(is_plain) && *path != DOCUMENTS);
        let Some((sum, path)) = parts.filter(|_| out.named.len() < DOCUMENTS_MAX) else {
            report.add(wrong(DOCUMENTS, "a line is not a sum and the path of a document, or there are too many"));
            return out;
        };
        match found.get(path) {
            None => report.add(Finding::absent(Some(path.to_owned()), "the document is missing".to_owned())),
            Some((is, _)) if is != sum => report.add(wrong(path, format!("its SHA-256 is {is}; {sum} was sealed"))),
            Some(_) => {}
        }
        out.named.push((path.to_owned(), sum.to_owned()));
    }
    out
}

/// Holds what is there against what the seal names.
fn compare(artifacts: &[Artifact], documents: &[(String, String)], found: &BTreeMap<String, (String, u64)>, report: &mut SealReport) {
    for artifact in artifacts {
        match found.get(&artifact.file) {
            None => report.add(Finding::absent(Some(artifact.file.clone()), "the artifact is missing".to_owned())),
            Some((_, size)) if *size != artifact.size => report.add(wrong(&artifact.file, format!("has {size} bytes; {} were sealed", artifact.size))),
            Some((sum, _)) if *sum != artifact.sha256 => report.add(wrong(&artifact.file, format!("its SHA-256 is {sum}; {} was sealed", artifact.sha256))),
            Some((_, size)) => {
                report.good += 1;
                report.bytes += size;
            }
        }
    }
    let named: BTreeSet<&str> = artifacts.iter().map(|a| a.file.as_str()).chain([SEAL, ARTIFACTS_LOG, HASH_LOG, SUMS, DOCUMENTS, ENTRY, PROOF]).collect();
    let named: BTreeSet<&str> = named.into_iter().chain(documents.iter().map(|(path, _)| path.as_str())).chain(UNBOUND).collect();
    for path in found.keys().filter(|path| !named.contains(path.as_str())) {
        report.stray(path);
    }
}

/// The table of the DoD's tool: columns of 15 and 70 and a space behind, CR LF, a blank line before and two behind.
fn table<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let line = |algorithm: &str, hash: &str, path: &str| format!("{algorithm:15} {hash:70} {path}\r\n");
    let mut out = format!("\r\n{}{}", line("Algorithm", "Hash", "Path"), line("---------", "----", "----"));
    for (hash, path) in rows {
        out.push_str(&line("SHA256", &hash.to_uppercase(), path));
    }
    out + "\r\n\r\n"
}

fn is_exactly(dir: &Path, path: &str, expected: &str, report: &mut SealReport) {
    match files::read(dir, path, LOG_BYTES_MAX) {
        Ok(bytes) if bytes == expected.as_bytes() => {}
        Ok(bytes) => {
            let line = 1 + bytes.iter().zip(expected.as_bytes()).take_while(|(a, b)| a == b).filter(|(a, _)| **a == b'\n').count();
            report.add(wrong(path, format!("is not the log of this seal, from line {line} on")));
        }
        Err(finding) => report.add(finding),
    }
}

/// `SHA256SUMS` names every file but itself, and nothing else.
fn sums(dir: &Path, found: &BTreeMap<String, (String, u64)>, report: &mut SealReport) {
    let bytes = match files::read(dir, SUMS, LOG_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(finding) => return report.add(finding),
    };
    let mut named = BTreeMap::new();
    for line in String::from_utf8_lossy(&bytes).lines() {
        let Some((sum, path)) = line.split_once("  ") else { return report.add(wrong(SUMS, "a line is not a sum and a name")) };
        named.insert(path.to_owned(), sum.to_owned());
    }
    for (path, sum) in &named {
        match found.get(path) {
            None => report.add(Finding::absent(Some(path.clone()), "is named by SHA256SUMS and missing".to_owned())),
            Some((is, _)) if is != sum => report.add(wrong(path, "is not what SHA256SUMS says")),
            Some(_) => {}
        }
    }
    for path in found.keys().filter(|path| *path != SUMS && !named.contains_key(*path)) {
        report.add(wrong(SUMS, format!("does not name `{}`", path.escape_debug())));
    }
}

/// The entry names this seal and the hash of `seal.json`, and is in the signed log.
///
/// `[log, documents]` are the SHA-256 of the first log and of the sums of the documents.
fn entry(dir: &Path, trust: &Trust, origin: &str, [log, documents]: [Option<&String>; 2], report: &mut SealReport) -> Result<(), Finding> {
    let bytes = files::read(dir, ENTRY, LEAF_BYTES_MAX)?;
    let leaf = Leaf::parse(&bytes).and_then(|leaf| leaf.check(origin).map(|()| leaf)).map_err(|error| wrong(ENTRY, error.to_string()))?;
    let says = |object: &str, key: &str| leaf.inner(object, key).map(str::to_owned);
    if documents.is_none() && says("data", "documents").is_some() {
        return Err(Finding::absent(Some(DOCUMENTS.to_owned()), "the sums of the documents are missing".to_owned()));
    }
    let expected = [
        ("action", leaf.text("action").map(str::to_owned), Some("assessment.seal".to_owned())),
        ("outcome", leaf.text("outcome").map(str::to_owned), Some("ok".to_owned())),
        ("resource.id", says("resource", "id"), report.id.clone()),
        ("data.digest", says("data", "digest"), report.digest.clone()),
        ("data.artifacts_log", says("data", "artifacts_log"), log.cloned()),
        ("data.documents", says("data", "documents"), documents.cloned()),
        ("data.status_date", says("data", "status_date"), report.status_date.clone()),
    ];
    for (name, is, must) in expected {
        if is != must {
            let shown = |value: Option<String>| value.map_or("nothing".to_owned(), |v| format!("`{}`", v.escape_debug()));
            return Err(wrong(ENTRY, format!("`{name}` is {} where the seal is {}", shown(is), shown(must))));
        }
    }
    let text = files::read(dir, PROOF, 2 * NOTE_BYTES_MAX)?;
    let text = String::from_utf8(text).map_err(|_| wrong(PROOF, "not UTF-8"))?;
    let proof = Proof::parse(&text).map_err(|error| wrong(PROOF, error.to_string()))?;
    let key = trust.key(origin)?;
    let checkpoint = proof.check(&bytes, key).map_err(|error| wrong(PROOF, error.to_string()))?;
    if checkpoint.origin != origin || proof.index != leaf.seq {
        return Err(wrong(PROOF, "proves another entry or another log"));
    }
    report.entry = Some((checkpoint.origin, leaf.seq));
    report.quorum = trust.quorum(proof.checkpoint.as_bytes()).map_err(|why| wrong(PROOF, why))?;
    Ok(())
}

impl Trust {
    fn key(&self, origin: &str) -> Result<&Vkey, Finding> {
        let failed = |(kind, what): &(Kind, String)| Finding { kind: *kind, seq: None, path: None, what: what.clone() };
        match self {
            Self::Key(key) => (**key).as_ref().map_err(failed),
            Self::Policy(policy) => {
                let policy = (**policy).as_ref().map_err(failed)?;
                policy.log_key(origin).ok_or_else(|| Finding::wrong(None, None, format!("the policy names no key of `{}`", origin.escape_debug())))
            }
        }
    }

    fn quorum(&self, note: &[u8]) -> Result<Quorum, String> {
        let Self::Policy(policy) = self else { return Ok(Quorum::NotAsked) };
        let Ok(policy) = &**policy else { return Ok(Quorum::NotMet) };
        if !policy.asks_for_quorum() {
            return Ok(Quorum::None);
        }
        let witnesses = policy.witnesses();
        let (times, _) = cosign::newest(note, witnesses.iter().map(super::policy::Witness::key)).map_err(|error| error.to_string())?;
        let names = witnesses.iter().zip(times).filter(|(_, time)| time.is_some()).map(|(witness, _)| witness.name()).collect();
        Ok(if policy.is_met(&names) { Quorum::Met } else { Quorum::NotMet })
    }
}
