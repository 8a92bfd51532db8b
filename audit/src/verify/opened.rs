//! Sealed values that lie opened or withheld beside an export, in `payloads.jsonl`: each value must be the one that its entry
//! committed to, and each that is not there must be explained.
//!
//! The file is read line by line beside the bundles; neither is in memory as a whole.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{
    Hash, base64,
    json::{self, Value},
    leaf::Leaf,
    pruned::Acts,
    report::{Finding, Report},
};

/// The file beside the log.
pub(super) const NAME: &str = "payloads.jsonl";
/// Longest line in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A commitment of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) name: String,
    c: Hash,
    /// Whose key seals the value, when it is somebody with an id.
    subject: Option<String>,
}

/// The commitments of a leaf in the order of its keys.
pub(super) fn commitments(leaf: &Leaf) -> Vec<Committed> {
    let actor = leaf.inner("actor", "id").map(str::to_owned);
    let subject = leaf.text("subject").map(str::to_owned).or_else(|| actor.clone());
    let mut out = Vec::new();
    let mut put = |name: String, c: Option<&Value>, subject: &Option<String>| {
        if let Some(c) = c.and_then(text).and_then(|c| base64::decode_hash(c).ok()) {
            out.push(Committed { name, c, subject: subject.clone() });
        }
    };
    put("actor.name".to_owned(), leaf.field("actor", "name_c"), &actor);
    for change in leaf.list("change") {
        let field = get(change, "f").and_then(text).unwrap_or_default();
        put(format!("change.{field}.before"), get(change, "before_c"), &subject);
        put(format!("change.{field}.after"), get(change, "after_c"), &subject);
    }
    put("net.ip".to_owned(), leaf.field("net", "ip_c"), &actor);
    put("net.ua".to_owned(), leaf.field("net", "ua_c"), &actor);
    for payload in leaf.list("payload") {
        put(get(payload, "name").and_then(text).unwrap_or_default().to_owned(), get(payload, "c"), &subject);
    }
    put("resource.label".to_owned(), leaf.field("resource", "label_c"), &subject);
    out
}

fn get<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Map(map) => map.get(key),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Section 3 of the format.
fn commitment(key: &[u8], name: &str, value: &[u8]) -> Option<Hash> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(b"countersign/c/v1");
    mac.update(&u32::try_from(name.len()).ok()?.to_be_bytes());
    mac.update(name.as_bytes());
    mac.update(&u64::try_from(value.len()).ok()?.to_be_bytes());
    mac.update(value);
    Some(mac.finalize().into_bytes().into())
}

/// What a line says of one value.
#[derive(Debug)]
enum Said {
    Opened { key: Vec<u8>, value: String },
    NotOpened,
    Erased,
    Altered,
}

#[derive(Debug)]
struct Line {
    seq: u64,
    name: String,
    said: Said,
}

fn read_line(bytes: &[u8]) -> Option<Line> {
    let Ok(Value::Map(map)) = json::read(bytes) else { return None };
    let seq = match map.get("seq")? {
        Value::Int(seq) => u64::try_from(*seq).ok()?,
        _ => return None,
    };
    let name = text(map.get("name")?)?.to_owned();
    let said = match (map.get("withheld"), map.get("key"), map.get("value"), map.len()) {
        (None, Some(key), Some(value), 4) => Said::Opened { key: base64::decode(text(key)?).ok()?, value: text(value)?.to_owned() },
        (Some(why), None, None, 3) => match text(why)? {
            "not opened" => Said::NotOpened,
            "erased" => Said::Erased,
            "altered" => Said::Altered,
            _ => return None,
        },
        _ => return None,
    };
    Some(Line { seq, name, said })
}

/// The file of opened values, held against entries in their order.
#[derive(Debug)]
pub(super) struct Values {
    file: Option<BufReader<File>>,
    next: Option<Line>,
    checked: u64,
    report: Report,
}

impl Values {
    /// Opens the file in `dir`; none when there is none.
    pub(super) fn open(dir: &Path) -> Option<Self> {
        let path = dir.join(NAME);
        let about = fs::symlink_metadata(&path).ok()?;
        let mut values = Self { file: None, next: None, checked: 0, report: Report::default() };
        match File::open(&path) {
            _ if !about.is_file() => values.wrong(None, "not a regular file".to_owned()),
            Ok(file) => values.file = Some(BufReader::new(file)),
            Err(error) => values.report.add(Finding::absent(Some(NAME.to_owned()), format!("the file cannot be read: {error}"))),
        }
        values.advance();
        Some(values)
    }

    fn wrong(&mut self, seq: Option<u64>, what: String) {
        self.report.add(Finding::wrong(seq, Some(NAME.to_owned()), what));
    }

    /// Reads the next line. After one that cannot be read nothing more is.
    fn advance(&mut self) {
        self.next = None;
        let Some(file) = &mut self.file else { return };
        let mut bytes = Vec::new();
        let read = file.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes);
        let line = match read {
            Ok(0) => {
                self.file = None;
                return;
            }
            Ok(_) => bytes.strip_suffix(b"\n").and_then(read_line),
            Err(error) => {
                self.file = None;
                self.report.add(Finding::absent(Some(NAME.to_owned()), format!("the file cannot be read: {error}")));
                return;
            }
        };
        if line.is_none() {
            self.file = None;
            self.wrong(None, "a line is not one of this format; what follows it is not read".to_owned());
        }
        self.next = line;
    }

    /// Takes the leaf at `seq`. Places are taken in order.
    pub(super) fn take(&mut self, seq: u64, bytes: &[u8], acts: &Acts) {
        self.pass(seq);
        let Ok(leaf) = Leaf::parse(bytes) else { return };
        for committed in commitments(&leaf) {
            let is_next = self.next.as_ref().is_some_and(|line| line.seq == seq && line.name == committed.name);
            if !is_next {
                if self.report.findings.is_empty() {
                    let what = format!("the value `{}` of entry {seq} is neither opened nor withheld here", committed.name.escape_debug());
                    self.report.add(Finding { seq: Some(seq), ..Finding::absent(Some(NAME.to_owned()), what) });
                }
                continue;
            }
            let Some(line) = self.next.take() else { continue };
            self.judge(seq, &committed, line.said, acts);
            self.advance();
        }
    }

    fn judge(&mut self, seq: u64, committed: &Committed, said: Said, acts: &Acts) {
        let erased = committed.subject.as_deref().and_then(|subject| acts.erased(subject));
        let name = committed.name.escape_debug();
        let wrong = match (said, erased) {
            (Said::Opened { .. }, Some(by)) => Some(format!("the value `{name}` is here though its subject was erased by entry {by}")),
            (Said::Opened { key, value }, None) => {
                self.checked += 1;
                let fits = key.len() == 32 && commitment(&key, &committed.name, value.as_bytes()) == Some(committed.c);
                (!fits).then(|| format!("the value `{name}` is not the one that the entry committed to"))
            }
            (Said::Erased, None) => Some(format!("the value `{name}` is said to be erased, and no entry of the log says so")),
            (Said::Altered, _) => Some(format!("the value `{name}` lay altered where the log was kept")),
            (Said::Erased, Some(_)) | (Said::NotOpened, _) => None,
        };
        wrong.into_iter().for_each(|what| self.wrong(Some(seq), what));
    }

    /// Lines about entries before `seq` that were not asked for: of entries that cannot be read nothing is told, of others
    /// they are surplus.
    fn pass(&mut self, seq: u64) {
        while let Some(line) = self.next.take_if(|line| line.seq < seq) {
            self.surplus(&line);
            self.advance();
        }
    }

    fn surplus(&mut self, line: &Line) {
        self.wrong(Some(line.seq), format!("the value `{}` is none that this entry has, or stands out of order", line.name.escape_debug()));
    }

    /// Entries up to `end` cannot be read: what is said of them is not held against anything.
    pub(super) fn skip(&mut self, end: u64) {
        while self.next.as_ref().is_some_and(|line| line.seq < end) {
            self.advance();
        }
    }

    /// What is left belongs to no entry. Gives how many values were checked.
    pub(super) fn finish(mut self, report: &mut Report) -> u64 {
        if let Some(line) = self.next.take() {
            self.surplus(&line);
        }
        report.take(self.report);
        self.checked
    }
}
