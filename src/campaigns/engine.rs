//! The work of campaigns, on the node that does what one node alone does: takes recipients down, begins what is due, records
//! messages as fast as was approved, pauses what goes wrong, and ends what is done.
//! Must stay true: a message and its recipient's turn are one transaction, so that nobody has two; only so many are under way
//! that a pause comes at once; a campaign is done only when nothing of it can still be sent.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::audience::{self, LastConsent, consented, text_for};
use super::campaign::{begin, find, one, pause};
use super::hours::{self, Hours};
use super::template::template_of;
use super::wording::Wording;
use super::{Begin, Campaign, Error, Finish, Pause, Recipient, SendOne, Skip, counts, sql};
use crate::contacts;
use crate::core::clock::{MINUTE, Micros, SECOND};
use crate::core::fault::Fault;
use crate::core::id::CampaignId;
use crate::core::number::{Kinds, Number};
use crate::db::{DbError, Detail, Restraint};
use crate::http::App;
use crate::messages::outbox::{Belongs, Outbox};
use crate::messages::route;
use crate::policy::{Act, Actor, On, Permit, Resource as _};

/// The pause between two rounds.
const REST: Duration = Duration::from_millis(500);
/// Messages of a campaign that are recorded and not sent, at most.
const UNDER_WAY_MAX: i64 = 256;
/// Messages recorded at once.
const TOGETHER: usize = 16;
/// Places looked at in one round.
const PLACES_MAX: usize = 600;
/// Batches of recipients taken down in one round, for each campaign.
const BATCHES_MAX: usize = 40;
/// So many results must be there before they say something, and of the newest so many in a hundred may be bad.
const RESULTS_MIN: usize = 20;
const BAD_PERCENT_MAX: usize = 25;

/// How much each campaign may record yet, in messages times [`MINUTE`], and when that was reckoned.
#[derive(Debug, Default)]
pub struct Allowances(HashMap<CampaignId, (i64, Micros)>);

impl Allowances {
    /// How many messages a campaign may record now; unused time counts for a second at most, so that a rest brings no flood.
    fn of(&mut self, campaign: &Campaign, now: Micros) -> i64 {
        let most = (campaign.per_minute * SECOND).max(MINUTE);
        let (left, since) = self.0.get(&campaign.id).copied().unwrap_or((most, now));
        let gained = (now - since).clamp(0, MINUTE) * campaign.per_minute;
        let left = (left + gained).min(most);
        self.0.insert(campaign.id.clone(), (left, now));
        left / MINUTE
    }

    fn spend(&mut self, campaign: &CampaignId, n: usize) {
        if let Some((left, _)) = self.0.get_mut(campaign) {
            *left -= i64::try_from(n).unwrap_or(0) * MINUTE;
        }
    }
}

/// Works until told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    let mut allowances = Allowances::default();
    while !stop.is_cancelled() {
        if app.db.leads()
            && !app.db.in_doubt()
            && !app.db.is_short()
            && app.db.restraint() != Some(Restraint::Sends)
            && let Err(error) = round(&app, &mut allowances).await
        {
            tracing::warn!(fault = Fault::with("campaigns", error).chain(), "campaigns were left for later");
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Everything that is due once.
///
/// # Errors
/// When the database fails; it goes on in the next round.
pub async fn round(app: &App, allowances: &mut Allowances) -> Result<(), Error> {
    for campaign in in_state(app, "gathering").await? {
        let id = campaign.id.clone();
        apart(&id, gather(app, campaign).await)?;
    }
    for campaign in in_state(app, "scheduled").await? {
        apart(&campaign.id, unless_changed(begin(&app.db, permit::<Begin>(app, &campaign.on())?, &campaign).await))?;
    }
    let running = in_state(app, "running").await?;
    allowances.0.retain(|id, _| running.iter().any(|campaign| campaign.id == *id));
    for campaign in running {
        apart(&campaign.id, go_on(app, &campaign, allowances).await)?;
    }
    Ok(())
}

/// One campaign that runs.
async fn go_on(app: &App, campaign: &Campaign, allowances: &mut Allowances) -> Result<(), Error> {
    if goes_wrong(app, campaign).await? {
        return Ok(());
    }
    feed(app, campaign, allowances).await?;
    finish(app, campaign).await
}

/// What is wrong with one campaign holds up no other; what is wrong with the database does.
fn apart(campaign: &CampaignId, done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(Error::Db(error)) => Err(Error::Db(error)),
        Err(error) => {
            tracing::error!(%campaign, fault = Fault::with("a campaign", error).chain(), "a campaign cannot go on");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn in_state(app: &App, state: &'static str) -> Result<Vec<Campaign>, Error> {
    Ok(app.db.query(sql::IN_STATE).bind(state).bind(app.db.clock().now()).all().await?)
}

fn permit<A: Act<On = On>>(app: &App, on: &On) -> Result<Permit<A>, Error> {
    app.policy.permit::<A>(&Actor::system(), on).map_err(|denied| Fault::with("the policy stops a campaign", denied).into())
}

/// A person was quicker.
fn unless_changed(done: Result<(), Error>) -> Result<(), Error> {
    if matches!(done, Err(Error::State)) { Ok(()) } else { done }
}

async fn gather(app: &App, campaign: Campaign) -> Result<(), Error> {
    let mut campaign = campaign;
    for _ in 0..BATCHES_MAX {
        match audience::step(app, &campaign).await {
            Ok(true) => {}
            Ok(false) | Err(Error::State) => return Ok(()),
            Err(error) => return Err(error),
        }
        match find(&app.db, &campaign.id).await? {
            Some(next) if next.state == "gathering" => campaign = next,
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Pauses a campaign whose newest results are too bad.
async fn goes_wrong(app: &App, campaign: &Campaign) -> Result<bool, Error> {
    let since = campaign.resumed_at.unwrap_or(0);
    let results: Vec<(String, Option<String>)> = app.db.query(sql::RESULTS).bind(&campaign.id).bind(since).all().await?;
    let bad = results.iter().filter(|(state, reason)| is_bad(state, reason.as_deref())).count();
    if results.len() < RESULTS_MIN || bad * 100 <= results.len() * BAD_PERCENT_MAX {
        return Ok(false);
    }
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let detail = Detail::ok().with("results", count(results.len())).with("bad", count(bad));
    tracing::warn!(campaign = %campaign.id, bad, results = results.len(), "a campaign was paused: too much goes wrong");
    unless_changed(pause(&app.db, permit::<Pause>(app, &campaign.on())?, campaign, "error_rate", detail).await)?;
    Ok(true)
}

/// Does this result say that something is wrong with the gateway or the text? What a number wants, and that the server itself was
/// stopped on the way, does not.
fn is_bad(state: &str, reason: Option<&str>) -> bool {
    const NO_FAULT: [&str; 7] = ["interrupted", "number_stopped", "consent_withdrawn", "no_consent", "erased", "twilio_21610", "campaign_cancelled"];
    matches!(state, "rejected" | "failed" | "unknown") && !reason.is_some_and(|reason| NO_FAULT.contains(&reason))
}

/// Records messages for those whose hours it is, as many as may be under way.
async fn feed(app: &App, campaign: &Campaign, allowances: &mut Allowances) -> Result<(), Error> {
    let db = &app.db;
    let open: i64 = db.query(sql::OPEN).bind(&campaign.id).scalar().await?;
    let now = db.clock().now();
    let mut room = allowances.of(campaign, now).min(UNDER_WAY_MAX - open);
    if room <= 0 {
        return Ok(());
    }
    let text = template_of(db, &campaign.template_id, campaign.template_version).await?;
    let wording = Wording::parse(&text.text).map_err(|error| Fault::new(format!("a stored template cannot be read: {error:?}")))?;
    let mut last = String::new();
    for _ in 0..PLACES_MAX {
        let place: Option<(String,)> = db.query(sql::PLACES).bind(&campaign.id).bind(campaign.round).bind(last.as_str()).optional().await?;
        let Some((place,)) = place else { break };
        last.clone_from(&place);
        if !matches!(hours::at(&place, now), Hours::Open { .. }) {
            continue;
        }
        let due: Vec<Recipient> = db.query(sql::PENDING).bind(&campaign.id).bind(campaign.round).bind(place.as_str()).bind(room).all().await?;
        room -= i64::try_from(due.len()).unwrap_or(room);
        allowances.spend(&campaign.id, due.len());
        for together in due.chunks(TOGETHER) {
            // Together, so that they share a sync.
            for done in join_all(together.iter().map(|recipient| record(app, campaign, &wording, recipient))).await {
                unless_changed(done)?;
            }
        }
        if room <= 0 {
            break;
        }
    }
    app.work.notify_one();
    Ok(())
}

/// Records the message of one recipient, or why there is none.
async fn record(app: &App, campaign: &Campaign, wording: &Wording, recipient: &Recipient) -> Result<(), Error> {
    let db = &app.db;
    let Some(contact) = contacts::find(db, &recipient.contact_id).await? else { return skip(app, campaign, recipient, "erased").await };
    if contact.version != recipient.contact_version {
        // What was approved is not what this would be.
        return skip(app, campaign, recipient, "contact_changed").await;
    }
    let Some(card) = contact.card(db).await? else { return skip(app, campaign, recipient, "erased").await };
    let last = db.query(sql::LAST_CONSENT).bind(&contact.id).optional::<LastConsent>().await?;
    let consent = match consented(last, campaign.needs_consent > 0) {
        Ok(consent) => consent,
        Err(reason) => return skip(app, campaign, recipient, reason).await,
    };
    let Ok(text) = text_for(wording, &card) else { return skip(app, campaign, recipient, "value_missing").await };
    let number = Number::parse_of(&card.number, None, Kinds { voip: true }).map_err(|e| Fault::with("read a contact's number", e))?;
    let of = Belongs { campaign: campaign.id.clone(), recipient: recipient.id.clone() };
    let gateway = route::by_choice(db, &app.config, &campaign.gateway, &number).await?;
    let message = match Outbox::seal(db, &campaign.author_id, &number, &text, &gateway, Some(of)).await {
        Ok(message) => message,
        Err(DbError::Erased) => return skip(app, campaign, recipient, "erased").await,
        Err(error) => return Err(error.into()),
    };
    let permit = permit::<SendOne>(app, &On::any("message"))?.naming(message.id()).about(message.subject());
    let mut tx = db.begin(&permit).await?;
    if contacts::is_stopped(&mut tx, &contact.number_ix).await? {
        drop(tx);
        return skip(app, campaign, recipient, "number_stopped").await;
    }
    message.queue(&mut tx).await?;
    one(tx.write(sql::QUEUE).bind(&recipient.id).bind(message.id()).execute().await?)?;
    let detail = Detail::ok().with("campaign", campaign.id.as_str()).with("recipient", recipient.id.as_str()).with("gateway", route::first(&gateway));
    let detail = if gateway.contains(' ') { detail.with("route", gateway.as_str()) } else { detail };
    let detail = detail.with("hash", campaign.approved_hash.clone().unwrap_or_default());
    let detail = if let Some(consent) = &consent { detail.with("consent", consent.as_str()) } else { detail };
    tx.commit(permit, detail.personal("to", number.e164()).personal("text", &text)).await?;
    Ok(())
}

/// Records that a recipient gets nothing after all.
async fn skip(app: &App, campaign: &Campaign, recipient: &Recipient, reason: &'static str) -> Result<(), Error> {
    let permit = permit::<Skip>(app, &campaign.on())?;
    let mut tx = app.db.begin(&permit).await?;
    one(tx.write(sql::SKIP).bind(&recipient.id).bind(reason).execute().await?)?;
    tx.commit(permit, Detail::ok().with("recipient", recipient.id.as_str()).because(reason)).await?;
    Ok(())
}

/// Ends a campaign when nothing of it waits and nothing is under way.
async fn finish(app: &App, campaign: &Campaign) -> Result<(), Error> {
    let db = &app.db;
    let pending: i64 = db.query(sql::ANY_PENDING).bind(&campaign.id).bind(campaign.round).scalar().await?;
    if pending > 0 {
        return Ok(());
    }
    let open: i64 = db.query(sql::OPEN).bind(&campaign.id).scalar().await?;
    if open > 0 {
        return Ok(());
    }
    let permit = permit::<Finish>(app, &campaign.on())?;
    let counts = counts(db, campaign).await?;
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let done = tx.write(sql::DONE).bind(&campaign.id).bind(now).execute().await?;
    if done != 1 {
        return Ok(());
    }
    let detail = counts.iter().fold(Detail::ok(), |detail, (state, n)| detail.with(state, *n));
    tx.commit(permit, detail).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_number_wants_is_no_fault_of_the_gateway() {
        assert!(is_bad("rejected", Some("twilio_30007")) && is_bad("unknown", None) && is_bad("failed", Some("twilio_30003")));
        assert!(!is_bad("accepted", None) && !is_bad("delivered", None) && !is_bad("rejected", Some("number_stopped")));
    }
}
