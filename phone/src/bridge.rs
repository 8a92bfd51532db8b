//! The bridge itself: takes orders, hands them to the phone one by one, and looks in the phone's own lists what became of them.
//! Must stay true: `started` is in the journal before the phone hears of a text, and a text that was started is never started
//! again; when it cannot be told whether it was sent, that is said.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::journal::{Journal, Message, Order, State, Taken, WAITING_MAX};
use crate::key::Keys;
use crate::modem::{Folder, Handed, Listed, Modem, same_number};
use crate::{Error, now};

/// UTF-16 units of a text.
pub const TEXT_UNITS_MAX: usize = 1600;
/// Android lets a program send so many parts in [`WINDOW`]; beyond that it asks its owner each time.
const PARTS_MAX: usize = 30;
const WINDOW: Duration = Duration::from_secs(60);
/// So long is looked for what became of a text.
const LOOKED_FOR_SECS: u64 = 600;
/// How often, while something is looked for.
const LOOK: Duration = Duration::from_secs(5);
/// Rows of a list that are looked at.
const ROWS: usize = 60;

/// What the threads share.
#[derive(Debug)]
pub struct Bridge {
    journal: Mutex<Journal>,
    /// The keys that are taken.
    pub keys: Mutex<Keys>,
    /// The phone's programs.
    pub modem: Modem,
    wake: Condvar,
    stop: Mutex<bool>,
}

/// What waits and what is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Orders that wait for their turn.
    pub waiting: usize,
    /// Texts of which nobody knows whether they were sent.
    pub unknown: usize,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why an order is refused: a stable code and a sentence.
pub type Refused = (&'static str, &'static str);

/// Is this something the phone may be told to send?
///
/// # Errors
/// What is wrong with it.
pub fn check(order: &Order) -> Result<(), Refused> {
    let digits = order.to.strip_prefix('+').unwrap_or_default();
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.starts_with('0') {
        return Err(("number", "`to` is one number in E.164 form: + and 7 to 15 digits"));
    }
    if order.text.trim().is_empty() || order.text.contains('\0') || order.text.encode_utf16().count() > TEXT_UNITS_MAX {
        return Err(("text", "`text` has 1 to 1600 characters and no NUL"));
    }
    if order.sim.is_some_and(|slot| slot > 3) {
        return Err(("sim", "`sim` is a slot from 0 to 3"));
    }
    Ok(())
}

/// Parts that a text takes, never fewer than the network counts.
fn parts(text: &str) -> usize {
    let plain = text.chars().all(|c| matches!(c, ' '..='~' | '\n' | '\r') && c != '`');
    let (units, one, many) = if plain {
        (text.chars().map(|c| if "^{}\\[~]|".contains(c) { 2 } else { 1 }).sum::<usize>(), 160, 152)
    } else {
        (text.encode_utf16().count(), 70, 66)
    };
    if units <= one { 1 } else { units.div_ceil(many) }
}

impl Bridge {
    /// From a journal that is open. What was started and has no end is unknown from now on, until the phone's lists say more.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn new(mut journal: Journal, keys: Keys, modem: Modem) -> Result<Self, Error> {
        for message in journal.all(State::Started) {
            journal.enter(&message.id, State::Unknown, None, None, Some("interrupted"))?;
        }
        Ok(Self { journal: Mutex::new(journal), keys: Mutex::new(keys), modem, wake: Condvar::new(), stop: Mutex::new(false) })
    }

    /// Takes an order under its key.
    ///
    /// # Errors
    /// When it could not be written down.
    pub fn take(&self, id: &str, order: Order) -> Result<Taken, Error> {
        let taken = held(&self.journal).take(id, order);
        self.wake.notify_all();
        taken
    }

    /// The message of a key.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Message> {
        held(&self.journal).get(id).cloned()
    }

    /// What waits and what is not known.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let journal = held(&self.journal);
        Counts { waiting: journal.all(State::Accepted).len().min(WAITING_MAX), unknown: journal.all(State::Unknown).len() }
    }

    /// Ends [`Bridge::work`] when what is in hand is done.
    pub fn stop(&self) {
        *held(&self.stop) = true;
        self.wake.notify_all();
    }

    /// Hands over what waits, until told to stop.
    ///
    /// # Errors
    /// When the journal cannot be written: then nothing may be handed over any more, and the process must end.
    pub fn work(&self) -> Result<(), Error> {
        // What was sent before a restart counts too.
        let mut recent: VecDeque<(Instant, usize)> =
            held(&self.journal).begun_since(now().saturating_sub(WINDOW.as_secs())).map_or_else(VecDeque::new, |parts| [(Instant::now(), parts)].into());
        let mut looked = None;
        while !*held(&self.stop) {
            if looked.is_none_or(|at: Instant| at.elapsed() >= LOOK) {
                self.look()?;
                looked = Some(Instant::now());
            }
            while recent.front().is_some_and(|(at, _)| at.elapsed() >= WINDOW) {
                recent.pop_front();
            }
            let sent: usize = recent.iter().map(|(_, parts)| parts).sum();
            let next = held(&self.journal).next();
            let wanted = next.as_ref().and_then(|m| m.order.as_ref()).map_or(0, |order| parts(&order.text));
            match next {
                Some(message) if sent == 0 || sent + wanted <= PARTS_MAX => {
                    recent.push_back((Instant::now(), wanted));
                    self.hand_over(&message)?;
                }
                _ => drop(self.wake.wait_timeout(held(&self.stop), Duration::from_millis(500))),
            }
        }
        Ok(())
    }

    fn hand_over(&self, message: &Message) -> Result<(), Error> {
        // What waits has its text; a journal written by hand might not.
        let Some(order) = &message.order else { return Err(Error::Says(format!("the journal has no text for `{}`", message.id))) };
        if order.until.is_some_and(|until| until <= now()) {
            return held(&self.journal).enter(&message.id, State::Failed, None, None, Some("expired"));
        }
        let above = self.newest();
        held(&self.journal).enter(&message.id, State::Started, above, None, None)?;
        let (state, reason) = match self.modem.send(order) {
            Handed::Over => (State::HandedOver, None),
            Handed::NotStarted(why) => (State::Failed, Some(why)),
            Handed::Unclear(why) => (State::Unknown, Some(why)),
        };
        held(&self.journal).enter(&message.id, state, None, None, reason)
    }

    /// The greatest row of what was sent or failed so far; none when the phone does not tell.
    fn newest(&self) -> Option<i64> {
        let lists = [self.modem.list(Folder::Sent, ROWS)?, self.modem.list(Folder::Failed, ROWS)?];
        Some(lists.iter().flatten().map(|row| row.id).max().unwrap_or(0))
    }

    /// Looks in the phone's lists for what was handed over or is unknown.
    fn look(&self) -> Result<(), Error> {
        let since = now().saturating_sub(LOOKED_FOR_SECS);
        let open = {
            let journal = held(&self.journal);
            let mut open = journal.all(State::HandedOver);
            open.extend(journal.all(State::Unknown));
            open.retain(|m| m.at >= since && m.above.is_some());
            open
        };
        if open.is_empty() {
            return Ok(());
        }
        for (folder, state) in [(Folder::Sent, State::Sent), (Folder::Failed, State::Failed)] {
            let Some(rows) = self.modem.list(folder, ROWS) else { continue };
            for message in &open {
                let mut journal = held(&self.journal);
                if let Some(row) = found(message, &open, &rows, &journal) {
                    let reason = (state == State::Failed).then_some("phone_failed");
                    journal.enter(&message.id, state, None, Some(row), reason)?;
                }
            }
        }
        Ok(())
    }
}

/// The row that is this message's: newer than its start, of its number and text, nobody else's. Of two equal texts under way
/// the rows after the second one's start could be of either, so that they settle only the second.
fn found(message: &Message, open: &[Message], rows: &[Listed], journal: &Journal) -> Option<i64> {
    let current = journal.get(&message.id)?;
    let (order, above) = (current.order.as_ref()?, current.above?);
    if !matches!(current.state, State::HandedOver | State::Unknown) {
        return None;
    }
    let twins = open.iter().filter(|o| o.id != message.id && o.order.as_ref() == Some(order));
    let until = twins.filter_map(|o| o.above).filter(|a| *a > above).min().unwrap_or(i64::MAX);
    let mine = |row: &&Listed| {
        row.id > above && row.id <= until && same_number(&order.to, &row.number) && row.body.trim() == order.text.trim() && !journal.is_claimed(row.id)
    };
    rows.iter().filter(mine).map(|row| row.id).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(to: &str, text: &str) -> Order {
        Order { to: to.into(), text: text.into(), sim: None, until: None }
    }

    #[test]
    fn what_the_phone_must_never_be_told_is_refused() {
        for to in ["", "+", "14155552671", "+1415555267a", "+14155552671,+14155552672", "+1 4155552671", "+0415555267", "+123456", "-n", "+1234567890123456"] {
            assert_eq!(check(&order(to, "x")).map_err(|r| r.0), Err("number"), "{to}");
        }
        for text in ["", "  \n", "a\0b", &"x".repeat(1601)] {
            assert_eq!(check(&order("+14155552671", text)).map_err(|r| r.0), Err("text"));
        }
        assert!(check(&order("+14155552671", "-n +1")).is_ok());
        assert_eq!(check(&Order { sim: Some(4), ..order("+14155552671", "x") }).map_err(|r| r.0), Err("sim"));
    }

    #[test]
    fn parts_are_never_counted_too_few() {
        for (text, least) in [("x".repeat(160), 1), ("x".repeat(161), 2), ("{".repeat(80), 1), ("{".repeat(81), 2), ("é".repeat(70), 1), ("é".repeat(71), 2)]
        {
            assert!(parts(&text) >= least, "{}", text.len());
        }
        assert_eq!(parts("hello"), 1);
    }
}
