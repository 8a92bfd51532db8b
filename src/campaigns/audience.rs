//! Who gets a campaign: its lists and segments as they are when it is put up for review, each number once, judged one by one.
//! Must stay true: everybody on the lists is taken down, also who gets nothing, with the reason; how far it came is committed
//! with the recipients, so a killed server goes on; the hash over all of them is what is approved.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::campaign::{hash_of, one};
use super::template::{Template, template_of};
use super::wording::Wording;
use super::{Campaign, Error, Gather, Origin, RECIPIENTS_MAX, hours, sql};
use crate::contacts::{self, Contact, Filter};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{ConsentId, ContactId, RecipientId};
use crate::core::segment;
use crate::core::text::Paragraph;
use crate::db::{Db, Detail, Tx};
use crate::http::App;
use crate::messages::TEXT_CHARS_MAX;
use crate::policy::{Act, Actor, Permit, Resource as _};

/// Contacts of one batch: one transaction, one entry.
const BATCH: usize = 50;
/// What a list is marked with once it was gone through.
const WHOLE: &str = "con_";

/// A contact that was judged.
#[derive(Debug)]
struct Judged {
    contact: Contact,
    place: String,
    segments: i64,
    refused: Option<String>,
}

crate::row! {
    /// The last word of a contact on whether they want messages.
    #[derive(Clone, Debug)]
    pub(super) struct LastConsent {
        pub id: ConsentId,
        pub kind: String,
    }
}

/// Why consent stands against a message; the consent it rests on otherwise, if there is one.
pub(super) fn consented(last: Option<LastConsent>, needs: bool) -> Result<Option<ConsentId>, &'static str> {
    match last {
        Some(consent) if consent.kind == "withdrawn" => Err("consent_withdrawn"),
        Some(consent) => Ok(Some(consent.id)),
        None if needs => Err("no_consent"),
        None => Ok(None),
    }
}

/// The text for a contact.
///
/// # Errors
/// Why there is none, as a stable code.
pub(super) fn text_for(wording: &Wording, card: &contacts::card::Card) -> Result<String, String> {
    let text = wording.fill(card).map_err(|_| "value_missing".to_owned())?;
    Paragraph::parse(&text, TEXT_CHARS_MAX).map_err(|error| format!("text_{}", error.code()))
}

async fn judge(db: &Db, campaign: &Campaign, wording: &Wording, contact: Contact) -> Result<Judged, Error> {
    let consent = db.query(sql::LAST_CONSENT).bind(&contact.id).optional::<LastConsent>().await?;
    let (mut segments, mut refused) = (0, None);
    let card = contact.card(db).await?;
    let place = hours::place(card.as_ref().map_or("", |card| &card.zone), &contact.region);
    match card.as_ref().map(|card| text_for(wording, card)) {
        None => refused = Some("erased".to_owned()),
        _ if contact.opted_out > 0 || contact.blocked > 0 => refused = Some("number_stopped".to_owned()),
        Some(Err(reason)) => refused = Some(reason),
        Some(Ok(text)) => segments = i64::try_from(segment::count(&text).segments).unwrap_or(i64::MAX),
    }
    if refused.is_none() {
        refused = consented(consent, campaign.needs_consent > 0).err().map(str::to_owned);
    }
    if refused.is_none() && !hours::is_known(&place) {
        refused = Some("zone_unknown".to_owned());
    }
    if refused.is_some() {
        segments = 0;
    }
    Ok(Judged { contact, place, segments, refused })
}

/// Where it goes on: the list, and the contact on it that was last.
fn place_in(campaign: &Campaign) -> (usize, Option<ContactId>) {
    let (list, contact) = campaign.gathered.split_once(' ').unwrap_or(("0", ""));
    (list.parse().unwrap_or(0), contact.parse().ok())
}

/// Takes the next batch down; false when there is nothing left and the campaign waits for review.
///
/// # Errors
/// When the database fails; it goes on later. [`Error::State`] when somebody changed the campaign meanwhile.
pub async fn step(app: &App, campaign: &Campaign) -> Result<bool, Error> {
    let db = &app.db;
    let text = template_of(db, &campaign.template_id, campaign.template_version).await?;
    let (at, after) = place_in(campaign);
    let Some(origin) = campaign.origins().into_iter().nth(at) else { return ready(app, campaign, &text).await.map(|()| false) };
    let wording = Wording::parse(&text.text).map_err(|error| Fault::new(format!("a stored template cannot be read: {error:?}")))?;
    let (found, last) = next_of(db, origin, after.as_ref()).await?;
    let gathered = match last {
        Some(last) => format!("{at} {last}"),
        None => format!("{} {WHOLE}", at + 1),
    };
    let mut judged = Vec::with_capacity(found.len());
    for contact in found {
        judged.push(judge(db, campaign, &wording, contact).await?);
    }
    keep(app, campaign, judged, &gathered).await?;
    Ok(true)
}

/// The next contacts of a list or a segment, and the last that was looked at when there are more.
async fn next_of(db: &Db, origin: Origin, after: Option<&ContactId>) -> Result<(Vec<Contact>, Option<ContactId>), Error> {
    match origin {
        Origin::List(list) => {
            let filter = Filter { list: Some(list), ..Filter::default() };
            let page = contacts::page(db, &filter, after, BATCH).await?;
            let last = page.contacts.last().filter(|_| page.more).map(|last| last.id.clone());
            Ok((page.contacts, last))
        }
        Origin::Segment(id) => {
            let Some(segment) = contacts::segment::find(db, &id).await? else { return Ok((Vec::new(), None)) };
            let found = contacts::segment::fitting(db, &segment.rule(db).await?, after, BATCH).await?;
            Ok((found.contacts, found.last.filter(|_| found.more)))
        }
    }
}

fn permit<A: Act<On = crate::policy::On>>(app: &App, campaign: &Campaign) -> Result<Permit<A>, Error> {
    app.policy.permit::<A>(&Actor::system(), &campaign.on()).map_err(|denied| Fault::with("the policy stops a campaign", denied).into())
}

async fn keep(app: &App, campaign: &Campaign, judged: Vec<Judged>, gathered: &str) -> Result<(), Error> {
    let db = &app.db;
    let permit = permit::<Gather>(app, campaign)?;
    let (mut taken, mut refused, mut segments) = (campaign.recipients, campaign.refused, campaign.segments);
    let mut reasons: BTreeMap<String, i64> = serde_json::from_str(&campaign.reasons).context("read a campaign's reasons")?;
    let mut digest = Sha256::new();
    digest.update(campaign.audience_sha256.as_bytes());
    let mut tx = db.begin(&permit).await?;
    for row in judged {
        if !insert(&mut tx, db, campaign, &row).await? {
            continue;
        }
        segments += row.segments;
        match &row.refused {
            Some(reason) => {
                refused += 1;
                *reasons.entry(reason.clone()).or_default() += 1;
            }
            None => taken += 1,
        }
        let said = row.refused.as_deref().unwrap_or("-");
        digest.update(format!("\n{} {} {} {} {said}", row.contact.number_ix, row.contact.id, row.contact.version, row.place));
    }
    let audience = hex::encode(digest.finalize());
    let said = serde_json::to_string(&reasons).context("write a campaign's reasons")?;
    let write = tx.write(sql::GATHER).bind(&campaign.id).bind(campaign.version).bind(campaign.gathered.as_str()).bind(gathered);
    one(write.bind(taken).bind(refused).bind(segments).bind(said).bind(audience.as_str()).execute().await?)?;
    let detail = Detail::ok().with("round", campaign.round).with("recipients", taken).with("refused", refused).with("audience_sha256", audience);
    tx.commit(permit, detail).await?;
    Ok(())
}

/// False when the number is there already, from another list.
async fn insert(tx: &mut Tx<Gather>, db: &Db, campaign: &Campaign, row: &Judged) -> Result<bool, Error> {
    let known: i64 = tx.query(sql::KNOWN).bind(&campaign.id).bind(campaign.round).bind(&row.contact.number_ix).scalar().await?;
    if known > 0 {
        return Ok(false);
    }
    let id = RecipientId::new(db.clock(), db.rng());
    let state = if row.refused.is_some() { "refused" } else { "pending" };
    let insert = tx.write(sql::INSERT_RECIPIENT).bind(&id).bind(&campaign.id).bind(campaign.round).bind(&row.contact.number_ix).bind(&row.contact.id);
    let insert = insert.bind(row.contact.version).bind(&row.contact.masked).bind(row.place.as_str()).bind(row.segments).bind(state);
    insert.bind(row.refused.clone()).execute().await?;
    Ok(true)
}

/// Everybody was taken down: it waits for review, or is a draft again when there is nobody, or too many.
async fn ready(app: &App, campaign: &Campaign, text: &Template) -> Result<(), Error> {
    let permit = permit::<Gather>(app, campaign)?;
    let why = match campaign.recipients {
        0 => Some("no_recipients"),
        n if n > RECIPIENTS_MAX => Some("too_many_recipients"),
        _ => None,
    };
    let hash = why.is_none().then(|| hash_of(campaign, text));
    let state = if why.is_none() { "review" } else { "draft" };
    let mut tx = app.db.begin(&permit).await?;
    let now = tx.now();
    let write = tx.write(sql::READY).bind(&campaign.id).bind(campaign.version).bind(state).bind(why).bind(hash.clone());
    one(write.bind(now).execute().await?)?;
    let mut detail = Detail::ok().with("state", state).with("recipients", campaign.recipients).with("refused", campaign.refused);
    detail = detail.with("segments", campaign.segments).with("audience_sha256", campaign.audience_sha256.as_str());
    if let Some(hash) = hash {
        detail = detail.with("hash", hash);
    }
    tx.commit(permit, if let Some(why) = why { detail.because(why) } else { detail }).await?;
    Ok(())
}
