//! What was said in a conversation, there and here, newest first.
//! Must stay true: a page is found by an index on either side, whatever was said before; what was erased is shown as erased.

use super::thread::Thread;
use super::{Error, inbound, place, sql};
use crate::core::clock::Micros;
use crate::core::id::{HEX_CHARS, InboundId, MessageId};
use crate::db::Db;

/// Words of one page.
pub const PAGE_MAX: usize = 50;

crate::row! {
    struct There { id: InboundId, sealed: Option<Vec<u8>>, received_at: i64 }
}
crate::row! {
    struct Here {
        id: MessageId,
        text_sealed: Vec<u8>,
        state: String,
        reason: Option<String>,
        made_at: i64,
        answers: Option<String>,
        campaign_id: Option<String>,
        author: String,
    }
}

/// A word of ours.
#[derive(Clone, Debug)]
pub struct Ours {
    /// The message.
    pub id: MessageId,
    /// Where it stands.
    pub state: String,
    /// Why it stands there.
    pub reason: Option<String>,
    /// The name of who wrote it.
    pub author: String,
    /// What it answers by itself.
    pub answers: Option<String>,
    /// It was one of a campaign's.
    pub of_campaign: bool,
}

/// One word of a conversation.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its place: digits that sort by time, the same for words of both sides.
    pub place: String,
    /// When.
    pub at: Micros,
    /// What; none once it was erased.
    pub text: Option<String>,
    /// The event it came by, when it was said there.
    pub heard: Option<InboundId>,
    /// When it was said here.
    pub ours: Option<Ours>,
}

/// The digits of an id, which begin with its time.
#[must_use]
pub fn place_of(id: &str) -> String {
    id.rsplit('_').next().unwrap_or_default().to_owned()
}

/// Is this the place of a word?
#[must_use]
pub fn is_place(text: &str) -> bool {
    text.len() == HEX_CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What comes before a place, or the newest; and whether there is more.
///
/// # Errors
/// When a database fails, or a row was altered.
pub async fn page(db: &Db, thread: &Thread, before: Option<&str>) -> Result<(Vec<Said>, bool), Error> {
    let before = before.unwrap_or("g");
    let fetch = i64::try_from(PAGE_MAX + 1).unwrap_or(i64::MAX);
    let there: Vec<There> = db.query(sql::SAID_THERE).bind(&thread.id).bind(format!("inb_{before}")).bind(fetch).all().await?;
    let here = db.query(sql::SAID_HERE).bind(thread.number_ix.as_str()).bind(&thread.id).bind(thread.channel.as_str());
    let here: Vec<Here> = here.bind(format!("msg_{before}")).bind(fetch).all().await?;
    let mut all: Vec<Raw> = there.into_iter().map(Raw::There).chain(here.into_iter().map(Raw::Here)).collect();
    all.sort_by_key(|raw| std::cmp::Reverse(raw.place()));
    let more = all.len() > PAGE_MAX;
    all.truncate(PAGE_MAX);
    let mut said = Vec::with_capacity(all.len());
    for raw in all {
        said.push(raw.open(db).await?);
    }
    Ok((said, more))
}

enum Raw {
    There(There),
    Here(Here),
}

impl Raw {
    fn place(&self) -> String {
        match self {
            Self::There(row) => place_of(row.id.as_str()),
            Self::Here(row) => place_of(row.id.as_str()),
        }
    }

    async fn open(self, db: &Db) -> Result<Said, Error> {
        let at_place = self.place();
        let (at, opened, heard, ours) = match self {
            Self::There(row) => {
                let text = inbound::text_of(db, &row.id, row.sealed.as_deref().unwrap_or_default()).await;
                (row.received_at, text, Some(row.id), None)
            }
            Self::Here(row) => {
                let text = db.vault().unseal_text(&place(&row.id, "text"), &row.text_sealed).await;
                let (state, reason, author, answers) = (row.state, row.reason, row.author, row.answers);
                (row.made_at, text, None, Some(Ours { id: row.id, state, reason, author, answers, of_campaign: row.campaign_id.is_some() }))
            }
        };
        let text = match opened {
            Ok(text) => Some(text),
            Err(error) if error.is_gone() => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Said { place: at_place, at, text, heard, ours })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_digits_of_ids() {
        let place = place_of("inb_0192f0c1a2b37c4d8e5f60718293a4b5");
        assert!(is_place(&place) && place.as_str() < "g");
        for no in ["", "g", "0192", "0192F0C1A2B37C4D8E5F60718293A4B5", "0192f0c1a2b37c4d8e5f60718293a4b5 "] {
            assert!(!is_place(no), "{no}");
        }
    }
}
