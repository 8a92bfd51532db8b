//! From a permit and a detail to the event row: the canonical body with its commitments, and the sealed personal values.
//! The sealed part is one JSON object per subject: `{"name": {"k": base64 commitment key, "v": value}}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::write::Hash;
use countersign_audit::write::commitment::commit;
use countersign_audit::write::event::{Actor as LeafActor, App, Change, Event, Net, Payload, Resource as LeafResource};

use super::{Db, DbError, Detail};
use crate::core::clock::Micros;
use crate::core::fault::Context as _;
use crate::core::id::EventId;
use crate::policy::{Actor, Auth, On, Who};
use crate::store::{Pending, Work};
use crate::vault::{DataKey, Place};

const INSERT: &str = "insert into audit_event (id, at, body, actor_kind, actor_id, action, category, object_kind, object_id, outcome, address_ix, subject, request_id) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
/// PostgreSQL only: the event, and its place in the sequencer's queue.
const INSERT_QUEUED: &str = "with e as (insert into audit_event (id, at, body, actor_kind, actor_id, action, category, object_kind, object_id, outcome, address_ix, subject, request_id) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning id) insert into audit_pending (event_id) select id from e";
const SEAL: &str = "insert into audit_payload (event_id, part, subject, sealed) values ($1, $2, $3, $4)";
const SEAL_TWO: &str = "insert into audit_payload (event_id, part, subject, sealed) values ($1, $2, $3, $4), ($5, $6, $7, $8)";
/// Every portable statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[INSERT, SEAL, SEAL_TWO];

/// The column of blind indexes of client addresses.
pub const ADDRESS_INDEX: &str = "address";

/// What the entry is about.
pub(super) struct About<'a> {
    pub actor: &'a Actor,
    pub action: &'static str,
    pub category: &'a str,
    pub on: &'a On,
}

/// The data keys that seal its personal values.
pub(super) struct Keys<'a> {
    pub actor: &'a (String, Arc<DataKey>),
    pub subject: Option<&'a (String, Arc<DataKey>)>,
}

/// Personal values gathered for one subject.
#[derive(Default)]
struct Sealed(BTreeMap<String, (String, String)>);

impl Sealed {
    /// Takes a value in and gives its commitment.
    fn take(&mut self, db: &Db, name: &str, value: &str) -> Hash {
        let key = db.rng().bytes::<32>();
        self.0.insert(name.to_owned(), (STANDARD.encode(key), value.to_owned()));
        commit(&key, name, value.as_bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        let map: serde_json::Map<String, serde_json::Value> =
            self.0.iter().map(|(name, (k, v))| (name.clone(), serde_json::json!({ "k": k, "v": v }))).collect();
        serde_json::Value::Object(map).to_string().into_bytes()
    }
}

/// Whose key seals the values of the actor: the person's own, or the month's for strangers.
pub(super) fn actor_subject(actor: &Actor, now: Micros) -> String {
    match &actor.who {
        Who::Person { id, .. } => id.to_string(),
        Who::Stranger => {
            let month = jiff::Timestamp::from_microsecond(now).map_or_else(|_| "0".to_owned(), |t| t.strftime("%Y-%m").to_string());
            format!("strangers/{month}")
        }
        Who::Console => "console".into(),
        Who::System => "system".into(),
    }
}

/// Writes the event row and its sealed values; gives what the sequencer links.
pub(super) async fn insert(db: &Db, work: &mut Work, id: &EventId, about: &About<'_>, detail: &Detail, keys: &Keys<'_>) -> Result<Pending, DbError> {
    let mut of_actor = Sealed::default();
    let mut of_subject = Sealed::default();
    let event = build(db, id, about, detail, keys.subject.map(|k| k.0.as_str()), &mut of_actor, &mut of_subject);
    let body = event.body().context("render an audit entry")?;
    let address_ix = about.actor.origin.address.map(|a| db.vault().blind(ADDRESS_INDEX, &a.to_string()));
    let queued = !db.store().is_sqlite() && !db.in_fault();
    work.query(if queued { INSERT_QUEUED } else { INSERT })
        .bind(id)
        .bind(event.ts_us)
        .bind(body.clone())
        .bind(about.actor.kind())
        .bind(about.actor.person().cloned())
        .bind(about.action)
        .bind(about.category)
        .bind(about.on.kind)
        .bind(about.on.id.clone())
        .bind(detail.outcome.as_str())
        .bind(address_ix)
        .bind(event.subject.clone())
        .bind(event.request_id.clone())
        .execute()
        .await?;
    let subject = keys.subject.unwrap_or(keys.actor);
    let parts = [("actor", of_actor, keys.actor), ("subject", of_subject, subject)];
    let parts: Vec<_> = parts.iter().filter(|(_, sealed, _)| !sealed.0.is_empty()).collect();
    if !parts.is_empty() {
        let statement = work.query(if parts.len() == 2 { SEAL_TWO } else { SEAL });
        let statement = parts.into_iter().fold(statement, |statement, (part, sealed, key)| {
            let place = Place { table: "audit_payload", row: id.as_str(), column: part };
            statement.bind(id).bind(*part).bind(key.0.as_str()).bind(key.1.seal(&place, &sealed.bytes(), db.rng()))
        });
        statement.execute().await?;
    }
    Ok(Pending { id: id.to_string(), body })
}

fn build(db: &Db, id: &EventId, about: &About<'_>, detail: &Detail, subject: Option<&str>, of_actor: &mut Sealed, of_subject: &mut Sealed) -> Event {
    let (actor, on, process) = (about.actor, about.on, db.process());
    let (session, auth, via, name) = match &actor.who {
        Who::Person { name, auth: Auth::Session(s), .. } => (Some(s.to_string()), Some("password+totp"), "web", Some(name)),
        Who::Person { name, auth: Auth::Token(t), .. } => (Some(t.to_string()), Some("token"), "api", Some(name)),
        Who::Stranger => (None, None, "web", None),
        Who::Console => (None, Some("console"), "console", None),
        Who::System => (None, None, "system", None),
    };
    Event {
        log: db.log().1,
        id: id.to_string(),
        ts_us: db.clock().now(),
        boot: process.boot.clone(),
        mono_us: u64::try_from(db.clock().monotonic()).unwrap_or(0),
        app: App { build: process.build.clone(), ver: process.version.clone() },
        node: process.node.clone(),
        actor: LeafActor {
            kind: actor.kind().into(),
            id: actor.person().map(ToString::to_string),
            name_c: name.map(|n| of_actor.take(db, "actor.name", n)),
            session,
            auth: auth.map(Into::into),
            via: Some(via.into()),
        },
        on_behalf_of: None,
        net: Net {
            ip_c: actor.origin.address.map(|a| of_actor.take(db, "net.ip", &a.to_string())),
            ua_c: actor.origin.agent.as_ref().map(|a| of_actor.take(db, "net.ua", a)),
        },
        action: about.action.into(),
        category: about.category.into(),
        resource: LeafResource { kind: on.kind.into(), id: on.id.clone(), label_c: on.label.as_ref().map(|l| of_subject.take(db, "resource.label", l)) },
        outcome: detail.outcome,
        reason: detail.reason.clone(),
        request_id: actor.origin.request.as_ref().map(ToString::to_string),
        idem: detail.key.clone(),
        change: detail
            .changes
            .iter()
            .map(|c| Change {
                field: c.field.into(),
                before_c: c.before.as_ref().map(|v| of_subject.take(db, &format!("change.{}.before", c.field), v)),
                after_c: c.after.as_ref().map(|v| of_subject.take(db, &format!("change.{}.after", c.field), v)),
            })
            .collect(),
        payload: detail
            .personal
            .iter()
            .map(|(name, value)| Payload { name: (*name).into(), len: value.len() as u64, commitment: of_subject.take(db, name, value) })
            .collect(),
        subject: subject.map(str::to_owned),
        refs: Vec::new(),
        data: detail.data.clone(),
    }
}
