//! What a text from a number does to an intake: it begins one, is a step of the one that is open, asks for deletion, or is none
//! of its business.
//! Must stay true: a step is prepared and sealed outside, and written in the transaction that keeps the event, on the very
//! version it was prepared from; so an event is one step however often it comes, and two at once are two steps in an order.

use zeroize::Zeroizing;

use super::begin::Beginning;
use super::{Brief, Error, Expire, Record, TEXTS, end, gone_or, number_ix, person_ix, read, seal, seal_value, sql};
use crate::contacts;
use crate::core::clock::{DAY, HOUR, MINUTE, Micros};
use crate::core::fault::Fault;
use crate::core::id::IntakeId;
use crate::core::number::Number;
use crate::db::{Db, Detail, Tx};
use crate::flow::talk::{self, Did, Phase, State as Talk, Turn};
use crate::flow::{Flow, Flows, Kind};
use crate::policy::{Act, Actor, On, Policy, Resource as _};

/// How long a yes to a deletion is waited for after the end.
const LISTENS_FOR: Micros = 15 * MINUTE;
/// Bytes of a text that is read at all.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Texts that a record takes after its conversation.
const TEXTS_MAX: i64 = 100;

/// A text that came in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Who sent it.
    pub number: &'a Number,
    /// `sms` or `whatsapp`.
    pub channel: &'static str,
    /// What it says.
    pub text: &'a str,
}

/// What a text is to intakes.
#[derive(Debug)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// A word that begins one, which cannot be: this is said, and nothing kept.
    Refused(String),
    /// A step.
    Step(Box<Prepared>),
}

/// A step about to be written.
#[derive(Debug)]
pub struct Prepared {
    pub(super) id: IntakeId,
    pub(super) answer: String,
    pub(super) shreds: bool,
    pub(super) write: Wrote,
}

#[derive(Debug)]
pub(super) enum Wrote {
    Begin(Box<Beginning>),
    Step(Box<Stepped>),
    Shred(Box<Record>, Did),
    Text(Box<Record>, Vec<u8>),
}

/// A step of a record that is there.
#[derive(Debug)]
pub(super) struct Stepped {
    record: Record,
    did: Did,
    held: bool,
    field: Option<String>,
    state: &'static str,
    talk: Vec<u8>,
    brief: Vec<u8>,
    person_ix: Option<String>,
    value: Option<Vec<u8>>,
    consent: Option<String>,
    lasts: Micros,
    ends: bool,
    listens: bool,
}

/// What a text does. `public_url` is where links lead.
///
/// # Errors
/// When a database fails.
pub async fn hear(db: &Db, policy: &Policy, flows: &Flows, incoming: &Incoming<'_>, public_url: &str) -> Result<Heard, Error> {
    let now = db.clock().now();
    let index = number_ix(db, incoming.number.e164());
    let mut over = Vec::new();
    // What was filled in as a form is deleted by a text too.
    for channel in [incoming.channel, "web"] {
        let newest: Option<Record> = db.query(sql::NEWEST_OF_NUMBER).bind(&index).bind(channel).optional().await?;
        let Some(record) = newest else { continue };
        // What went into another record is spoken of there.
        let record = super::merge::whole(db, record).await?;
        let is_talk = record.state == "open" && channel != "web";
        if is_talk && record.expires_at <= now {
            expire(db, policy, &record).await?;
            continue;
        }
        let Some(flow) = flows.get(&record.flow) else { continue };
        let listens = is_talk || record.listens_until.is_some_and(|until| until > now);
        if listens || talk::asks_delete(flow, &record.language, incoming.text) {
            return Ok(Heard::Step(Box::new(step(db, flow, record, incoming.text).await?)));
        }
        over.push((record, flow));
    }
    let Some((flow, language, how)) = flows.begun_by(incoming.text) else {
        return Ok(match added(db, over, incoming.text).await? {
            Some(prepared) => Heard::Step(Box::new(prepared)),
            None => Heard::Nothing,
        });
    };
    // To a number that is stopped nothing is said, not even this.
    if !contacts::of_number(db, &contacts::index_of(db, incoming.number.e164())).await.map_err(|e| Fault::with("look for a stop", e))?.is_empty() {
        return Ok(Heard::Nothing);
    }
    let words = flow.language(language);
    if incoming.channel == "whatsapp" && !flow.whatsapp {
        return Ok(Heard::Refused(words.says("whatsapp").to_owned()));
    }
    if how == crate::flow::Begins::Form && !flow.web {
        return Ok(Heard::Nothing);
    }
    match super::begin::prepare(db, policy, flow, language, how, incoming, public_url).await? {
        Some(prepared) => Ok(Heard::Step(Box::new(prepared))),
        None => Ok(Heard::Refused(words.says("busy").to_owned())),
    }
}

async fn expire(db: &Db, policy: &Policy, record: &Record) -> Result<(), Error> {
    let permit = policy.permit::<Expire>(&Actor::system(), &record.on()).map_err(|e| Fault::with("expire an intake", e))?;
    match end::shred(db, permit, record, "expired", "session").await {
        Ok(()) | Err(Error::Changed) => Ok(()),
        Err(Error::Held) => {
            let permit = policy.permit::<Expire>(&Actor::system(), &record.on()).map_err(|e| Fault::with("set an intake aside", e))?;
            end::set_aside(db, permit, record).await
        }
        Err(error) => Err(error),
    }
}

/// A text after the conversation: it is the record's for as long as a conversation may rest, after the last answer or, while a
/// person has it, after the last that was done with it. Then, and beyond a number, it is a message as any other.
async fn added(db: &Db, over: Vec<(Record, &Flow)>, text: &str) -> Result<Option<Prepared>, Error> {
    let now = db.clock().now();
    let of_record = |(record, flow): &(Record, &Flow)| match record.state.as_str() {
        "handover" => record.changed_at + flow.session_hours * HOUR > now,
        "complete" => record.ended_at.is_some_and(|ended| ended + flow.session_hours * HOUR > now),
        _ => false,
    };
    let Some((record, _)) = over.into_iter().find(of_record) else { return Ok(None) };
    let kept: i64 = db.query(sql::COUNT_TEXTS).bind(&record.id).scalar().await?;
    if kept >= TEXTS_MAX {
        return Ok(None);
    }
    let sealed = seal_value(db, &record.id, TEXTS, record.version + 1, cut(text)).await?;
    Ok(Some(Prepared { id: record.id.clone(), answer: String::new(), shreds: false, write: Wrote::Text(Box::new(record), sealed) }))
}

/// What of a text is read at all.
fn cut(text: &str) -> &str {
    &text[..text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= TEXT_BYTES_MAX).last().unwrap_or(0)]
}

/// The open conversation of a number that says STOP: it ends, and everything of it goes.
///
/// # Errors
/// When the database fails.
pub async fn stopped(db: &Db, number: &Number, channel: &str) -> Result<Option<Prepared>, Error> {
    let newest: Option<Record> = db.query(sql::NEWEST_OF_NUMBER).bind(number_ix(db, number.e164())).bind(channel).optional().await?;
    let Some(record) = newest.filter(|r| r.state == "open") else { return Ok(None) };
    if end::is_held(db, &record.id).await? {
        return Ok(None);
    }
    Ok(Some(Prepared { id: record.id.clone(), answer: String::new(), shreds: true, write: Wrote::Shred(Box::new(record), Did::Cancelled) }))
}

async fn step(db: &Db, flow: &Flow, record: Record, text: &str) -> Result<Prepared, Error> {
    let now = db.clock().now();
    let Some(before) = record.talk(db).await? else { return Err(Error::Changed) };
    // Nothing of it could be kept: what is too long is told by its beginning.
    let turn = talk::step(flow, &record.language, &before, cut(text), super::day(now));
    if turn.did.shreds() && !end::is_held(db, &record.id).await? {
        return Ok(Prepared { id: record.id.clone(), answer: turn.answer, shreds: true, write: Wrote::Shred(Box::new(record), turn.did) });
    }
    let held = turn.did.shreds();
    let answer = if held { flow.language(&record.language).says("held").to_owned() } else { turn.answer.clone() };
    let stepped = stepped(db, flow, record, turn, held).await?;
    Ok(Prepared { id: stepped.record.id.clone(), answer, shreds: false, write: Wrote::Step(Box::new(stepped)) })
}

async fn stepped(db: &Db, flow: &Flow, record: Record, turn: Turn, held: bool) -> Result<Stepped, Error> {
    let question = turn.question.and_then(|n| flow.questions().get(n));
    let mut brief: Brief = record.brief(db).await?;
    let (mut value, mut person) = (None, None);
    if let (Some(question), Some(text)) = (question, &turn.keep) {
        brief = brief.with(question.kind, text);
        value = Some(seal_value(db, &record.id, &question.field, record.version + 1, text).await?);
        person = person_of(db, flow, &record.id, &question.field, text).await?;
    }
    let talk = Talk { phase: if held { Phase::Rest } else { turn.state.phase.clone() }, ..turn.state.clone() };
    let was_over = record.state != "open";
    let (state, ends) = match turn.did {
        _ if held || turn.did == Did::HandedOver => ("handover", true),
        Did::Completed => ("complete", true),
        _ if record.state == "handover" => ("handover", false),
        _ if record.state == "merged" => ("merged", false),
        _ if was_over => ("complete", false),
        _ => ("open", false),
    };
    let now = db.clock().now();
    // What is over keeps its end, which a merge may have brought nearer.
    let lasts = match (was_over, ends) {
        (true, _) => record.expires_at,
        (false, true) => now + flow.retention_days * DAY,
        (false, false) => now + flow.session_hours * HOUR,
    };
    Ok(Stepped {
        did: turn.did,
        held,
        field: question.map(|q| q.field.clone()),
        state,
        talk: seal(db, &record.id, "talk", &talk).await?,
        brief: seal(db, &record.id, "brief", &brief).await?,
        person_ix: person,
        value,
        consent: (turn.did == Did::Consented).then(|| flow.language(&record.language).says("consent_version").to_owned()),
        lasts,
        ends,
        listens: turn.state.deleting && (was_over || record.channel == "web"),
        record,
    })
}

/// The blind index of the person once both parts of it are known, one of them now.
///
/// # Errors
/// When a database fails.
pub(super) async fn person_of(db: &Db, flow: &Flow, id: &IntakeId, field: &str, value: &str) -> Result<Option<String>, Error> {
    let part = async |kind: Kind| -> Result<Option<Zeroizing<String>>, Error> {
        let Some(question) = flow.questions().iter().find(|q| q.kind == kind) else { return Ok(None) };
        if question.field == field {
            return Ok(Some(Zeroizing::new(value.to_owned())));
        }
        let Some((version, sealed)) = read::latest(db, id, &question.field).await? else { return Ok(None) };
        gone_or(read::open_value(db, id, &question.field, version, &sealed).await)
    };
    if flow.question(field).is_none_or(|q| q.kind == Kind::Text) {
        return Ok(None);
    }
    let (Some(name), Some(birth)) = (part(Kind::Name).await?, part(Kind::Birth).await?) else { return Ok(None) };
    Ok((!name.is_empty() && !birth.is_empty()).then(|| person_ix(db, &name, &birth)))
}

impl Prepared {
    /// What it is done to.
    #[must_use]
    pub fn on(&self) -> On {
        On::one("intake", &self.id)
    }

    /// Has the patient everything deleted?
    #[must_use]
    pub fn deletes(&self) -> bool {
        matches!(&self.write, Wrote::Shred(_, Did::Deleted))
    }

    /// What is said.
    #[must_use]
    pub fn answer(&self) -> &str {
        &self.answer
    }

    /// Writes the step. Gives the record, which the entry must name, and what the entry says.
    ///
    /// # Errors
    /// [`Error::Changed`] when the record is not what it was: prepare it again.
    pub async fn write<A: Act>(&self, tx: &mut Tx<A>) -> Result<(IntakeId, Detail), Error> {
        match &self.write {
            Wrote::Begin(beginning) => beginning.write(tx).await,
            Wrote::Step(step) => Ok((self.id.clone(), step.write(tx).await?)),
            Wrote::Text(record, sealed) => {
                let now = tx.now();
                if tx.write(sql::TOUCH).bind(&record.id).bind(record.version).bind(now).execute().await? != 1 {
                    return Err(Error::Changed);
                }
                let insert = tx.write(sql::INSERT_VALUE).bind(&record.id).bind(TEXTS).bind(record.version + 1).bind(Some(sealed.clone()));
                insert.bind(super::by(None)).bind(now).execute().await?;
                Ok((self.id.clone(), Detail::ok().with("step", "texted").with("flow", record.flow.as_str()).with("state", record.state.as_str())))
            }
            Wrote::Shred(record, did) => {
                end::empty(tx, record, did_state(*did), did.name()).await?;
                Ok((self.id.clone(), Detail::ok().with("step", did.name()).with("flow", record.flow.as_str())))
            }
        }
    }

    /// What is done once the step is committed: the key of what was shredded goes. What fails now is done at the next round.
    pub async fn settle(&self, db: &Db) {
        if self.shreds {
            end::destroy(db, &self.id).await;
        }
    }
}

const fn did_state(did: Did) -> &'static str {
    match did {
        Did::Declined => "declined",
        Did::Deleted => "deleted",
        _ => "cancelled",
    }
}

impl Stepped {
    async fn write<A: Act>(&self, tx: &mut Tx<A>) -> Result<Detail, Error> {
        let (now, record) = (tx.now(), &self.record);
        let write = tx.write(sql::STEP).bind(&record.id).bind(record.version).bind(self.state).bind(Some(self.talk.clone())).bind(Some(self.brief.clone()));
        let write = write.bind(self.person_ix.clone()).bind(self.consent.clone()).bind(self.consent.as_ref().map(|_| now)).bind(now).bind(self.lasts);
        let write = write.bind(self.ends.then_some(now)).bind(self.listens.then_some(now + LISTENS_FOR));
        if write.execute().await? != 1 {
            return Err(Error::Changed);
        }
        if let (Some(field), Some(value)) = (&self.field, &self.value) {
            let insert = tx.write(sql::INSERT_VALUE).bind(&record.id).bind(field).bind(record.version + 1).bind(Some(value.clone()));
            insert.bind(super::by(None)).bind(now).execute().await?;
        }
        let mut detail = Detail::ok().with("step", self.did.name()).with("flow", record.flow.as_str()).with("state", self.state);
        if let Some(field) = &self.field {
            detail = detail.with("field", field.as_str());
        }
        if let Some(version) = &self.consent {
            detail = detail.with("consent_version", version.as_str());
        }
        if self.held {
            detail = detail.because("legal_hold");
        }
        Ok(detail)
    }
}
