//! Takes what waits to be told out of the house: one after the other for each webhook, all webhooks at once, again after growing
//! pauses.
//! Must stay true: every try of an event carries the same id; the first that an address does not take holds up only what is for
//! the same address; an address that takes nothing for days is stopped, and who made it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use futures_util::future::{BoxFuture, join_all};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use tokio_util::sync::CancellationToken;

use super::reach::Reach;
use super::{Error, GiveUp, Webhook, find, give_up, sql};
use crate::client;
use crate::core::clock::{DAY, HOUR, MINUTE, Micros, SECOND, seconds};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::WebhookId;
use crate::db::{Chore, Db, DbError};
use crate::http::App;
use crate::notices::Told;
use crate::notices::webhook::{TRY_MAX, meaning, sign};
use crate::policy::{Actor, Resource as _};

/// The pause between two rounds.
const REST: Duration = Duration::from_millis(500);
/// A delivery that was claimed is left alone for so long.
const LEASE: Micros = 15 * MINUTE;
/// The pauses after tries that were not taken; after the last it is given up.
pub const PAUSES: [Micros; 9] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// How long what is done is kept, and what was never told.
const KEPT_FOR: Micros = 14 * DAY;
/// So much of an answer is read, and dropped.
const ANSWER_BYTES_MAX: usize = 4096;

crate::row! {
    /// Something that waits to be told.
    #[derive(Clone, Debug)]
    pub struct Due {
        webhook_id: WebhookId,
        event_id: String,
        kind: String,
        object_id: String,
        body: String,
        at: i64,
        attempts: i64,
    }
}

/// Opens what an event is about, for those who are told numbers and texts.
pub trait Opens: Send + Sync + std::fmt::Debug {
    /// Fields that are added to the data; none when there is nothing (any more).
    fn open<'a>(&'a self, db: &'a Db, kind: &'a str, object: &'a str) -> BoxFuture<'a, Result<serde_json::Map<String, serde_json::Value>, Fault>>;
}

/// What became of a delivery.
enum Became {
    Done,
    Later(&'static str),
    /// Nothing was tried.
    Back,
    Never(&'static str),
}

/// Works until told to stop, on the node that does what one node alone does.
pub async fn run(app: App, opens: &dyn Opens, stop: CancellationToken) {
    let client = match client::with_resolver(TRY_MAX, Arc::new(Reach(app.config.webhook_networks.clone()))) {
        Ok(client) => client,
        Err(fault) => return tracing::error!(fault = fault.chain(), "no webhook can be told anything"),
    };
    let mut swept = 0;
    while !stop.is_cancelled() {
        let mut done = 0;
        if app.db.leads() && !app.db.in_doubt() {
            match round(&app, &client, opens).await {
                Ok(n) => done = n,
                Err(error) => tracing::warn!(fault = Fault::with("webhooks", error).chain(), "webhooks were left for later"),
            }
            let now = app.db.clock().now();
            if now - swept > HOUR {
                swept = now;
                if let Err(error) = sweep(&app.db, now).await {
                    tracing::warn!(fault = Fault::with("sweep deliveries", error).chain(), "old deliveries stay for now");
                }
            }
        }
        if done > 0 {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn sweep(db: &Db, now: Micros) -> Result<(), DbError> {
    let mut chore = db.chore(Chore::Webhook).await?;
    chore.query(sql::SWEEP).bind(now - KEPT_FOR).execute().await?;
    chore.commit().await
}

/// Tells what is due once. Gives how many were looked at.
///
/// # Errors
/// When the database fails.
pub async fn round(app: &App, client: &Client, opens: &dyn Opens) -> Result<usize, Error> {
    let db = &app.db;
    let now = db.clock().now();
    let mut due: Vec<Due> = Vec::new();
    let open: Vec<(WebhookId,)> = db.query(sql::OPEN).all().await?;
    for (id,) in &open {
        // So many of each, so that one whose address is dead keeps nobody waiting.
        let some: Vec<Due> = db.query(sql::DUE).bind(now).bind(id).all().await?;
        due.extend(some);
    }
    if due.is_empty() {
        return Ok(0);
    }
    let mut groups: BTreeMap<WebhookId, Vec<Due>> = BTreeMap::new();
    let mut chore = db.chore(Chore::Webhook).await?;
    for one in due {
        let claim = chore.query(sql::CLAIM).bind(&one.webhook_id).bind(one.event_id.as_str()).bind(now).bind(now + LEASE);
        if claim.execute().await? == 1 {
            groups.entry(one.webhook_id.clone()).or_default().push(one);
        }
    }
    chore.commit().await?;
    let looked = groups.values().map(Vec::len).sum();
    let told = join_all(groups.into_iter().map(|(id, group)| one_address(app, client, opens, id, group))).await;
    let mut given_up = Vec::new();
    let mut chore = db.chore(Chore::Webhook).await?;
    for told in told {
        let (webhook, became) = told?;
        let now = db.clock().now();
        let mut waits = now;
        for (one, became) in became {
            let pause = usize::try_from(one.attempts).ok().and_then(|n| PAUSES.get(n)).copied();
            let (id, event) = (&one.webhook_id, one.event_id.as_str());
            match (became, pause) {
                (Became::Done, _) => chore.query(sql::DONE).bind(id).bind(event).bind(now).execute().await?,
                (Became::Back, _) => chore.query(sql::BACK).bind(id).bind(event).bind(waits).execute().await?,
                (Became::Later(why), Some(pause)) => {
                    waits = now + pause;
                    chore.query(sql::LATER).bind(id).bind(event).bind(waits).bind(why).execute().await?;
                    chore.query(sql::PUSH).bind(id).bind(waits).execute().await?
                }
                (Became::Later(why), None) | (Became::Never(why), _) => {
                    given_up.push((webhook.clone(), one.at, why));
                    chore.query(sql::NEVER).bind(id).bind(event).bind(now).bind(why).execute().await?
                }
            };
        }
    }
    chore.commit().await?;
    for (webhook, since, why) in given_up {
        stop_dead(app, webhook, since, why).await?;
    }
    Ok(looked)
}

/// What is for one address, one after the other, up to the first that it does not take.
async fn one_address(app: &App, client: &Client, opens: &dyn Opens, id: WebhookId, group: Vec<Due>) -> Result<(Option<Webhook>, Vec<(Due, Became)>), Error> {
    let db = &app.db;
    let webhook = find(db, &id).await?;
    let Some(hook) = webhook.as_ref().filter(|hook| hook.stopped_at.is_none()) else {
        return Ok((webhook, group.into_iter().map(|one| (one, Became::Back)).collect()));
    };
    // What is wrong with one webhook holds up no other.
    let keys =
        hook.keys(db, db.clock().now()).await.map_err(|fault| tracing::error!(webhook = %id, fault = fault.chain(), "a webhook cannot be told anything"));
    let mut out = Vec::with_capacity(group.len());
    let mut taken = true;
    for one in group {
        if !taken {
            out.push((one, Became::Back));
            continue;
        }
        let body = body_of(db, opens, hook, &one).await.map_err(|error| tracing::error!(webhook = %id, %error, "an event of a webhook cannot be read"));
        let (Ok(keys), Ok(body)) = (&keys, body) else {
            taken = false;
            out.push((one, Became::Later("unreadable")));
            continue;
        };
        let became = match post(app, client, hook, keys, &one.event_id, body).await {
            Told::Done => Became::Done,
            Told::Later(why) => Became::Later(why),
            Told::Never(why) => Became::Never(why),
            Told::Nowhere => Became::Later("no_connection"),
        };
        taken = matches!(became, Became::Done);
        out.push((one, became));
    }
    Ok((webhook, out))
}

async fn body_of(db: &Db, opens: &dyn Opens, hook: &Webhook, one: &Due) -> Result<String, Error> {
    // What happened before it was told texts it does not hear later.
    if hook.text_since.is_none_or(|since| one.at < since) {
        return Ok(one.body.clone());
    }
    let more = opens.open(db, &one.kind, &one.object_id).await?;
    let mut body: serde_json::Value = serde_json::from_str(&one.body).context("read what waits to be told")?;
    if let Some(data) = body.get_mut("data").and_then(serde_json::Value::as_object_mut) {
        data.extend(more);
    }
    Ok(body.to_string())
}

/// Posts one body, once.
async fn post(app: &App, client: &Client, hook: &Webhook, keys: &[hmac::Key], event: &str, body: String) -> Told {
    // The settings may have changed since it was made.
    if !Reach(app.config.webhook_networks.clone()).takes(&hook.url) {
        return Told::Later("address_refused");
    }
    let timestamp = seconds(app.db.clock().now()).to_string();
    let signatures: Vec<String> = keys.iter().map(|key| sign(key, event, &timestamp, &body)).collect();
    let request = client.post(&hook.url).header(CONTENT_TYPE, "application/json").header("webhook-id", event);
    let request = request.header("webhook-timestamp", timestamp).header("webhook-signature", signatures.join(" ")).body(body);
    match request.send().await {
        Ok(answer) => {
            let told = meaning(answer.status());
            // The status decides; what follows is read so far that the connection ends well, and dropped.
            let _ = client::read(answer, ANSWER_BYTES_MAX).await;
            told
        }
        Err(error) => Told::Later(client::trouble(&error)),
    }
}

/// Stops a webhook of which one event was given up, unless it took another since.
async fn stop_dead(app: &App, webhook: Option<Webhook>, since: Micros, why: &'static str) -> Result<(), Error> {
    let Some(webhook) = webhook else { return Ok(()) };
    let taken: i64 = app.db.query(sql::ANY_DONE_SINCE).bind(&webhook.id).bind(since).scalar().await?;
    if taken > 0 && why != "gone" {
        return Ok(());
    }
    let permit = app.policy.permit::<GiveUp>(&Actor::system(), &webhook.on()).map_err(|denied| Fault::with("the policy stops a webhook", denied))?;
    match give_up(&app.db, permit, &webhook, why).await {
        // Somebody changed it meanwhile, or it was stopped for another event.
        Err(Error::State) => Ok(()),
        done => done,
    }
}
