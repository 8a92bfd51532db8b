//! `fault.log`: what happened while the trail was in doubt. One line an event, each holding the hash of the line before,
//! fsynced before the act is answered. Its hash stands in the first entry of the origin that follows.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest as _, Sha256};

use crate::core::fault::{Context as _, Fault};

/// The file is not read when it is larger.
const BYTES_MAX: u64 = 256 << 20;

/// The file, appended to under a lock.
#[derive(Debug)]
pub struct FaultLog {
    path: PathBuf,
    /// The hash of the last line, once it was read or written.
    last: Mutex<Option<[u8; 32]>>,
}

impl FaultLog {
    /// The log of this data folder; the file is made with its first line.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { path: data.join("fault.log"), last: Mutex::new(None) }
    }

    /// Appends one event's canonical body, durably.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn append(&self, body: &[u8]) -> Result<(), Fault> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = match *last {
            Some(hash) => hash,
            None => last_line(&read_bounded(&self.path)?),
        };
        let mut line = hex::encode(before).into_bytes();
        line.push(b' ');
        line.extend_from_slice(body);
        let hash = Sha256::digest(&line).into();
        line.push(b'\n');
        // Until it is durable nobody knows what the file ends with.
        *last = None;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path).context("open fault.log")?;
        file.write_all(&line).context("write fault.log")?;
        file.sync_all().context("flush fault.log")?;
        *last = Some(hash);
        Ok(())
    }

    /// The bodies of the lines, oldest first, as far as each holds the hash of the one before.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bodies(&self) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(bodies_of(&read_bounded(&self.path)?))
    }

    /// The bodies of the file and of those that were set aside.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn all_bodies(&self) -> Result<Vec<Vec<u8>>, Fault> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut out = self.bodies()?;
        for entry in std::fs::read_dir(folder).context("list the data folder")?.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("fault-") && Path::new(&name).extension().is_some_and(|e| e == "log") {
                out.extend(bodies_of(&read_bounded(&entry.path())?));
            }
        }
        Ok(out)
    }

    /// SHA-256 of the whole file in hex; none when there is no file.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        Some(hex::encode(Sha256::digest(std::fs::read(&self.path).ok()?)))
    }

    /// Sets the file aside once an entry has taken its hash, under a name with what tells it from others.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn retire(&self, mark: &str) -> Result<(), Fault> {
        if !self.path.exists() {
            return Ok(());
        }
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::fs::rename(&self.path, self.path.with_file_name(format!("fault-{mark}.log"))).context("set fault.log aside")?;
        *last = None;
        Ok(())
    }
}

/// The file's bytes; none when it is not there.
fn read_bounded(path: &Path) -> Result<Vec<u8>, Fault> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Fault::with("read fault.log", e)),
        Ok(about) if about.len() > BYTES_MAX => return Err(Fault::new(format!("`{}` is larger than 256 MiB", path.display()))),
        Ok(_) => {}
    }
    std::fs::read(path).context("read fault.log")
}

/// The hash of the last line.
fn last_line(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default()).into()
}

fn bodies_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut before: &[u8] = b"";
    let mut out = Vec::new();
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let Some((hash, body)) = line.split_at_checked(64) else { break };
        let Some(body) = body.strip_prefix(b" ") else { break };
        if hash != hex::encode(Sha256::digest(before)).as_bytes() {
            break;
        }
        out.push(body.to_vec());
        before = line;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_on_to_each_other_also_after_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = FaultLog::new(dir.path());
        log.append(b"{\"a\":1}").expect("appends");
        log.append(b"{\"a\":2}").expect("appends");
        let again = FaultLog::new(dir.path());
        again.append(b"{\"a\":3}").expect("appends");
        assert_eq!(again.bodies().expect("reads").len(), 3);
        let path = dir.path().join("fault.log");
        let text = std::fs::read_to_string(&path).expect("reads").replace("{\"a\":2}", "{\"a\":9}");
        std::fs::write(&path, text).expect("writes");
        assert_eq!(again.bodies().expect("reads").len(), 2, "what follows a changed line does not count");
        again.retire("1").expect("renames");
        assert_eq!((again.bodies().expect("reads").len(), again.all_bodies().expect("reads").len()), (0, 2));
    }
}
