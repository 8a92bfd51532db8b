//! What the formats need to know of an entry, read from its leaf. What is absent is empty: a leaf holds no personal value, so
//! nothing here can be one.

use serde_json::Value;

use super::Line;

/// An entry taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its place.
    pub seq: i64,
    /// The leaf's hash in base64.
    pub hash: String,
    /// Id.
    pub id: String,
    /// The server's clock, as written.
    pub ts: String,
    /// The same in milliseconds since 1970.
    pub at_ms: i64,
    /// Act.
    pub action: String,
    /// Category.
    pub category: String,
    /// How it ended.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Kind of actor.
    pub actor_type: String,
    /// The actor's pseudonymous id.
    pub actor_id: String,
    /// Session or token, never its secret.
    pub session: String,
    /// The way in.
    pub via: String,
    /// Kind of object.
    pub object_type: String,
    /// Its id.
    pub object_id: String,
    /// The machine.
    pub node: String,
    /// The run of the server.
    pub boot: String,
    /// The program's version.
    pub version: String,
}

impl Event {
    /// Reads a leaf.
    #[must_use]
    pub fn of(line: &Line) -> Self {
        use base64::Engine as _;
        let leaf: Value = serde_json::from_str(&line.leaf).unwrap_or_default();
        let text = |path: &str| leaf.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let ts = text("/ts");
        Self {
            seq: line.seq,
            hash: base64::engine::general_purpose::STANDARD.encode(line.hash),
            id: text("/id"),
            at_ms: ts.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond),
            ts,
            action: text("/action"),
            category: text("/category"),
            outcome: text("/outcome"),
            reason: text("/reason"),
            actor_type: text("/actor/type"),
            actor_id: text("/actor/id"),
            session: text("/actor/session"),
            via: text("/actor/via"),
            object_type: text("/resource/type"),
            object_id: text("/resource/id"),
            node: text("/node"),
            boot: text("/boot"),
            version: text("/app/ver"),
        }
    }
}
