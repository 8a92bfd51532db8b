//! The columns of an event beside its body. They serve searches; what is shown and believed is the body, which the log commits to.
//! Must stay true: every column that repeats the body is compared here, so that a hand in the columns alone does not stay hidden.

use countersign_audit::write::time::rfc3339;
use serde::Deserialize;

use crate::core::clock::Micros;

/// What the body of an event says of itself, as far as columns repeat it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Said {
    /// The event's id.
    #[serde(default)]
    pub id: String,
    /// When, as the leaf writes it.
    #[serde(default)]
    pub ts: String,
    /// Who acted.
    #[serde(default)]
    pub actor: SaidOf,
    /// The act.
    #[serde(default)]
    pub action: String,
    /// Its category.
    #[serde(default)]
    pub category: String,
    /// What was acted on.
    #[serde(default)]
    pub resource: SaidOf,
    /// How it ended.
    #[serde(default)]
    pub outcome: String,
    /// Whose key seals the values of whom it concerns.
    pub subject: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// Where from.
    #[serde(default)]
    pub net: SaidNet,
}

/// A kind and an id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SaidOf {
    /// The kind.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The id.
    pub id: Option<String>,
}

/// Where an act came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SaidNet {
    /// The commitment to the address.
    pub ip_c: Option<String>,
}

crate::row! {
    /// The columns of an event that repeat its body.
    #[derive(Clone, Debug)]
    pub struct Columns {
        /// Id.
        pub id: String,
        /// When.
        pub at: i64,
        /// Kind of actor.
        pub actor_kind: String,
        /// The actor's id.
        pub actor_id: Option<String>,
        /// The act.
        pub action: String,
        /// Its category.
        pub category: String,
        /// Kind of object.
        pub object_kind: String,
        /// The object's id.
        pub object_id: Option<String>,
        /// How it ended.
        pub outcome: String,
        /// The blind index of the address.
        pub address_ix: Option<String>,
        /// Whose key seals the values of whom it concerns.
        pub subject: Option<String>,
        /// The request.
        pub request_id: Option<String>,
    }
}

impl Said {
    /// Reads a body; none when it is not that of an event.
    #[must_use]
    pub fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The instant, when it can be read.
    #[must_use]
    pub fn at(&self) -> Option<Micros> {
        self.ts.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
    }
}

impl Columns {
    /// The columns that say something else than the body. Of the address only the presence can be told: its index is keyed.
    #[must_use]
    pub fn differing(&self, body: &[u8]) -> Vec<&'static str> {
        match Said::of(body) {
            Some(said) => self.differing_from(&said),
            None => vec!["body"],
        }
    }

    /// The same, for a body that was read already.
    #[must_use]
    pub fn differing_from(&self, said: &Said) -> Vec<&'static str> {
        let pairs = [
            ("id", self.id == said.id),
            ("at", rfc3339(self.at).is_ok_and(|ts| ts == said.ts)),
            ("actor_kind", self.actor_kind == said.actor.kind),
            ("actor_id", self.actor_id == said.actor.id),
            ("action", self.action == said.action),
            ("category", self.category == said.category),
            ("object_kind", self.object_kind == said.resource.kind),
            ("object_id", self.object_id == said.resource.id),
            ("outcome", self.outcome == said.outcome),
            ("address_ix", self.address_ix.is_some() == said.net.ip_c.is_some()),
            ("subject", self.subject == said.subject),
            ("request_id", self.request_id == said.request_id),
        ];
        pairs.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"action":"a.b","actor":{"id":"usr_1","type":"person"},"category":"c","id":"evt_1","net":{"ip_c":"x"},"outcome":"ok","request_id":"req_1","resource":{"id":"o","type":"entry"},"subject":"usr_2","ts":"2026-01-15T12:00:00.000001Z"}"#;

    fn columns() -> Columns {
        let some = |text: &str| Some(text.to_owned());
        Columns {
            id: "evt_1".into(),
            at: 1_768_478_400_000_001,
            actor_kind: "person".into(),
            actor_id: some("usr_1"),
            action: "a.b".into(),
            category: "c".into(),
            object_kind: "entry".into(),
            object_id: some("o"),
            outcome: "ok".into(),
            address_ix: some("ix"),
            subject: some("usr_2"),
            request_id: some("req_1"),
        }
    }

    #[test]
    fn each_column_is_held_against_the_body() {
        assert!(columns().differing(BODY.as_bytes()).is_empty());
        type Change = fn(&mut Columns);
        let changes: [(&str, Change); 12] = [
            ("id", |c| c.id = "evt_2".into()),
            ("at", |c| c.at += 1),
            ("actor_kind", |c| c.actor_kind = "system".into()),
            ("actor_id", |c| c.actor_id = None),
            ("action", |c| c.action = "a.c".into()),
            ("category", |c| c.category = "d".into()),
            ("object_kind", |c| c.object_kind = "x".into()),
            ("object_id", |c| c.object_id = Some("p".into())),
            ("outcome", |c| c.outcome = "denied".into()),
            ("address_ix", |c| c.address_ix = None),
            ("subject", |c| c.subject = None),
            ("request_id", |c| c.request_id = None),
        ];
        for (name, change) in changes {
            let mut changed = columns();
            change(&mut changed);
            assert_eq!(changed.differing(BODY.as_bytes()), [name]);
        }
        assert_eq!(columns().differing(b"{"), ["body"]);
        assert_eq!(Said::of(BODY.as_bytes()).and_then(|s| s.at()), Some(1_768_478_400_000_001));
    }
}
