//! Where log lines go: JSON lines in a file a day, and standard error, as JSON or for eyes.
//!
//! Never to be logged, at any level: request and response bodies, cookies, passwords, codes, tokens and links that carry
//! one, keys, names, mail addresses, phone numbers, patient data, query strings, what people typed. Log ids, routes as
//! patterns, counts and times instead. Libraries may log warnings at most, since below that some of them repeat what they
//! carry. This log is for operators; what must be provable is in the audit trail.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tracing::{Level, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::config::{Log, LogFormat};
use crate::core::clock::{Clock, DAY, Micros};

/// Days whose files are kept.
const FILES_KEPT: usize = 14;
/// Lines that may wait for a slow disk or terminal; further ones are dropped and counted.
const LINES_WAITING_MAX: usize = 8192;
/// What our own lines are called; the level of the configuration is theirs alone.
const OURS: [&str; 2] = ["countersign", "countersign_audit"];
const PREFIX: &str = "countersign";
const SUFFIX: &str = "jsonl";

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder cannot be made or looked into.
    #[error("the log folder `{0}` cannot be used; make it a folder that the server's user owns, or set `log.dir`")]
    Folder(PathBuf, #[source] io::Error),
    /// Others may put files there.
    #[error("others can write to the log folder `{0}`; run `chmod 700 {0}`")]
    Wide(PathBuf),
    /// The file cannot be opened.
    #[error("no log file can be opened in `{0}`; check the folder's owner and the disk")]
    File(PathBuf, #[source] tracing_appender::rolling::InitError),
    /// Something else logs already.
    #[error("logging was started twice")]
    Twice,
}

/// Keeps logging alive; what still waits is written when it is dropped.
#[derive(Debug)]
pub struct LogGuard {
    dropped: [ErrorCounter; 2],
    _workers: [WorkerGuard; 2],
}

impl LogGuard {
    /// Lines that were dropped because the disk or the terminal was too slow.
    #[must_use]
    pub fn dropped_lines(&self) -> usize {
        self.dropped.iter().map(ErrorCounter::dropped_lines).fold(0, usize::saturating_add)
    }
}

/// Starts logging for the whole process. Call it once, and hold the guard to the end.
///
/// # Errors
/// When the folder or the file cannot be used, or logging was started before.
pub fn start(settings: &Log, clock: Clock, no_colour: bool) -> Result<LogGuard, LogError> {
    let terminal = io::stderr().is_terminal();
    let text = match settings.format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Text => true,
    };
    let look = if text { Look::Text { colour: terminal && !no_colour } } else { Look::Json };
    let (subscriber, guard) = subscriber(settings, clock, io::stderr(), look)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(guard)
}

/// How lines look.
#[derive(Clone, Copy, Debug)]
enum Look {
    Json,
    Text { colour: bool },
}

fn subscriber(settings: &Log, clock: Clock, stderr: impl Write + Send + 'static, look: Look) -> Result<(impl Subscriber + Send + Sync, LogGuard), LogError> {
    prepare(&settings.dir)?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(PREFIX)
        .filename_suffix(SUFFIX)
        .max_log_files(FILES_KEPT)
        .build(&settings.dir)
        .map_err(|error| LogError::File(settings.dir.clone(), error))?;
    let private = PrivateFiles::new(appender, settings.dir.clone(), clock);
    private.tighten();
    let (file, file_worker) = queue(private, "log-file");
    let (stderr, stderr_worker) = queue(stderr, "log-stderr");
    let dropped = [file.error_counter(), stderr.error_counter()];
    let subscriber = Registry::default().with(filter(settings.level)).with(layer(file, Look::Json)).with(layer(stderr, look));
    Ok((subscriber, LogGuard { dropped, _workers: [file_worker, stderr_worker] }))
}

fn queue(writer: impl Write + Send + 'static, thread: &str) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().buffered_lines_limit(LINES_WAITING_MAX).thread_name(thread).finish(writer)
}

fn filter(level: Level) -> Targets {
    let libraries = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new().with_default(libraries).with_targets(OURS.map(|ours| (ours, level)))
}

fn layer<S, W>(writer: W, look: Look) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_target(true);
    match look {
        Look::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        Look::Text { colour } => layer.compact().with_ansi(colour).boxed(),
    }
}

/// Makes the folder, or accepts one that only its owner and the group's readers reach.
fn prepare(dir: &Path) -> Result<(), LogError> {
    let failed = |error| LogError::Folder(dir.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let mode = fs::metadata(dir).map_err(failed)?.mode();
    if mode & 0o022 == 0 { Ok(()) } else { Err(LogError::Wide(dir.to_owned())) }
}

/// The daily files, kept readable by their owner alone: the appender makes them with the process's mask.
struct PrivateFiles {
    appender: RollingFileAppender,
    dir: PathBuf,
    clock: Clock,
    day: Micros,
}

impl PrivateFiles {
    fn new(appender: RollingFileAppender, dir: PathBuf, clock: Clock) -> Self {
        let day = clock.now().div_euclid(DAY);
        Self { appender, dir, clock, day }
    }

    /// Takes the rights of others from every log file. Best effort: the folder already keeps others out.
    fn tighten(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
            let wide = entry.metadata().is_ok_and(|about| about.is_file() && about.mode() & 0o077 != 0);
            if ours && wide {
                drop(fs::set_permissions(entry.path(), Permissions::from_mode(0o600)));
            }
        }
    }
}

impl Write for PrivateFiles {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Asked before the write: a file that the write itself begins a moment later is found by the next line.
        let day = self.clock.now().div_euclid(DAY);
        let written = self.appender.write(line)?;
        if day != self.day {
            self.day = day;
            self.tighten();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Standard error in memory.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Logs what `act` logs; gives the folder, the file's text and standard error's.
    fn logged(level: Level, look: Look, act: impl FnOnce()) -> (tempfile::TempDir, String, String) {
        let parent = tempfile::tempdir().expect("a folder");
        let settings = Log { dir: parent.path().join("log"), level, format: LogFormat::Auto };
        let seen = Seen::default();
        let (subscriber, guard) = subscriber(&settings, Clock::system(), seen.clone(), look).expect("starts");
        tracing::subscriber::with_default(subscriber, act);
        drop(guard);
        let text = fs::read_to_string(only_file(&settings.dir)).expect("read");
        let stderr = String::from_utf8(seen.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        (parent, text, stderr)
    }

    fn only_file(dir: &Path) -> PathBuf {
        let files: Vec<PathBuf> = fs::read_dir(dir).expect("listed").map(|entry| entry.expect("read").path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    #[test]
    fn a_line_in_the_file_is_one_json_object_with_the_fields_of_its_event() {
        let (_dir, text, stderr) = logged(Level::INFO, Look::Json, || {
            tracing::info!(target: "countersign::x", route = "/evidence/{id}", status = 200, "answered\nnot a second line");
        });
        let line: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert_eq!(line["route"], "/evidence/{id}");
        assert_eq!(line["status"], 200);
        assert_eq!(line["level"], "INFO");
        assert_eq!(text.lines().count(), 1);
        assert!(stderr.starts_with('{') && stderr.lines().count() == 1, "{stderr}");
    }

    #[test]
    fn the_folder_and_the_file_are_their_owners_alone() {
        let (dir, _, _) = logged(Level::INFO, Look::Json, || tracing::info!(target: "countersign", "x"));
        let log = dir.path().join("log");
        assert_eq!(fs::metadata(&log).expect("there").mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(only_file(&log)).expect("there").mode() & 0o777, 0o600);
    }

    #[test]
    fn libraries_log_warnings_at_most_whatever_the_level() {
        let (_dir, text, _) = logged(Level::TRACE, Look::Json, || {
            tracing::info!(target: "hyper::proto", "a header");
            tracing::warn!(target: "sqlx", "slow");
            tracing::trace!(target: "countersign::web", "own");
        });
        assert!(text.contains("slow") && text.contains("own") && !text.contains("a header"), "{text}");
        let (_dir, text, _) = logged(Level::ERROR, Look::Json, || tracing::warn!(target: "sqlx", "slow"));
        assert!(text.is_empty(), "{text}");
    }

    #[test]
    fn text_is_for_eyes_and_coloured_only_when_asked() {
        let act = || tracing::info!(target: "countersign", "hello");
        let (_dir, text, stderr) = logged(Level::INFO, Look::Text { colour: false }, act);
        assert!(text.starts_with('{') && stderr.contains("INFO") && !stderr.contains('\u{1b}') && !stderr.contains('{'));
        let (_dir, _, stderr) = logged(Level::INFO, Look::Text { colour: true }, act);
        assert!(stderr.contains('\u{1b}'), "{stderr:?}");
    }

    #[test]
    fn control_signs_in_a_value_do_not_reach_the_terminal() {
        let (_dir, text, stderr) = logged(Level::INFO, Look::Text { colour: false }, || {
            tracing::info!(target: "countersign", name = "a\u{1b}[31mb\nc", "hello");
        });
        assert!(!text.contains('\u{1b}') && !stderr.contains('\u{1b}'), "{stderr:?}");
        assert_eq!((text.lines().count(), stderr.lines().count()), (1, 1), "{stderr:?}");
    }

    #[test]
    fn a_new_day_tightens_the_new_file() {
        let parent = tempfile::tempdir().expect("a folder");
        let dir = parent.path().to_owned();
        let clock = Clock::fixed(0);
        let appender = RollingFileAppender::builder().filename_prefix(PREFIX).filename_suffix(SUFFIX).build(&dir).expect("built");
        let mut files = PrivateFiles::new(appender, dir.clone(), clock.clone());
        let mode = || fs::metadata(only_file(&dir)).expect("there").mode() & 0o777;
        fs::set_permissions(only_file(&dir), Permissions::from_mode(0o644)).expect("set");
        files.write_all(b"today\n").expect("written");
        assert_eq!(mode(), 0o644);
        clock.advance(DAY);
        files.write_all(b"tomorrow\n").expect("written");
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).expect("set");
        let said = prepare(dir.path()).expect_err("refused").to_string();
        assert!(said.contains("chmod 700"), "{said}");
    }
}
