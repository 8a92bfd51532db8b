//! The beginning of a conversation, or of a form behind a single-use link.
//! Must stay true: what one number, new links too, and all together may begin is bounded; when too many are open the oldest goes first; a link
//! says nothing of anybody.

use super::hear::{Incoming, Prepared, Wrote};
use super::{Brief, Error, Expire, end, link_ix, number_ix, place, seal, sender_ix, sql};
use crate::core::clock::{DAY, HOUR, MINUTE};
use crate::core::id::IntakeId;
use crate::db::{Db, DbError, Detail, Tx};
use crate::flow::talk::{Phase, State as Talk, begin};
use crate::flow::{Begins, Flow};
use crate::policy::{Act, Actor, Policy};

/// A record about to be made.
#[derive(Debug)]
pub struct Beginning {
    id: IntakeId,
    flow: String,
    flow_version: i64,
    language: String,
    channel: &'static str,
    number_ix: String,
    sender_ix: String,
    starts_max: i64,
    link_ix: Option<String>,
    number: Vec<u8>,
    talk: Vec<u8>,
    brief: Vec<u8>,
    lasts: i64,
}

/// Is there room for one more of this flow, by this number? When too many are open, the oldest is shredded first.
///
/// # Errors
/// When the database fails.
async fn room(db: &Db, policy: &Policy, flow: &Flow, sender: &str) -> Result<bool, Error> {
    let begun: Option<(i64,)> = db.query(sql::BEGUN).bind(sender).optional().await?;
    if begun.is_some_and(|(begun,)| begun >= flow.starts_per_day) {
        return Ok(false);
    }
    let open: i64 = db.query(sql::COUNT_OPEN).bind(flow.name.as_str()).bind(flow.open_max).scalar().await?;
    if open < flow.open_max {
        return Ok(true);
    }
    let Some(oldest) = db.query(sql::OLDEST_OPEN).bind(flow.name.as_str()).optional().await? else { return Ok(false) };
    let permit = policy.permit::<Expire>(&Actor::system(), &crate::policy::Resource::on(&oldest)).map_err(|e| crate::core::fault::Fault::with("expire", e))?;
    match end::shred(db, permit, &oldest, "expired", "room").await {
        Ok(()) | Err(Error::Changed) => Ok(true),
        Err(Error::Held) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a word begins: none when there is no room.
///
/// # Errors
/// When a database fails.
pub async fn prepare(
    db: &Db,
    policy: &Policy,
    flow: &Flow,
    language: &str,
    how: Begins,
    incoming: &Incoming<'_>,
    public_url: &str,
) -> Result<Option<Prepared>, Error> {
    let now = db.clock().now();
    let e164 = incoming.number.e164();
    let sender = sender_ix(db, e164, now);
    if !room(db, policy, flow, &sender).await? {
        return Ok(None);
    }
    let id = IntakeId::new(db.clock(), db.rng());
    let (channel, token) = match how {
        Begins::Talk => (incoming.channel, None),
        Begins::Form => ("web", Some(db.rng().token())),
    };
    let (talk, answer) = match &token {
        None => {
            let turn = begin(flow, language);
            (turn.state, turn.answer)
        }
        Some(token) => {
            let state = Talk { phase: Phase::Consent, deleting: false, wrong: 0, messages: 0 };
            (state, flow.language(language).says("link").replace("{link}", &super::form::href(public_url, token)))
        }
    };
    let sealed = db.vault().seal_padded(id.as_str(), &place(&id, "number"), e164.as_bytes()).await.map_err(DbError::from)?;
    let beginning = Beginning {
        flow: flow.name.clone(),
        flow_version: flow.version,
        language: language.to_owned(),
        channel,
        number_ix: number_ix(db, e164),
        sender_ix: sender,
        starts_max: flow.starts_per_day,
        link_ix: token.as_deref().map(|token| link_ix(db, token)),
        number: sealed,
        talk: seal(db, &id, "talk", &talk).await?,
        brief: seal(db, &id, "brief", &Brief::default()).await?,
        lasts: if token.is_some() { flow.link_minutes * MINUTE } else { flow.session_hours * HOUR },
        id: id.clone(),
    };
    Ok(Some(Prepared { id, answer, shreds: false, write: Wrote::Begin(Box::new(beginning)) }))
}

impl Beginning {
    /// Writes it. Who has an open link gets a new one in its place.
    pub(super) async fn write<A: Act>(&self, tx: &mut Tx<A>) -> Result<(IntakeId, Detail), Error> {
        let now = tx.now();
        let kind = if self.link_ix.is_some() { "link" } else { "begun" };
        let detail = Detail::ok().with("flow", self.flow.as_str()).with("flow_version", self.flow_version).with("language", self.language.as_str());
        let detail = detail.with("channel", self.channel).with("step", kind);
        let today = now - now.rem_euclid(DAY);
        if tx.query(sql::BEGIN_ONE).bind(&self.sender_ix).bind(today).bind(self.starts_max).execute().await? != 1 {
            return Err(Error::Changed);
        }
        tx.query(sql::FORGET_STARTS).bind(today).execute().await?;
        let there: Option<super::Record> = tx.query(sql::NEWEST_OF_NUMBER).bind(&self.number_ix).bind(self.channel).optional().await?;
        if let Some(there) = there.filter(|r| r.state == "open") {
            let Some(link) = &self.link_ix else { return Err(Error::Changed) };
            let written = tx.write(sql::RELINK).bind(&there.id).bind(there.version).bind(link).bind(now + self.lasts).bind(now).execute().await?;
            return if written == 1 { Ok((there.id, detail)) } else { Err(Error::Changed) };
        }
        let insert = tx.write(sql::INSERT).bind(&self.id).bind(&self.flow).bind(self.flow_version).bind(&self.language).bind(self.channel);
        let insert = insert.bind(&self.number_ix).bind(self.link_ix.clone()).bind(self.number.clone()).bind(self.talk.clone());
        let done = insert.bind(self.brief.clone()).bind(now).bind(now + self.lasts).execute().await.map_err(DbError::from);
        match done {
            Ok(_) => Ok((self.id.clone(), detail)),
            // Another message of this number began one in this moment.
            Err(error) if error.is_unique() => Err(Error::Changed),
            Err(error) => Err(error.into()),
        }
    }
}
