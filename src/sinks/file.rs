//! The file that the trail is appended to: one leaf a line, byte for byte, and behind each batch the checkpoint that covers it.
//! Must stay true: the file is for its owner alone and never followed through a link; what is confirmed was flushed to the
//! disk, in the file that has the name; a file that was removed, replaced or cut is noticed, also when that was done while
//! the server stood still.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::feed::Batch;

/// Times that a file may vanish under a single batch.
const VANISHED_MAX: usize = 3;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Which file it is in, and how long that is now.
    pub mark: String,
    /// What was done to the file from outside.
    pub alarm: Option<&'static str>,
}

/// Appends to the file of one name.
#[derive(Debug)]
pub(super) struct Appender {
    path: PathBuf,
    open: Option<(File, Seen)>,
}

/// A file as it was when it was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    length: u64,
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), length: metadata.len() }
    }

    fn parse(mark: &str) -> Option<Self> {
        let mut numbers = mark.split(':').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        Some(Self { device: next()?, inode: next()?, length: next()? })
    }

    fn mark(&self) -> String {
        format!("{}:{}:{}", self.device, self.inode, self.length)
    }

    fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// What became of this file, when `now` is what its name leads to.
    fn change(&self, now: &Self) -> Option<&'static str> {
        match (self.is_same_file(now), now.length < self.length) {
            (true, false) => None,
            (true, true) => Some("cut"),
            (false, _) if now.length == 0 => Some("removed"),
            (false, _) => Some("replaced"),
        }
    }
}

impl Appender {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Appends a batch, durably; `mark` is what was remembered of the last one.
    pub(super) fn append(&mut self, mark: Option<&str>, batch: &Batch) -> Result<Written, &'static str> {
        let bytes = lines(batch);
        let mut alarm = None;
        for _ in 0..VANISHED_MAX {
            let remembered = self.open.as_ref().map(|(_, seen)| *seen).or_else(|| mark.and_then(Seen::parse));
            let Some((mut file, now)) = self.current()? else { continue };
            alarm = remembered.and_then(|seen| seen.change(&now)).or(alarm);
            write(&mut file, now.length, &bytes).map_err(|error| class(&error))?;
            let after = Seen::of(&file.metadata().map_err(|error| class(&error))?);
            let is_there = self.named().is_some_and(|named| named.is_same_file(&after));
            self.open = Some((file, after));
            if is_there && after.length >= now.length + bytes.len() as u64 {
                return Ok(Written { mark: after.mark(), alarm });
            }
        }
        self.open = None;
        Err("file_vanished")
    }

    /// The file that has the name now, opened anew when it is another one than before.
    fn current(&mut self) -> Result<Option<(File, Seen)>, &'static str> {
        let named = self.named();
        if let Some((file, _)) = self.open.take()
            && let Ok(metadata) = file.metadata()
            && metadata.nlink() > 0
            && named.is_some_and(|named| named.is_same_file(&Seen::of(&metadata)))
        {
            return Ok(Some((file, Seen::of(&metadata))));
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(|_| "disk")?;
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(&self.path);
        let file = file.map_err(|error| class(&error))?;
        let metadata = file.metadata().map_err(|error| class(&error))?;
        if !metadata.is_file() {
            return Err("not_a_file");
        }
        if metadata.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| class(&error))?;
        }
        if let Some(folder) = self.path.parent().filter(|_| metadata.len() == 0) {
            crate::core::folder::sync_dir(folder).map_err(|_| "disk")?;
        }
        let seen = Seen::of(&metadata);
        Ok(Some((file, seen)).filter(|_| metadata.nlink() > 0))
    }

    fn named(&self) -> Option<Seen> {
        std::fs::symlink_metadata(&self.path).ok().map(|metadata| Seen::of(&metadata))
    }
}

/// A line that broke off in the middle is ended first, so that it spoils no other.
fn write(file: &mut File, length: u64, bytes: &[u8]) -> std::io::Result<()> {
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn lines(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    for line in &batch.lines {
        out.extend_from_slice(line.leaf.as_bytes());
        out.push(b'\n');
    }
    let checkpoint = serde_json::json!({ "checkpoint": batch.note, "origin": batch.origin, "size": batch.size });
    out.extend_from_slice(checkpoint.to_string().as_bytes());
    out.push(b'\n');
    out
}

fn class(error: &std::io::Error) -> &'static str {
    match error.kind() {
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => "not_a_file",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "disk_full",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "not_allowed",
        ErrorKind::NotFound => "no_folder",
        _ => "disk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::Line;

    fn batch(seq: i64) -> Batch {
        let lines = vec![Line { seq, leaf: format!("{{\"_seq\":{seq}}}"), hash: [0; 32] }];
        Batch { log: 1, origin: "o/audit/1".into(), lines, note: format!("note {seq}\n"), size: seq + 1 }
    }

    struct Place {
        dir: tempfile::TempDir,
        appender: Appender,
        mark: Option<String>,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a folder");
            let appender = Appender::new(dir.path().join("trail.jsonl"));
            Self { dir, appender, mark: None }
        }

        fn path(&self) -> PathBuf {
            self.dir.path().join("trail.jsonl")
        }

        fn append(&mut self, seq: i64) -> Option<&'static str> {
            let written = self.appender.append(self.mark.as_deref(), &batch(seq)).expect("writes");
            self.mark = Some(written.mark);
            written.alarm
        }

        fn restart(&mut self) {
            self.appender = Appender::new(self.path());
        }

        fn seqs(&self) -> Vec<i64> {
            let text = std::fs::read_to_string(self.path()).expect("reads");
            text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok()?["_seq"].as_i64()).collect()
        }
    }

    #[test]
    fn lines_are_appended_for_the_owner_alone_with_their_checkpoint() {
        let mut place = Place::new();
        std::fs::write(place.path(), "").expect("made");
        std::fs::set_permissions(place.path(), Permissions::from_mode(0o644)).expect("set");
        assert_eq!((place.append(0), place.append(1)), (None, None));
        let text = std::fs::read_to_string(place.path()).expect("reads");
        let checkpoint = r#"{"checkpoint":"note 0\n","origin":"o/audit/1","size":1}"#;
        assert_eq!(text.lines().take(2).collect::<Vec<_>>(), ["{\"_seq\":0}", checkpoint]);
        assert_eq!(std::fs::metadata(place.path()).expect("there").mode() & 0o777, 0o600);
    }

    #[test]
    fn a_removed_replaced_or_cut_file_is_noticed_and_the_next_batch_is_in_the_file_of_the_name() {
        for restarted in [false, true] {
            let mut place = Place::new();
            let mut seq = 0;
            let mut after = |place: &mut Place, what: &dyn Fn(&PathBuf)| {
                assert_eq!(place.append(seq), None);
                what(&place.path());
                if restarted {
                    place.restart();
                }
                seq += 1;
                let alarm = place.append(seq);
                assert_eq!(place.seqs().last(), Some(&seq));
                seq += 1;
                alarm
            };
            // A file system may give a new file the number of the removed one: then it looks cut.
            let removed = after(&mut place, &|path| std::fs::remove_file(path).expect("removes"));
            assert!(matches!(removed, Some("removed" | "cut")), "{removed:?}");
            let replaced = after(&mut place, &|path| {
                std::fs::write(path.with_extension("new"), "x".repeat(9999)).expect("writes");
                std::fs::rename(path.with_extension("new"), path).expect("replaces");
            });
            assert_eq!(replaced, Some("replaced"));
            assert_eq!(after(&mut place, &|path| File::options().write(true).open(path).expect("opens").set_len(3).expect("cuts")), Some("cut"));
            assert_eq!(after(&mut place, &|_| {}), None);
        }
    }

    #[test]
    fn a_line_that_broke_off_spoils_no_other() {
        let mut place = Place::new();
        place.append(0);
        File::options().append(true).open(place.path()).expect("opens").write_all(b"{\"_seq\":1,\"a").expect("writes");
        place.restart();
        assert_eq!(place.append(1), None);
        assert_eq!(place.seqs(), [0, 1]);
    }

    #[test]
    fn links_folders_and_pipes_are_refused() {
        let mut place = Place::new();
        let target = place.dir.path().join("target");
        std::fs::write(&target, "").expect("made");
        std::os::unix::fs::symlink(&target, place.path()).expect("links");
        assert_eq!(place.appender.append(None, &batch(0)), Err("not_a_file"));
        assert_eq!(std::fs::metadata(&target).expect("there").len(), 0);
        std::fs::remove_file(place.path()).expect("removes");
        std::fs::create_dir(place.path()).expect("makes");
        assert!(place.appender.append(None, &batch(0)).is_err());
        let mut nowhere = Appender::new(place.dir.path().join("none/trail.jsonl"));
        assert_eq!(nowhere.append(None, &batch(0)), Err("no_folder"));
    }
}
