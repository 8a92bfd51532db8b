//! A campaign's life by the hands of people: made, changed, put up for review, approved, begun, paused, resumed, cancelled.
//! Must stay true: each statement repeats the state it needs; an approval names the hash that was shown and is of somebody else;
//! whatever is changed takes the approval away.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Approve, Begin, Campaign, Cancel, Create, Edit, Error, Origin, PAGE_MAX, Pause, Reject, Resume, Submit, Template, sql};
use crate::core::clock::Micros;
use crate::core::id::{CampaignId, PersonId, TemplateId};
use crate::db::{Db, Detail};
use crate::policy::{Act, Permit};
use crate::repeat::{Once, Repeat};

/// Where somebody on the lists may stand, in the order in which it is told.
pub const COUNTED: [&str; 9] = ["pending", "queued", "sending", "accepted", "delivered", "failed", "rejected", "unknown", "refused"];

/// A campaign about to be made, or what one is changed to.
#[derive(Clone, Debug)]
pub struct New {
    /// Its name.
    pub name: String,
    /// Its text.
    pub template: TemplateId,
    /// And of that which version.
    pub template_version: i64,
    /// Who gets it: lists and segments.
    pub lists: Vec<Origin>,
    /// The gateway it leaves by.
    pub gateway: String,
    /// When it begins by itself.
    pub scheduled_at: Option<Micros>,
    /// Messages in a minute, at most.
    pub per_minute: i64,
    /// Only those get it who gave consent.
    pub needs_consent: bool,
}

impl New {
    fn lists(&self) -> String {
        self.lists.iter().map(Origin::as_str).collect::<Vec<_>>().join(" ")
    }

    fn detail(&self) -> Detail {
        let detail = Detail::ok().with("name", self.name.as_str()).with("template", self.template.as_str()).with("template_version", self.template_version);
        let detail = detail.with("lists", self.lists()).with("gateway", self.gateway.as_str()).with("per_minute", self.per_minute);
        let detail = detail.with("needs_consent", i64::from(self.needs_consent));
        match self.scheduled_at {
            Some(at) => detail.with("scheduled_at", at),
            None => detail,
        }
    }
}

/// The hash that is approved: over everything that decides what goes out, to whom, when, and from where.
#[must_use]
pub fn hash_of(campaign: &Campaign, text: &Template) -> String {
    // The keys are in order, so the bytes are always the same.
    let all = json!({
        "audience_sha256": campaign.audience_sha256,
        "campaign": campaign.id.as_str(),
        "gateway": campaign.gateway,
        "hours": "08:00-21:00",
        "needs_consent": campaign.needs_consent,
        "per_minute": campaign.per_minute,
        "recipients": campaign.recipients,
        "scheduled_at": campaign.scheduled_at,
        "text_sha256": super::template::sha256(&text.text),
        "v": 1,
    });
    hex::encode(Sha256::digest(all.to_string().as_bytes()))
}

/// The hash over the recipients as it begins; each batch is added to the one before.
#[must_use]
pub fn no_audience() -> String {
    hex::encode(Sha256::digest(b"countersign/audience/v1"))
}

/// Makes a campaign.
///
/// # Errors
/// When the database fails.
pub async fn create(db: &Db, permit: Permit<Create>, author: &PersonId, new: &New) -> Result<CampaignId, Error> {
    Ok(create_once(db, permit, author, new, None).await?.answer)
}

/// The same; a repeated request gets the first one's answer.
///
/// # Errors
/// [`repeat::Error::OtherBody`](crate::repeat::Error::OtherBody); when the database fails.
pub async fn create_once(db: &Db, permit: Permit<Create>, author: &PersonId, new: &New, repeat: Option<&Repeat>) -> Result<Once<CampaignId>, Error> {
    let id = CampaignId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    let insert = tx.write(sql::INSERT).bind(&id).bind(new.name.as_str()).bind(author).bind(&new.template).bind(new.template_version).bind(new.lists());
    let insert = insert.bind(new.gateway.as_str()).bind(new.scheduled_at).bind(new.per_minute).bind(i64::from(new.needs_consent)).bind(now);
    insert.execute().await?;
    tx.commit(permit, new.detail().keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// Changes a campaign that has not begun: it is a draft again, whatever it was.
///
/// # Errors
/// [`Error::State`] when somebody else changed it meanwhile, or it has begun.
pub async fn edit(db: &Db, permit: Permit<Edit>, author: &PersonId, campaign: &Campaign, new: &New) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let edit = tx.write(sql::EDIT).bind(&campaign.id).bind(campaign.version).bind(new.name.as_str()).bind(author).bind(&new.template);
    let edit = edit.bind(new.template_version).bind(new.lists()).bind(new.gateway.as_str()).bind(new.scheduled_at).bind(new.per_minute);
    one(edit.bind(i64::from(new.needs_consent)).bind(now).execute().await?)?;
    let detail = new.detail().with("was", campaign.state.as_str());
    tx.commit(permit, if campaign.approved_hash.is_some() { detail.with("voids", campaign.approval_id.as_ref().map_or("", |id| id.as_str())) } else { detail })
        .await?;
    Ok(())
}

/// Puts a draft up for review: its recipients are taken down as they are now.
///
/// # Errors
/// [`Error::State`].
pub async fn submit(db: &Db, permit: Permit<Submit>, campaign: &Campaign) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    one(tx.write(sql::SUBMIT).bind(&campaign.id).bind(campaign.version).bind(no_audience()).bind(now).execute().await?)?;
    tx.commit(permit, Detail::ok().with("round", campaign.round + 1)).await?;
    Ok(())
}

/// Approves what the hash stands for.
///
/// # Errors
/// [`Error::Own`]; [`Error::State`] when it is not what was shown any more.
pub async fn approve(db: &Db, permit: Permit<Approve>, approver: &PersonId, campaign: &Campaign, shown: &str) -> Result<(), Error> {
    if campaign.author_id == *approver {
        return Err(Error::Own);
    }
    let state = if campaign.scheduled_at.is_some() { "scheduled" } else { "approved" };
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    one(tx.write(sql::APPROVE).bind(&campaign.id).bind(campaign.version).bind(state).bind(shown).bind(approver).bind(now).execute().await?)?;
    let detail = Detail::ok().with("hash", shown).with("audience_sha256", campaign.audience_sha256.as_str()).with("recipients", campaign.recipients);
    let detail = detail.with("template", campaign.template_id.as_str()).with("template_version", campaign.template_version);
    tx.commit(permit, detail.with("gateway", campaign.gateway.as_str()).with("segments", campaign.segments)).await?;
    Ok(())
}

/// Gives a campaign back to who wrote it.
///
/// # Errors
/// [`Error::State`].
pub async fn reject(db: &Db, permit: Permit<Reject>, campaign: &Campaign, reason: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    one(tx.write(sql::REJECT).bind(&campaign.id).bind(campaign.version).bind(now).execute().await?)?;
    tx.commit(permit, Detail::ok().personal("reason", reason)).await?;
    Ok(())
}

/// Has an approved campaign run.
///
/// # Errors
/// [`Error::State`] when it is not approved as it stands.
pub async fn begin(db: &Db, permit: Permit<Begin>, campaign: &Campaign) -> Result<(), Error> {
    let detail = Detail::ok().with("hash", campaign.approved_hash.clone().unwrap_or_default());
    moved(db, permit, campaign, sql::BEGIN, detail).await
}

/// Has it rest. `why` is a stable code when the program does it.
///
/// # Errors
/// [`Error::State`] when it does not run.
pub async fn pause(db: &Db, permit: Permit<Pause>, campaign: &Campaign, why: &'static str, detail: Detail) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    one(tx.write(sql::PAUSE).bind(&campaign.id).bind(why).execute().await?)?;
    tx.commit(permit, detail.because(why)).await?;
    Ok(())
}

/// Has it go on.
///
/// # Errors
/// [`Error::State`] when it does not rest.
pub async fn resume(db: &Db, permit: Permit<Resume>, campaign: &Campaign) -> Result<(), Error> {
    moved(db, permit, campaign, sql::RESUME, Detail::ok()).await
}

/// Ends it early: what was not handed over will not be.
///
/// # Errors
/// [`Error::State`] when it has ended.
pub async fn cancel(db: &Db, permit: Permit<Cancel>, campaign: &Campaign) -> Result<(), Error> {
    moved(db, permit, campaign, sql::CANCEL, Detail::ok().with("was", campaign.state.as_str())).await
}

async fn moved<A: Act>(db: &Db, permit: Permit<A>, campaign: &Campaign, sql: &'static str, detail: Detail) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    one(tx.write(sql).bind(&campaign.id).bind(now).execute().await?)?;
    tx.commit(permit, detail).await?;
    Ok(())
}

pub(super) fn one(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::State) }
}

/// The campaign of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &CampaignId) -> Result<Option<Campaign>, Error> {
    Ok(db.query(sql::BY_ID).bind(id).optional().await?)
}

/// Campaigns older than `after`, newest first, and whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, after: Option<&CampaignId>) -> Result<(Vec<Campaign>, bool), Error> {
    let fetch = i64::try_from(PAGE_MAX + 1).unwrap_or(i64::MAX);
    let mut rows: Vec<Campaign> = db.query(sql::PAGE).bind(after.map_or("cmp_g", CampaignId::as_str)).bind(fetch).all().await?;
    let more = rows.len() > PAGE_MAX;
    rows.truncate(PAGE_MAX);
    Ok((rows, more))
}

crate::row! {
    /// One recorded act on a campaign.
    #[derive(Clone, Debug)]
    pub struct Happened {
        /// The act.
        pub action: String,
        /// When.
        pub at: i64,
        /// How it went.
        pub outcome: String,
        /// Its place in the log in force, once it has one there.
        pub seq: Option<i64>,
    }
}

/// What was recorded of a campaign, newest first, at most twenty.
///
/// # Errors
/// When the database fails.
pub async fn history(db: &Db, id: &CampaignId) -> Result<Vec<Happened>, Error> {
    Ok(db.query(sql::HISTORY).bind(id).bind(db.log().0).all().await?)
}

/// How many stand where: `pending` and `refused` recipients, and the states of the messages of the others. As many reads as a
/// campaign has recipients, at most.
///
/// # Errors
/// When the database fails.
pub async fn counts(db: &Db, campaign: &Campaign) -> Result<BTreeMap<&'static str, i64>, Error> {
    let mut all: BTreeMap<&'static str, i64> = BTreeMap::new();
    let recipients: Vec<(String, i64)> = db.query(sql::COUNT_RECIPIENTS).bind(&campaign.id).bind(campaign.round).all().await?;
    let messages: Vec<(String, i64)> = db.query(sql::COUNT_MESSAGES).bind(&campaign.id).all().await?;
    for state in COUNTED {
        all.insert(state, 0);
    }
    for (state, n) in recipients.iter().filter(|(state, _)| state != "queued").chain(&messages) {
        if let Some(state) = COUNTED.into_iter().find(|known| known == state) {
            *all.entry(state).or_default() += n;
        }
    }
    Ok(all)
}
