//! A seal as OSCAL JSON: the assessment results, and the plan of action and milestones; `oscal_plan` has the other two documents.
//! Must stay true: it says what `seal.json` says, and names its hash; the same seal gives the same bytes; whom a
//! record was held with is not in it; what does not hold shows nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::read::{items, text};

/// The version of OSCAL.
pub(super) const VERSION: &str = "1.2.1";
/// The namespace of properties that OSCAL does not define.
const NS: &str = "urn:countersign:oscal";

/// What a document is made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// `seal.json`.
    pub body: &'a Value,
    /// Its SHA-256, in hex.
    pub digest: &'a str,
}

/// A text that OSCAL wants to be there.
pub(super) fn said(text: &str) -> &str {
    if text.trim().is_empty() { "-" } else { text }
}

pub(super) fn prop(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NS, "value": value })
}

/// The token of an objective or a requirement: `3.1.1[a]` is `obj_3.1.1.a`.
pub(super) fn token(prefix: &str, id: &str) -> String {
    let plain: String = id.chars().filter(|c| *c != ']').map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '.' }).collect();
    format!("{prefix}_{plain}")
}

/// The instant at which a day begins.
fn at(day: &str) -> String {
    format!("{day}T00:00:00Z")
}

/// Puts a list into an object, unless it is empty: OSCAL knows no empty lists.
pub(super) fn put(object: &mut Value, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        object[key] = list.into();
    }
}

/// Milestones are lines: a day, perhaps `x` when it was reached, and what.
fn milestone(line: &str) -> (&str, &'static str, &str) {
    let (day, what) = line.split_once(' ').unwrap_or((line, ""));
    what.strip_prefix("x ").map_or((day, "open", what), |what| (day, "reached", what))
}

impl Source<'_> {
    /// A UUID that follows from the seal and a name (the layout of version 5).
    pub(super) fn uuid(&self, name: &str) -> String {
        let hash = Sha256::digest(format!("{}/{name}", self.digest));
        let mut bytes: [u8; 16] = std::array::from_fn(|n| hash[n]);
        bytes[6] = (bytes[6] & 0x0f) | 0x50;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = hex::encode(bytes);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    pub(super) fn metadata(&self, title: &str) -> Value {
        let body = self.body;
        json!({
            "title": format!("{title}: {}, {}", text(&body["system"], "name"), text(&body["assessment"], "name")),
            "last-modified": text(body, "sealed_at"),
            "version": text(body, "id"),
            "oscal-version": VERSION,
            "props": [prop("seal", text(body, "id")), prop("seal-sha256", self.digest), prop("status-date", text(body, "status_date"))],
        })
    }

    /// The plan of action and milestones; none when nothing stands on it, since OSCAL knows no empty one.
    #[must_use]
    pub fn poam(&self) -> Option<Value> {
        let plan = &self.body["plan"];
        let risks: Vec<Value> = items(plan, "items").map(|i| self.risk(i)).collect();
        if risks.is_empty() {
            return None;
        }
        let entry = |i: &Value| {
            let (id, requirement) = (text(i, "id"), text(i, "requirement"));
            json!({
                "uuid": self.uuid(&format!("item/{id}")),
                "title": requirement,
                "description": said(text(i, "weakness")),
                "props": [prop("requirement", requirement), prop("risk", said(text(i, "risk")))],
                "related-risks": [{ "risk-uuid": self.uuid(&format!("risk/{id}")) }],
            })
        };
        Some(json!({ "plan-of-action-and-milestones": {
            "uuid": self.uuid("poam"),
            "metadata": self.metadata("Plan of action and milestones"),
            "system-id": { "identifier-type": NS, "id": text(&self.body["system"], "id") },
            "risks": risks,
            "poam-items": items(plan, "items").map(entry).collect::<Vec<_>>(),
        } }))
    }

    fn risk(&self, item: &Value) -> Value {
        let id = text(item, "id");
        let task = |(n, line): (usize, &Value)| {
            let (day, state, what) = milestone(line.as_str().unwrap_or_default());
            json!({
                "uuid": self.uuid(&format!("task/{id}/{n}")),
                "type": "milestone",
                "title": said(what),
                "props": [prop("state", state)],
                "timing": { "on-date": { "date": at(day) } },
            })
        };
        let mut remediation = json!({
            "uuid": self.uuid(&format!("remediation/{id}")),
            "lifecycle": "planned",
            "title": text(item, "requirement"),
            "description": said(text(item, "remediation")),
        });
        put(&mut remediation, "tasks", items(item, "milestones").enumerate().map(task).collect());
        let mut risk = json!({
            "uuid": self.uuid(&format!("risk/{id}")),
            "title": text(item, "requirement"),
            "description": said(text(item, "weakness")),
            "statement": said(text(item, "weakness")),
            "status": "open",
            "remediations": [remediation],
        });
        if let Some(day) = item["due_on"].as_str() {
            risk["deadline"] = at(day).into();
        }
        risk
    }

    /// The assessment results: an observation for each piece of evidence and each record, a finding for each objective that was
    /// assessed.
    #[must_use]
    pub fn results(&self) -> Value {
        let body = self.body;
        let methods = self.methods();
        let there: BTreeSet<&str> = items(body, "artifacts").map(|a| text(a, "evidence")).collect();
        let mut observations: Vec<Value> = items(body, "artifacts").map(|a| self.artifact(a, &methods)).collect();
        observations.extend(items(body, "objectives").flat_map(|o| items(o, "records")).map(|r| self.record(r)));
        let mut result = json!({
            "uuid": self.uuid("result"),
            "title": said(text(&body["assessment"], "name")),
            "description": format!("{}, by {}", text(&body["system"], "name"), text(&body["assessment"], "framework")),
            "start": at(text(body, "status_date")),
            "props": self.scores(),
            "reviewed-controls": { "control-selections": [{ "include-all": {} }] },
        });
        put(&mut result, "observations", observations);
        put(&mut result, "findings", items(body, "objectives").filter_map(|o| self.finding(o, &there)).collect());
        // OSCAL wants a plan to import; that there is none is said where it points to.
        let plan = self.uuid("no-plan");
        json!({ "assessment-results": {
            "uuid": self.uuid("results"),
            "metadata": self.metadata("Assessment results"),
            "import-ap": { "href": format!("#{plan}"), "remarks": "There is no assessment plan in OSCAL." },
            "results": [result],
            "back-matter": { "resources": [{ "uuid": plan, "title": "No assessment plan in OSCAL" }] },
        } })
    }

    /// By which methods each piece of evidence was linked.
    fn methods(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let mut out: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for link in items(self.body, "objectives").flat_map(|o| items(o, "links")).filter(|l| !text(l, "method").is_empty()) {
            out.entry(text(link, "evidence")).or_default().insert(text(link, "method").to_ascii_uppercase());
        }
        out
    }

    fn artifact(&self, artifact: &Value, methods: &BTreeMap<&str, BTreeSet<String>>) -> Value {
        let evidence = text(artifact, "evidence");
        let methods = methods.get(evidence).cloned().unwrap_or_else(|| BTreeSet::from(["EXAMINE".to_owned()]));
        json!({
            "uuid": self.uuid(&format!("evidence/{evidence}")),
            "description": said(text(artifact, "name")),
            "methods": methods,
            "collected": text(artifact, "uploaded_at"),
            "relevant-evidence": [{
                // From the folder of the documents, where this lies.
                "href": format!("../{}", text(artifact, "file")),
                "description": said(text(artifact, "name")),
                "props": [prop("sha256", text(artifact, "sha256"))],
            }],
        })
    }

    fn record(&self, record: &Value) -> Value {
        let (method, day) = (text(record, "method"), text(record, "held_on"));
        let mut observation = json!({
            "uuid": self.uuid(&format!("record/{}", text(record, "id"))),
            "title": format!("{method} {day}"),
            "description": said(text(record, "said")),
            "methods": [method.to_ascii_uppercase()],
            "collected": at(day),
        });
        put(&mut observation, "props", record["flaw"].as_str().map(|flaw| prop("flaw", flaw)).into_iter().collect());
        observation
    }

    fn scores(&self) -> Vec<Value> {
        let score = |name: &str| self.body["scores"][name].as_i64().map_or_else(|| "none".to_owned(), |n| n.to_string());
        vec![prop("score-verified", &score("verified")), prop("score-projected", &score("projected"))]
    }

    fn finding(&self, objective: &Value, there: &BTreeSet<&str>) -> Option<Value> {
        let (id, found) = (text(objective, "id"), objective["finding"].as_str()?);
        let state = if found == "not_met" || objective["why"].is_string() { "not-satisfied" } else { "satisfied" };
        let holds = |v: &&Value| v["flaw"].is_null();
        let links: BTreeSet<&str> = items(objective, "links").filter(holds).map(|l| text(l, "evidence")).filter(|e| there.contains(e)).collect();
        let shown = links.into_iter().map(|e| format!("evidence/{e}"));
        let records = items(objective, "records").filter(holds).map(|r| format!("record/{}", text(r, "id")));
        let related = shown.chain(records).map(|name| json!({ "observation-uuid": self.uuid(&name) })).collect();
        let because = text(objective, "because");
        let mut props = vec![prop("objective", id), prop("requirement", text(objective, "requirement")), prop("finding", found)];
        if let Some(why) = objective["why"].as_str() {
            props.push(prop("why", why));
        }
        let mut finding = json!({
            "uuid": self.uuid(&format!("finding/{id}")),
            "title": id,
            "description": said(if because.is_empty() { text(objective, "notes") } else { because }),
            "props": props,
            "target": { "type": "objective-id", "target-id": token("obj", id), "status": { "state": state } },
        });
        put(&mut finding, "related-observations", related);
        Some(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_and_uuids_follow_from_the_seal() {
        assert_eq!([token("obj", "3.1.1[a]"), token("obj", "3.4.4"), token("req", "AC-2 (1)")], ["obj_3.1.1.a", "obj_3.4.4", "req_AC-2..1."]);
        let body = json!({});
        let (from, other) = (Source { body: &body, digest: "ab" }, Source { body: &body, digest: "cd" });
        let uuid = from.uuid("x");
        assert_eq!(uuid, from.uuid("x"));
        assert!(uuid != from.uuid("y") && uuid != other.uuid("x"));
        assert!(uuid.len() == 36 && &uuid[14..15] == "5" && "89ab".contains(&uuid[19..20]), "{uuid}");
    }

    #[test]
    fn a_milestone_is_a_day_a_mark_and_what() {
        assert_eq!(milestone("2026-03-31 it is ordered"), ("2026-03-31", "open", "it is ordered"));
        assert_eq!(milestone("2026-03-31 x it is ordered"), ("2026-03-31", "reached", "it is ordered"));
        assert_eq!(milestone("2026-03-31"), ("2026-03-31", "open", ""));
    }
}
