//! Key-encryption keys that lie in the folder only as somebody else wrapped them: a security module behind PKCS#11, a key
//! service, a token. Two programs of the operator's do it: one unwraps, one wraps; each is given one line and answers with one.
//! Must stay true: no shell reads a word of it; a program has ten seconds and four kilobytes; what it answers is not logged.

use std::io::{Read as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// How long a program may take.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 4096;
/// What a wrapped key's file begins with.
pub(super) const MARK: &str = "wrapped:";

/// Who holds what wraps the key-encryption keys; nobody by default, and then they lie as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// Unwraps: the program by its whole path, and its words. Empty for none.
    pub unwrap: Vec<String>,
    /// Wraps.
    pub wrap: Vec<String>,
}

/// Why a program of the operator's gave no key.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// There is none.
    #[error("the key is wrapped; set `keys.unwrap_command`")]
    NoCommand,
    /// A new key would not be wrapped.
    #[error("a new key would lie here as it is; set `keys.wrap_command`")]
    NoWrap,
    /// It could not be started, or spoken with.
    #[error("`{0}` could not be run: {1}")]
    Run(String, std::io::Error),
    /// It took too long.
    #[error("`{0}` did not answer within ten seconds")]
    Slow(String),
    /// It said that it failed.
    #[error("`{0}` failed: {1}")]
    Failed(String, ExitStatus),
    /// Its answer is not what it must be.
    #[error("`{0}` answered with something else than one line of at most 4096 bytes")]
    Answer(String),
}

impl Custody {
    /// Unwraps what a file holds behind its mark.
    pub(super) fn unwrap(&self, wrapped: &str) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        let answer = ask(&self.unwrap, wrapped)?;
        STANDARD.decode(answer.as_bytes()).map(Zeroizing::new).map_err(|_| CustodyError::Answer(self.unwrap[0].clone()))
    }

    /// Wraps a key for its file; none when it lies as it is, which it does only where nobody unwraps either.
    pub(super) fn wrap(&self, key: &[u8]) -> Result<Option<String>, CustodyError> {
        if self.wrap.is_empty() {
            return if self.unwrap.is_empty() { Ok(None) } else { Err(CustodyError::NoWrap) };
        }
        let answer = ask(&self.wrap, &Zeroizing::new(STANDARD.encode(key)))?;
        Ok(Some(format!("{MARK}{}", answer.as_str())))
    }
}

/// Gives a program one line, and takes the one that it answers with.
fn ask(words: &[String], line: &str) -> Result<Zeroizing<String>, CustodyError> {
    let Some((program, arguments)) = words.split_first() else { return Err(CustodyError::NoCommand) };
    let failed = |e| CustodyError::Run(program.clone(), e);
    let end = Instant::now() + TIME_MAX;
    let mut child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/").spawn().map_err(failed)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let asked = Zeroizing::new(format!("{line}\n"));
    let (give, answer) = mpsc::channel();
    // One that reads nothing, or writes without end, holds up this thread alone.
    std::thread::spawn(move || {
        if let Some(mut input) = input {
            // Whether it wanted the line shows in its answer.
            let _ = input.write_all(asked.as_bytes());
        }
        let mut text = Zeroizing::new(Vec::new());
        let read = output.map_or(Ok(0), |output| output.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut text));
        let _ = give.send(read.map(|_| text));
    });
    let said = answer.recv_timeout(TIME_MAX);
    // Nothing is ever sent on this one: waiting on it is a pause.
    let (_keep, pause) = mpsc::channel::<()>();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break Some(status);
        }
        if said.is_err() || Instant::now() >= end {
            break None;
        }
        let _ = pause.recv_timeout(PAUSE);
    };
    let Some(status) = status else {
        child.kill().map_err(failed)?;
        child.wait().map_err(failed)?;
        return Err(CustodyError::Slow(program.clone()));
    };
    if !status.success() {
        return Err(CustodyError::Failed(program.clone(), status));
    }
    let text = said.map_err(|_| CustodyError::Slow(program.clone()))?.map_err(failed)?;
    let wrong = || CustodyError::Answer(program.clone());
    let line = std::str::from_utf8(&text).map_err(|_| wrong())?.trim();
    let plain = !line.is_empty() && line.len() as u64 <= ANSWER_BYTES_MAX && line.bytes().all(|b| b.is_ascii_graphic());
    if plain { Ok(Zeroizing::new(line.to_owned())) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{KeyRing, KeyRingError};
    use std::os::unix::fs::PermissionsExt as _;

    /// A program as an operator would write one.
    fn program(folder: &std::path::Path, name: &str, text: &str) -> Vec<String> {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("writes");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("sets");
        vec![path.display().to_string(), "a word; $(touch /tmp/never)".into()]
    }

    #[test]
    fn what_a_program_wrapped_it_unwraps() {
        let folder = tempfile::tempdir().expect("a folder");
        let custody = Custody {
            wrap: program(folder.path(), "wrap", "tr 'A-Za-z' 'N-ZA-Mn-za-m'"),
            unwrap: program(folder.path(), "unwrap", "tr 'A-Za-z' 'N-ZA-Mn-za-m'"),
        };
        let wrapped = custody.wrap(&[7; 32]).expect("wraps").expect("a text");
        let inner = wrapped.strip_prefix(MARK).expect("marked");
        assert_ne!(inner, STANDARD.encode([7; 32]));
        assert_eq!(custody.unwrap(inner).expect("unwraps").as_slice(), [7; 32]);
        assert!(matches!(Custody::default().unwrap(inner), Err(CustodyError::NoCommand)));
        assert_eq!(Custody::default().wrap(&[7; 32]).expect("nobody wraps"), None);
        let unwraps = Custody { wrap: Vec::new(), ..custody };
        assert!(matches!(unwraps.wrap(&[7; 32]), Err(CustodyError::NoWrap)), "never in the clear beside those that are wrapped");
    }

    #[test]
    fn a_program_that_fails_says_too_much_or_nothing_gives_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let unwrap = |name: &str, text: &str| Custody { unwrap: program(folder.path(), name, text), wrap: Vec::new() }.unwrap("x");
        assert!(matches!(unwrap("fails", "exit 3"), Err(CustodyError::Failed(..))));
        assert!(matches!(unwrap("nothing", "cat > /dev/null"), Err(CustodyError::Answer(_))));
        assert!(matches!(unwrap("no_base64", "echo '*'"), Err(CustodyError::Answer(_))));
        assert!(matches!(unwrap("two", "echo a; echo b"), Err(CustodyError::Answer(_))));
        assert!(unwrap("much", "head -c 100000 /dev/zero | tr '\\0' a").is_err());
        let none = Custody { unwrap: vec!["/no/such/program".into()], wrap: Vec::new() };
        assert!(matches!(none.unwrap("x"), Err(CustodyError::Run(..))));
    }

    #[test]
    fn where_keys_are_wrapped_none_is_made_in_the_clear_and_those_that_lie_so_are_named() {
        let (folder, programs, rng) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"), crate::core::rng::Rng::system());
        KeyRing::generate(folder.path(), &rng).expect("generates");
        let unwrap = program(programs.path(), "unwrap", "cat");
        let ring = KeyRing::read_with(folder.path(), Custody { unwrap: unwrap.clone(), wrap: Vec::new() }).expect("reads");
        assert!(matches!(ring.make_next(&rng), Err(KeyRingError::Custody(_, CustodyError::NoWrap))));
        assert!(!folder.path().join("kek-2").exists());
        let ring = KeyRing::read_with(folder.path(), Custody { unwrap, wrap: program(programs.path(), "wrap", "cat") }).expect("reads");
        assert_eq!(ring.make_next(&rng).expect("wraps"), 2);
        ring.read_again().expect("reads");
        assert_eq!((ring.versions(), ring.in_the_clear().expect("reads")), (vec![1, 2], vec![1]));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let custody = Custody { unwrap: program(folder.path(), "hangs", "exec sleep 600"), wrap: Vec::new() };
        let began = Instant::now();
        assert!(matches!(custody.unwrap("x"), Err(CustodyError::Slow(_))));
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}
