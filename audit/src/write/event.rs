//! Events: what happened, before it has a place in the log.
//!
//! The field grammar here is that of version 1 in `README.md`, which is final: a body that this module
//! renders is one the verifier accepts. Personal values appear only as commitments (`*_c`).

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Error, Hash, checkpoint,
    json::{INTEGER_MAX, Value, is_name},
    leaf::BODY_BYTES_MAX,
    time,
};

/// Version of the leaf format, the value of `v`.
pub const VERSION: i64 = 1;

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was refused because the actor may not do it.
    Denied,
    /// It was allowed and did not succeed, for a reason that belongs to its matter.
    Failed,
    /// It broke off by a fault of the system.
    Error,
    /// Whether it took effect cannot be known.
    Unknown,
}

impl Outcome {
    /// The word that stands in the leaf.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }
}

/// The program that wrote the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Identifier of the build, e.g. a revision.
    pub build: String,
    /// Version, e.g. `0.1.0`.
    pub ver: String,
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Kind of actor, `[a-z][a-z0-9_]*`, e.g. `person`, `token`, `system`, `anonymous`.
    pub kind: String,
    /// Pseudonymous identifier, if the actor has one.
    pub id: Option<String>,
    /// Commitment to the actor's name at the time.
    pub name_c: Option<Hash>,
    /// Identifier of the session (never its secret).
    pub session: Option<String>,
    /// How the actor proved who they are, e.g. `password+totp`.
    pub auth: Option<String>,
    /// The way in, e.g. `web`, `api`, `console`.
    pub via: Option<String>,
}

/// Where the request came from. Left out of the leaf when both are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Net {
    /// Commitment to the address.
    pub ip_c: Option<Hash>,
    /// Commitment to the user agent.
    pub ua_c: Option<Hash>,
}

/// What was acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Kind of thing, `[a-z][a-z0-9_]*`, e.g. `message`.
    pub kind: String,
    /// Its identifier, unless the act made none or was on the kind as a whole.
    pub id: Option<String>,
    /// Commitment to its label at the time.
    pub label_c: Option<Hash>,
}

/// One field that the act changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name of the field.
    pub field: String,
    /// Commitment to the value before.
    pub before_c: Option<Hash>,
    /// Commitment to the value after.
    pub after_c: Option<Hash>,
}

/// One value kept beside the trail, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Name of the value, which its commitment binds.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// Commitment to it.
    pub commitment: Hash,
}

/// One event. Optional fields that are absent, and lists and maps that are empty, are not rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Origin of the log, e.g. `countersign.example/audit/1`: 1 to 255 bytes, no spaces, no `+`.
    pub log: String,
    /// `evt_` and 32 lower-case hex digits.
    pub id: String,
    /// Wall clock, in microseconds since the Unix epoch.
    pub ts_us: i64,
    /// Identifier of this run of the server, new at each start.
    pub boot: String,
    /// Monotonic clock since that start, in microseconds.
    pub mono_us: u64,
    /// The program.
    pub app: App,
    /// Name of the machine or replica.
    pub node: String,
    /// Who acted.
    pub actor: Actor,
    /// Identifier of the one on whose behalf they acted.
    pub on_behalf_of: Option<String>,
    /// Where from.
    pub net: Net,
    /// What was done: `domain.act`, two or more `[a-z][a-z0-9_]*` joined by dots.
    pub action: String,
    /// Kind of act, `[a-z][a-z0-9_]*`.
    pub category: String,
    /// What it was done to.
    pub resource: Resource,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, in words without personal values.
    pub reason: Option<String>,
    /// Identifier of the request.
    pub request_id: Option<String>,
    /// The request's idempotency key, or a hash of it.
    pub idem: Option<String>,
    /// What changed.
    pub change: Vec<Change>,
    /// What is kept sealed beside the trail.
    pub payload: Vec<Payload>,
    /// The person whose data key seals the committed values, so that they can be erased together.
    pub subject: Option<String>,
    /// Identifiers of entries or things this one refers to.
    pub refs: Vec<String>,
    /// Values that are not personal, in clear: hashes, sizes, counts, roles, states.
    pub data: BTreeMap<String, Value>,
}

impl Event {
    /// The canonical body: what is stored when the act commits, before the entry has its place.
    ///
    /// # Errors
    /// [`Error::Field`] for a field outside its grammar; [`Error::Key`], [`Error::Integer`] or
    /// [`Error::Depth`] for `data` without a canonical form; [`Error::TooLong`] when the leaf could
    /// exceed 65,535 bytes.
    pub fn body(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let mut body = Object::default();
        body.put("v", VERSION);
        body.put("log", &*self.log);
        body.put("id", &*self.id);
        body.put("ts", time::rfc3339(self.ts_us)?);
        body.put("boot", &*self.boot);
        body.put("mono_us", count("mono_us", self.mono_us)?);
        body.put("app", Object::of([("build", &*self.app.build), ("ver", &*self.app.ver)]));
        body.put("node", &*self.node);
        body.put("actor", self.actor.value());
        body.text("on_behalf_of", self.on_behalf_of.as_deref());
        if self.net != Net::default() {
            let mut net = Object::default();
            net.hash("ip_c", self.net.ip_c.as_ref());
            net.hash("ua_c", self.net.ua_c.as_ref());
            body.put("net", net);
        }
        body.put("action", &*self.action);
        body.put("category", &*self.category);
        body.put("resource", self.resource.value());
        body.put("outcome", self.outcome.as_str());
        body.text("reason", self.reason.as_deref());
        body.text("request_id", self.request_id.as_deref());
        body.text("idem", self.idem.as_deref());
        body.list("change", self.change.iter().map(Change::value).collect());
        body.list("payload", self.payload.iter().map(Payload::value).collect::<Result<_, _>>()?);
        body.text("subject", self.subject.as_deref());
        body.list("refs", self.refs.iter().map(|r| Value::from(&**r)).collect());
        if !self.data.is_empty() {
            body.put("data", self.data.clone());
        }
        let bytes = Value::from(body).canonical()?;
        if bytes.len() > BODY_BYTES_MAX {
            return Err(Error::TooLong { body_bytes: bytes.len() });
        }
        Ok(bytes)
    }

    fn check(&self) -> Result<(), Error> {
        must(checkpoint::is_key_name(&self.log), "log", "1 to 255 bytes without spaces or `+`")?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let id_fits = self.id.strip_prefix("evt_").is_some_and(|t| t.len() == 32 && t.bytes().all(hex));
        must(id_fits, "id", "`evt_` and 32 lower-case hex digits")?;
        let parts = self.action.split('.').count();
        must(parts >= 2 && self.action.split('.').all(is_name), "action", "two or more `[a-z][a-z0-9_]*` joined by dots")?;
        for (field, name) in [("category", &self.category), ("actor.type", &self.actor.kind), ("resource.type", &self.resource.kind)] {
            must(is_name(name), field, "`[a-z][a-z0-9_]*`")?;
        }
        Ok(())
    }
}

impl Actor {
    fn value(&self) -> Object {
        let mut out = Object::of([("type", &*self.kind)]);
        out.text("id", self.id.as_deref());
        out.hash("name_c", self.name_c.as_ref());
        out.text("session", self.session.as_deref());
        out.text("auth", self.auth.as_deref());
        out.text("via", self.via.as_deref());
        out
    }
}

impl Resource {
    fn value(&self) -> Object {
        let mut out = Object::of([("type", &*self.kind)]);
        out.text("id", self.id.as_deref());
        out.hash("label_c", self.label_c.as_ref());
        out
    }
}

impl Change {
    fn value(&self) -> Value {
        let mut out = Object::of([("f", &*self.field)]);
        out.hash("before_c", self.before_c.as_ref());
        out.hash("after_c", self.after_c.as_ref());
        out.into()
    }
}

impl Payload {
    fn value(&self) -> Result<Value, Error> {
        let mut out = Object::of([("name", &*self.name)]);
        out.put("len", count("payload.len", self.len)?);
        out.hash("c", Some(&self.commitment));
        Ok(out.into())
    }
}

/// An object in the making, which knows that absent things are left out.
#[derive(Default)]
struct Object(BTreeMap<String, Value>);

impl Object {
    fn of<const N: usize>(fields: [(&str, &str); N]) -> Self {
        Self(fields.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect())
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.put(key, text);
        }
    }

    fn hash(&mut self, key: &str, hash: Option<&Hash>) {
        if let Some(hash) = hash {
            self.put(key, BASE64_STANDARD.encode(hash));
        }
    }

    fn list(&mut self, key: &str, items: Vec<Value>) {
        if !items.is_empty() {
            self.put(key, items);
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Map(object.0)
    }
}

fn must(holds: bool, field: &'static str, must: &'static str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Field { field, must }) }
}

fn count(field: &'static str, value: u64) -> Result<i64, Error> {
    i64::try_from(value).ok().filter(|count| *count <= INTEGER_MAX).ok_or(Error::Field { field, must: "at most 2^53 − 1" })
}
