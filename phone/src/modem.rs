//! The phone's own programs (Termux:API), or those of the same names in a folder: each is run by its path with arguments and
//! standard input, never by a shell, for so long at most, and only so much of what it prints is read.
//! Must stay true: whatever was started and did not end well may have sent the text; only what could not be started has not.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::journal::Order;

/// Bytes of output that are read at most.
const OUTPUT_MAX: u64 = 1 << 20;
/// How often is looked whether a program ended.
const LOOK: Duration = Duration::from_millis(20);

/// What became of an order that was handed to the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The program took it; that says nothing of the network.
    Over,
    /// Nothing was started: a stable code.
    NotStarted(&'static str),
    /// It was started, and how it ended says nothing: a stable code.
    Unclear(&'static str),
}

/// A text in one of the phone's lists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// Its row; newer texts have greater ones.
    #[serde(rename = "_id")]
    pub id: i64,
    /// The other end.
    #[serde(default)]
    pub number: String,
    /// What it says.
    #[serde(default)]
    pub body: String,
    /// When, by the phone's own clock and zone: for people.
    #[serde(default)]
    pub received: String,
}

/// A list of the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Received.
    Inbox,
    /// Sent.
    Sent,
    /// Not sent, the phone says.
    Failed,
}

impl Folder {
    const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// The programs.
#[derive(Clone, Debug)]
pub struct Modem {
    /// Where they lie; by the search path when absent.
    pub folder: Option<PathBuf>,
    /// How long one may take.
    pub time_max: Duration,
}

enum Ran {
    Ended(Vec<u8>),
    NotStarted,
    Unclear(&'static str),
}

impl Modem {
    /// Hands one text to the phone.
    #[must_use]
    pub fn send(&self, order: &Order) -> Handed {
        let mut args = vec!["-n".to_owned(), order.to.clone()];
        if let Some(slot) = order.sim {
            args.extend(["-s".to_owned(), slot.to_string()]);
        }
        match self.run("termux-sms-send", &args, order.text.as_bytes()) {
            Ran::Ended(_) => Handed::Over,
            Ran::NotStarted => Handed::NotStarted("no_program"),
            Ran::Unclear(why) => Handed::Unclear(why),
        }
    }

    /// The newest `limit` texts of a list; none when the phone does not tell.
    #[must_use]
    pub fn list(&self, of: Folder, limit: usize) -> Option<Vec<Listed>> {
        let args = ["-t", of.name(), "-l", &limit.to_string()].map(str::to_owned);
        let Ran::Ended(out) = self.run("termux-sms-list", &args, b"") else { return None };
        let mut found: Vec<Listed> = serde_json::from_slice(&out).ok()?;
        found.truncate(limit);
        Some(found)
    }

    /// What the phone says about its battery.
    #[must_use]
    pub fn battery(&self) -> Option<Value> {
        self.ask("termux-battery-status")
    }

    /// What the phone says about the networks it hears.
    #[must_use]
    pub fn cells(&self) -> Option<Value> {
        self.ask("termux-telephony-cellinfo")
    }

    fn ask(&self, program: &str) -> Option<Value> {
        match self.run(program, &[], b"") {
            Ran::Ended(out) => serde_json::from_slice(&out).ok(),
            Ran::NotStarted | Ran::Unclear(_) => None,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this runs on a thread for what blocks")]
    fn run(&self, program: &str, args: &[String], input: &[u8]) -> Ran {
        let path = self.folder.as_ref().map_or_else(|| PathBuf::from(program), |folder| folder.join(program));
        let mut command = Command::new(path);
        let started = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut child) = started else { return Ran::NotStarted };
        let (stdin, stdout, input) = (child.stdin.take(), child.stdout.take(), input.to_owned());
        // Each on a thread: a program that neither reads nor prints must not hold this one.
        thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
        let reader = thread::spawn(move || {
            let mut out = Vec::new();
            let read = stdout.map(|pipe| pipe.take(OUTPUT_MAX).read_to_end(&mut out));
            read.is_some_and(|r| r.is_ok()).then_some(out)
        });
        let end = Instant::now() + self.time_max;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => break,
                Ok(Some(_)) => return Ran::Unclear("program_failed"),
                Ok(None) if Instant::now() < end => thread::sleep(LOOK),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ran::Unclear("timeout");
                }
                Err(_) => return Ran::Unclear("program_failed"),
            }
        }
        // A child of the program may hold its output open; what it printed is there by now.
        while !reader.is_finished() && Instant::now() < end {
            thread::sleep(LOOK);
        }
        if !reader.is_finished() {
            return Ran::Unclear("timeout");
        }
        match reader.join() {
            Ok(Some(out)) => Ran::Ended(out),
            Ok(None) | Err(_) => Ran::Unclear("program_failed"),
        }
    }
}

/// Do two writings mean one number? Digits alone count, and the phone may leave out the country.
#[must_use]
pub fn same_number(e164: &str, listed: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (full, seen) = (digits(e164), digits(listed));
    let seen = seen.trim_start_matches('0');
    if listed.trim_start().starts_with('+') { full == seen } else { seen.len() >= 6 && full.ends_with(seen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_again_however_the_phone_writes_it() {
        for (listed, same) in [
            ("+14155552671", true),
            ("+1 415-555-2671", true),
            ("(415) 555-2671", true),
            ("04155552671", true),
            ("+44155552671", false),
            ("555-2672", false),
            ("2671", false),
            ("", false),
        ] {
            assert_eq!(same_number("+14155552671", listed), same, "{listed}");
        }
    }

    #[test]
    fn what_is_not_there_was_not_started() {
        let modem = Modem { folder: Some("/nonexistent".into()), time_max: Duration::from_secs(1) };
        let order = Order { to: "+14155552671".into(), text: "x".into(), sim: None, until: None };
        assert_eq!(modem.send(&order), Handed::NotStarted("no_program"));
        assert_eq!(modem.list(Folder::Sent, 1), None);
    }
}
