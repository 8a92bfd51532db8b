//! What happened to each message, appended line by line before it happens outside: accepted, started, and how it ended.
//! Must stay true: a line is on disk before anybody acts on it; nothing leads from `started` to a second start, also not
//! after a crash; a journal that cannot be read stops the start instead of beginning anew.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, now};

/// Bytes of the journal at most; far more than a phone sends in the time for which it is kept.
const BYTES_MAX: u64 = 256 << 20;
/// A message that ended is remembered so long, in seconds: that long its key sends nothing twice.
pub const KEPT_SECS: u64 = 7 * 86_400;
/// Messages that wait at most.
pub const WAITING_MAX: usize = 100;
/// Messages remembered at most.
const KNOWN_MAX: usize = 100_000;

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In the journal, waits for its turn.
    Accepted,
    /// About to be handed to the phone, or handed to it: nobody has seen the end.
    Started,
    /// The phone took it; whether it left is not known yet.
    HandedOver,
    /// The phone lists it as sent.
    Sent,
    /// It was certainly not sent, or the phone lists it as failed.
    Failed,
    /// It may or may not have been sent.
    Unknown,
}

impl State {
    /// May a message go from here to `next`?
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            // Failed without a start: its time was over.
            Self::Accepted => matches!(next, Self::Started | Self::Failed),
            Self::Started => matches!(next, Self::HandedOver | Self::Sent | Self::Failed | Self::Unknown),
            // What is found in the phone's own list later settles it.
            Self::HandedOver | Self::Unknown => matches!(next, Self::Sent | Self::Failed),
            Self::Sent | Self::Failed => false,
        }
    }

    /// Is the text not needed any more?
    const fn is_settled(self) -> bool {
        matches!(self, Self::Sent | Self::Failed)
    }
}

/// What is asked for: one text to one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// E.164.
    pub to: String,
    /// What it says.
    pub text: String,
    /// The slot of the SIM, from 0; the phone's own choice when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<u8>,
    /// When it dies if the phone has not had it, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

impl Order {
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.to.as_bytes(), self.text.as_bytes(), &[self.sim.map_or(255, |s| s)]] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    /// Seconds since 1970.
    at: u64,
    is: State,
    /// On the first line of a message, and while its text is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    /// On the first line of a message whose text is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// On `started`: rows of the phone's list that were there before have no greater id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    above: Option<i64>,
    /// The row of the phone's list that settled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A message as remembered.
#[derive(Clone, Debug)]
pub struct Message {
    /// The key it came under.
    pub id: String,
    /// How it stands.
    pub state: State,
    /// Since when, in seconds since 1970.
    pub at: u64,
    /// What was asked for; gone once settled.
    pub order: Option<Order>,
    /// Rows of the phone's list with a greater id are newer than its start.
    pub above: Option<i64>,
    /// The row that settled it.
    pub row: Option<i64>,
    /// A stable code.
    pub reason: Option<String>,
    digest: String,
    /// Its place in the order of arrival.
    turn: u64,
}

/// What became of an order.
#[derive(Debug)]
pub enum Taken {
    /// It waits now.
    New(Message),
    /// It came before, just so.
    Again(Message),
    /// The key is that of another order.
    Other,
    /// Too many wait.
    Full,
}

/// The journal, open and locked.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    _lock: File,
    known: BTreeMap<String, Message>,
    turns: u64,
}

impl Journal {
    /// Opens the journal in `folder`, alone; what ended long ago is forgotten.
    ///
    /// # Errors
    /// When another process has it, or a line cannot be read.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let lock = open(&folder.join("lock"))?;
        lock.try_lock().map_err(|_| Error::Says(format!("another bridge uses `{}`", folder.display())))?;
        let path = folder.join("journal");
        let (mut known, mut turns) = (BTreeMap::new(), 0);
        for line in read(&path)? {
            replay(&mut known, &mut turns, line)?;
        }
        let forgotten = now().saturating_sub(KEPT_SECS);
        known.retain(|_, m: &mut Message| m.at >= forgotten || matches!(m.state, State::Accepted | State::Started));
        let mut journal = Self { file: open(&path)?, path, _lock: lock, known, turns };
        journal.rewrite()?;
        Ok(journal)
    }

    /// Takes an order under its key: on disk when this returns.
    ///
    /// # Errors
    /// When it could not be written: then nothing waits.
    pub fn take(&mut self, id: &str, order: Order) -> Result<Taken, Error> {
        if let Some(known) = self.known.get(id) {
            return Ok(if known.digest == order.digest() { Taken::Again(known.clone()) } else { Taken::Other });
        }
        let waiting = self.known.values().filter(|m| m.state == State::Accepted).count();
        if waiting >= WAITING_MAX || self.known.len() >= KNOWN_MAX {
            return Ok(Taken::Full);
        }
        let line = Line { id: id.to_owned(), at: now(), is: State::Accepted, order: Some(order), digest: None, above: None, row: None, reason: None };
        self.append(line)?;
        Ok(self.known.get(id).cloned().map_or(Taken::Full, Taken::New))
    }

    /// Says what is about to happen to a message, or did: on disk when this returns.
    ///
    /// # Errors
    /// When it may not become that, or it could not be written.
    pub fn enter(&mut self, id: &str, is: State, above: Option<i64>, row: Option<i64>, reason: Option<&str>) -> Result<(), Error> {
        self.append(Line { id: id.to_owned(), at: now(), is, order: None, digest: None, above, row, reason: reason.map(str::to_owned) })
    }

    /// The message of this key.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Message> {
        self.known.get(id)
    }

    /// The one whose turn is next.
    #[must_use]
    pub fn next(&self) -> Option<Message> {
        self.known.values().filter(|m| m.state == State::Accepted).min_by_key(|m| m.turn).cloned()
    }

    /// Those in this state, in the order in which they came.
    #[must_use]
    pub fn all(&self, state: State) -> Vec<Message> {
        let mut found: Vec<Message> = self.known.values().filter(|m| m.state == state).cloned().collect();
        found.sort_by_key(|m| m.turn);
        found
    }

    /// How many were begun since then; none when there were none.
    #[must_use]
    pub fn begun_since(&self, at: u64) -> Option<usize> {
        Some(self.known.values().filter(|m| m.state != State::Accepted && m.at >= at).count()).filter(|n| *n > 0)
    }

    /// Has a row of the phone's list settled a message already?
    #[must_use]
    pub fn is_claimed(&self, row: i64) -> bool {
        self.known.values().any(|m| m.row == Some(row))
    }

    fn append(&mut self, line: Line) -> Result<(), Error> {
        // Held against the rules before it is written.
        check(self.known.get(&line.id), &line)?;
        let mut text = serde_json::to_vec(&line).map_err(|e| Error::of("write the journal", e))?;
        text.push(b'\n');
        let before = self.file.metadata().map_err(|e| Error::of("write the journal", e))?.len();
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line would join the next one.
            let _ = self.file.set_len(before);
            return Err(Error::of("write the journal", error));
        }
        replay(&mut self.known, &mut self.turns, line)
    }

    /// Writes what is remembered anew, without the texts of what is settled.
    fn rewrite(&mut self) -> Result<(), Error> {
        let new = self.path.with_extension("new");
        let _ = fs::remove_file(&new);
        let mut file = open(&new)?;
        let mut messages: Vec<&Message> = self.known.values().collect();
        messages.sort_by_key(|m| m.turn);
        let mut out = Vec::new();
        for m in messages {
            let order = m.order.clone().filter(|_| !m.state.is_settled());
            let digest = order.is_none().then(|| m.digest.clone());
            let line = Line { id: m.id.clone(), at: m.at, is: m.state, order, digest, above: m.above, row: m.row, reason: m.reason.clone() };
            serde_json::to_writer(&mut out, &line).map_err(|e| Error::of("write the journal", e))?;
            out.push(b'\n');
        }
        let done = file.write_all(&out).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, &self.path));
        done.and_then(|()| File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()).map_err(|e| Error::of("write the journal", e))?;
        self.file = open(&self.path)?;
        Ok(())
    }
}

fn open(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(|e| Error::of(&format!("open `{}`", path.display()), e))?;
    let mode = file.metadata().map_err(|e| Error::of("look at the journal", e))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::Says(format!("`{}` may be read by others: run `chmod 600` on it", path.display())));
    }
    Ok(file)
}

fn read(path: &Path) -> Result<Vec<Line>, Error> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => {
            file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| Error::of("read the journal", e))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::of("read the journal", error)),
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(Error::Says("the journal is larger than any this bridge writes".into()));
    }
    // A line without its end was never on disk as a whole, so nobody acted on it.
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let lines = bytes[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty()).enumerate();
    lines.map(|(n, line)| serde_json::from_slice(line).map_err(|e| Error::of(&format!("line {} of the journal", n + 1), e))).collect()
}

fn check(known: Option<&Message>, line: &Line) -> Result<(), Error> {
    let allowed = match known {
        // A journal that was written anew begins with how a message stood.
        None => line.order.is_some() || line.digest.is_some(),
        Some(known) => known.state.may_become(line.is) && line.order.is_none() && line.digest.is_none(),
    };
    if allowed { Ok(()) } else { Err(Error::Says(format!("the journal says of `{}` what cannot be", line.id))) }
}

fn replay(known: &mut BTreeMap<String, Message>, turns: &mut u64, line: Line) -> Result<(), Error> {
    check(known.get(&line.id), &line)?;
    if let Some(message) = known.get_mut(&line.id) {
        message.state = line.is;
        message.at = line.at;
        message.above = line.above.or(message.above);
        message.row = line.row.or(message.row);
        message.reason = line.reason;
        if message.state.is_settled() {
            message.order = None;
        }
        return Ok(());
    }
    *turns += 1;
    let digest = line.digest.or_else(|| line.order.as_ref().map(Order::digest)).unwrap_or_default();
    let Line { id, at, is: state, order, above, row, reason, .. } = line;
    known.insert(id.clone(), Message { id, state, at, order, above, row, reason, digest, turn: *turns });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] = [State::Accepted, State::Started, State::HandedOver, State::Sent, State::Failed, State::Unknown];

    fn order(text: &str) -> Order {
        Order { to: "+14155552671".into(), text: text.into(), sim: None, until: None }
    }

    #[test]
    fn nothing_leads_to_a_second_start() {
        for state in STATES {
            assert_eq!(state.may_become(State::Started), state == State::Accepted);
            assert!(!state.may_become(State::Accepted));
        }
    }

    #[test]
    fn what_was_entered_is_there_after_each_reopening_and_settled_texts_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::open(folder.path()).expect("opens");
        assert!(matches!(journal.take("a", order("one secret")), Ok(Taken::New(_))));
        assert!(matches!(journal.take("b", order("two")), Ok(Taken::New(_))));
        journal.enter("a", State::Started, Some(7), None, None).expect("starts");
        assert!(journal.enter("a", State::Started, Some(7), None, None).is_err());
        assert!(Journal::open(folder.path()).is_err(), "two bridges on one journal");
        drop(journal);
        let mut journal = Journal::open(folder.path()).expect("opens");
        assert_eq!(journal.get("a").map(|m| (m.state, m.above)), Some((State::Started, Some(7))));
        assert_eq!(journal.next().map(|m| m.id), Some("b".into()));
        journal.enter("a", State::Sent, None, Some(8), None).expect("sent");
        assert!(journal.is_claimed(8));
        drop(journal);
        let mut journal = Journal::open(folder.path()).expect("opens");
        assert!(matches!(journal.take("a", order("one secret")), Ok(Taken::Again(m)) if m.state == State::Sent));
        assert!(matches!(journal.take("a", order("another")), Ok(Taken::Other)));
        let text = fs::read_to_string(folder.path().join("journal")).expect("reads");
        assert!(!text.contains("one secret") && text.contains("two"));
    }

    #[test]
    fn a_torn_last_line_was_never_acted_on_and_a_broken_one_stops_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::open(folder.path()).expect("opens");
        journal.take("a", order("one")).expect("takes");
        drop(journal);
        let whole = fs::read(&path).expect("reads");
        let torn: Vec<u8> = [&whole[..], b"{\"id\":\"a\",\"at\":1,\"is\":\"sta"].concat();
        fs::write(&path, torn).expect("writes");
        let journal = Journal::open(folder.path()).expect("opens");
        assert_eq!(journal.get("a").map(|m| m.state), Some(State::Accepted));
        drop(journal);
        for broken in [&b"{\"id\":\"a\",\"at\":1,\"is\":\"started\"}\n"[..], b"no line\n"] {
            let doubled = [&whole[..], broken, broken].concat();
            fs::write(&path, doubled).expect("writes");
            assert!(Journal::open(folder.path()).is_err());
        }
    }

    #[test]
    fn too_many_wait_no_longer() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::open(folder.path()).expect("opens");
        for n in 0..WAITING_MAX {
            assert!(matches!(journal.take(&n.to_string(), order("x")), Ok(Taken::New(_))));
        }
        assert!(matches!(journal.take("more", order("x")), Ok(Taken::Full)));
        assert!(matches!(journal.take("0", order("x")), Ok(Taken::Again(_))));
    }
}
