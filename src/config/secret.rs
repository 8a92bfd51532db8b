//! Secrets: the type that holds one, and the files that give one.
//! Must stay true: a secret comes from a file that only its owner can read, is never printed, and is wiped when dropped.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use zeroize::{Zeroize as _, Zeroizing};

/// A secret file larger than this is not a secret.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// How long a program that prints a secret may take.
const COMMAND_MAX: Duration = Duration::from_secs(10);
/// Any right of the group or of others.
const WIDE: u32 = 0o077;
/// Rights that no credential may have. The service manager hands credentials over by an access list, whose mask shows
/// as the group's right to read although the group has none.
const WIDE_CREDENTIAL: u32 = 0o037;

/// A text that is never printed and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text in.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Who put a secret's file there, which decides what rights it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// The operator.
    Operator,
    /// The service manager.
    ServiceManager,
}

/// Reads a secret from `path`; the error is a sentence that says what to do.
pub(super) fn read(path: &Path, giver: Giver) -> Result<Secret, String> {
    let shown = path.display();
    let mut file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("`{shown}` is missing; create it with the secret in it and mode 600"),
        ErrorKind::PermissionDenied => {
            format!("`{shown}` cannot be read by this user; run `chown` so that the server's user owns it")
        }
        _ => format!("`{shown}` cannot be read ({error}); make it a readable file"),
    })?;
    // The open handle is asked, not the path: nobody can swap the file between the check and the read.
    let about = file.metadata().map_err(|error| format!("`{shown}` cannot be read ({error}); check the disk"))?;
    if !about.is_file() {
        return Err(format!("`{shown}` is not a file; name a file that holds the secret"));
    }
    let wide = if giver == Giver::ServiceManager { WIDE_CREDENTIAL } else { WIDE };
    if about.permissions().mode() & wide != 0 {
        return Err(format!("`{shown}` can be read by others; run `chmod 600 {shown}`"));
    }
    if about.len() > SECRET_BYTES_MAX {
        return Err(format!("`{shown}` is larger than {SECRET_BYTES_MAX} bytes; put only the secret in it"));
    }
    // Room for the whole file at once: a buffer that grows leaves copies of the secret behind.
    let size = usize::try_from(SECRET_BYTES_MAX.min(about.len())).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    (&mut file).take(SECRET_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| format!("`{shown}` cannot be read ({error}); check the disk"))?;
    text(&bytes, &shown.to_string())
}

/// The one line of `bytes`, from the place that is `shown`.
fn text(bytes: &[u8], shown: &str) -> Result<Secret, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("`{shown}` is not UTF-8 text; write the secret as text"))?;
    let text = text.strip_suffix('\n').map_or(text, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    if text.is_empty() {
        return Err(format!("`{shown}` is empty; put the secret in it"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("`{shown}` holds more than one line; put only the secret in it"));
    }
    Ok(Secret::new(text))
}

/// Runs a program that prints a secret: the program's full path and its arguments, apart by commas. It is given no environment and
/// no input, its output is bounded, and it is ended when it takes too long. The error never repeats what it printed.
pub(super) fn printed(line: &str) -> Result<Secret, String> {
    let mut words = line.split(',');
    let program = words.next().unwrap_or_default();
    if !program.starts_with('/') {
        return Err("does not begin with the full path of a program; write the program and its arguments apart by commas".to_owned());
    }
    let mut command = Command::new(program);
    command.args(words).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("`{program}` cannot be run ({error}); check its path and rights"))?;
    let output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        let read = output.map(|output| output.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes));
        let _ = sender.send(matches!(read, Some(Ok(_))).then_some(bytes));
    });
    let read = receiver.recv_timeout(COMMAND_MAX);
    let ended = read.is_ok() && ends(&mut child);
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
    }
    let bytes = match read {
        Ok(Some(bytes)) if bytes.len() as u64 > SECRET_BYTES_MAX => return Err(format!("`{program}` prints more than {SECRET_BYTES_MAX} bytes")),
        Ok(Some(bytes)) if ended => bytes,
        Ok(None) => return Err(format!("what `{program}` prints cannot be read")),
        Ok(Some(_)) | Err(_) => return Err(format!("`{program}` fails, or does not end within {} seconds", COMMAND_MAX.as_secs())),
    };
    text(&bytes, program)
}

/// Waits a while for the end of a program that has nothing more to say; true when it ended well.
fn ends(child: &mut Child) -> bool {
    // Nothing is ever sent: it is a pause.
    let (_sender, pause) = mpsc::channel::<()>();
    for _ in 0..100 {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => drop(pause.recv_timeout(COMMAND_MAX / 100)),
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    fn file(bytes: &[u8], mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("secret");
        std::fs::write(&path, bytes).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
        (dir, path)
    }

    #[test]
    fn a_program_gives_its_one_line_and_no_shell_reads_it() {
        assert_eq!(printed("/bin/echo,pass word").expect("read").expose(), "pass word");
        // What a shell would read stays as it stands.
        assert_eq!(printed("/bin/echo,$(id)|cat>x;`id`").expect("read").expose(), "$(id)|cat>x;`id`");
        for (line, says) in [
            ("echo,x", "full path"),
            ("", "full path"),
            ("/nonexistent/program", "cannot be run"),
            ("/bin/false", "fails"),
            ("/usr/bin/env", "empty"),
            ("/bin/cat,/dev/zero", "more than"),
            ("/usr/bin/printf,Planted\\nPlanted", "more than one line"),
        ] {
            let said = printed(line).expect_err("refused");
            assert!(said.contains(says) && !said.contains("Planted"), "{line}: {said}");
        }
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
    }

    #[test]
    fn only_the_newline_at_the_end_is_cut_off() {
        let (_dir, path) = file(b" pass word \r\n", 0o600);
        assert_eq!(read(&path, Giver::Operator).expect("read").expose(), " pass word ");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        for mode in [0o640, 0o604, 0o660, 0o601] {
            let (_dir, path) = file(b"x", mode);
            let said = read(&path, Giver::Operator).expect_err("refused");
            assert!(said.contains(&format!("chmod 600 {}", path.display())), "{said}");
        }
    }

    #[test]
    fn a_credential_may_show_the_mask_of_its_access_list_but_no_more() {
        let (_dir, path) = file(b"x", 0o440);
        assert!(read(&path, Giver::ServiceManager).is_ok());
        let (_dir, path) = file(b"x", 0o444);
        assert!(read(&path, Giver::ServiceManager).is_err());
    }

    #[test]
    fn missing_empty_binary_long_and_many_lined_files_are_refused_each_in_its_words() {
        let said = |bytes: &[u8]| {
            let (_dir, path) = file(bytes, 0o600);
            read(&path, Giver::Operator).expect_err("refused")
        };
        assert!(said(b"\n").contains("empty"));
        assert!(said(b"\xff\xfe").contains("UTF-8"));
        assert!(said(b"one\ntwo\n").contains("more than one line"));
        assert!(said(&vec![b'a'; 65 * 1024]).contains("larger"));
        assert!(read(Path::new("/nonexistent/secret"), Giver::Operator).expect_err("refused").contains("missing"));
        assert!(read(Path::new("/"), Giver::Operator).expect_err("refused").contains("not a file"));
    }
}
