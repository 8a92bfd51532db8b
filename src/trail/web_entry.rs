//! One entry: its facts, its personal values as far as they still exist, its bytes, and the proof that it is in the log.

use axum::extract::Path;
use axum::http::{HeaderValue, Uri, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use super::Read;
use super::filter::Raw;
use super::read::{self, Opened, prove};
use super::web::{actor, entry_href, shown_outcome};
use crate::db::Detail;
use crate::db::keep::Erased;
use crate::http::download::content_disposition;
use crate::http::headers::{IsDownload, IsPrivate};
use crate::http::{self, Answer, App, Ctx, Fields, Signed};
use crate::policy::On;

#[derive(Serialize)]
struct Facts {
    seq: i64,
    id: String,
    at: i64,
    action: String,
    category: String,
    outcome: &'static str,
    reason: Option<String>,
    actor: String,
    actor_id: Option<String>,
    actor_type: String,
    session: Option<String>,
    auth: Option<String>,
    via: Option<String>,
    object_type: Option<String>,
    object_id: Option<String>,
    object_label: Option<String>,
    object_href: Option<String>,
    request_id: Option<String>,
    request_href: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Personal {
    name: String,
    value: Option<String>,
    wrong: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    field: String,
    before: Option<String>,
    after: Option<String>,
    hidden: bool,
    erased: bool,
    wrong: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Erasure {
    at: i64,
    seq: Option<i64>,
    href: Option<String>,
}

#[derive(Serialize)]
struct Fact {
    name: String,
    value: String,
}

#[derive(Serialize)]
struct ShownProof {
    size: u64,
    root: String,
    path: Vec<String>,
}

#[derive(Serialize)]
struct EntryPage {
    entry: Facts,
    alarms: Vec<String>,
    data: Vec<Fact>,
    personal: Vec<Personal>,
    changes: Vec<Change>,
    erasures: Vec<Erasure>,
    leaf: String,
    leaf_hash: String,
    prev_hash: String,
    proof: Option<ShownProof>,
    checkpoint: Option<String>,
    prev_href: Option<String>,
    next_href: Option<String>,
    proof_href: Option<String>,
    leaf_href: String,
}

/// The place an address asks for: the log's number, and the entry's.
fn place(ctx: &Ctx, seq: &str, uri: &Uri) -> Result<(Raw, i64, i64), http::Error> {
    let mut fields = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let raw = Raw { log: fields.optional("log")?.unwrap_or_default(), ..Raw::default() };
    fields.finish()?;
    let newest = ctx.app.db.log().0;
    let log = if raw.log.is_empty() { Some(newest) } else { raw.log.parse().ok().filter(|n| (1..=newest).contains(n)) };
    let is_plain = !seq.is_empty() && seq.bytes().all(|b| b.is_ascii_digit());
    let seq = seq.parse::<i64>().ok().filter(|_| is_plain);
    log.zip(seq).map(|(log, seq)| (raw, log, seq)).ok_or_else(http::Error::not_found)
}

pub(super) async fn get_entry(Signed { ctx, .. }: Signed, Path(seq): Path<String>, uri: Uri) -> Answer {
    let (raw, log, seq) = place(&ctx, &seq, &uri)?;
    let permit = ctx.permit::<Read>(&On::one("entry", seq)).await?;
    let db = &ctx.app.db;
    let entry = read::entry(db, log, seq).await?;
    db.record(permit, Detail::ok().with("log", log)).await?;
    let opened = entry.open(db).await?;
    let leaf = entry.leaf()?;
    let body: Value = serde_json::from_slice(&entry.body).unwrap_or_default();
    let proof = prove(db, log, seq).await?;
    let href = |seq: i64| entry_href(seq, &raw.log);
    let file = |name: &str| if raw.log.is_empty() { format!("/audit/{seq}/{name}") } else { format!("/audit/{seq}/{name}?log={log}") };
    let page = EntryPage {
        data: data(&body),
        personal: personal(&ctx.app, &body, &opened),
        changes: changes(&ctx.app, &body, &opened),
        erasures: erasures(db.log().0, &opened),
        leaf: String::from_utf8_lossy(&leaf).into_owned(),
        leaf_hash: STANDARD.encode(&entry.leaf_hash),
        prev_hash: STANDARD.encode(&entry.prev),
        checkpoint: proof.as_ref().map(|p| p.note.clone()),
        prev_href: (seq > 0).then(|| href(seq - 1)),
        next_href: (seq + 1 < read::size(db, log).await?).then(|| href(seq + 1)),
        proof_href: proof.as_ref().map(|_| file("proof")),
        leaf_href: file("leaf"),
        alarms: alarms(&ctx.app, &entry, &opened),
        proof: proof.map(|p| ShownProof { size: p.size, root: STANDARD.encode(p.root), path: p.path.iter().map(|h| STANDARD.encode(h)).collect() }),
        entry: facts(&ctx, &raw, &entry, &opened, &body),
    };
    ctx.page("audit/entry.html", page).await
}

/// What of this entry is not as the server wrote it, in words.
fn alarms(app: &App, entry: &read::Entry, opened: &Opened) -> Vec<String> {
    let hashed = (!entry.is_as_hashed()).then(|| app.text("alarm-leaf", &[]));
    let columns = entry.differing.iter().map(|column| app.text("alarm-column", &[("column", column)]));
    let address = opened.is_misplaced().then(|| app.text("alarm-column", &[("column", "address_ix")]));
    let sealed = (!opened.is_sound()).then(|| app.text("alarm-sealed", &[]));
    hashed.into_iter().chain(columns).chain(address).chain(sealed).collect()
}

/// The entries by which values of this one were erased.
fn erasures(log: i64, opened: &Opened) -> Vec<Erasure> {
    let href = |erased: &Erased| Some(entry_href(erased.seq?, &erased.log.filter(|of| *of != log).map_or_else(String::new, |log| log.to_string())));
    let mut out: Vec<Erasure> = opened.erased.iter().map(|e| Erasure { at: e.made_at, seq: e.seq, href: href(e) }).collect();
    out.dedup();
    out
}

fn facts(ctx: &Ctx, raw: &Raw, entry: &read::Entry, opened: &Opened, body: &Value) -> Facts {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let may_see_people = ctx.app.policy.can::<crate::identity::List>(&ctx.actor, &On::any("person"));
    let object_href = entry.said.resource.id.as_ref().filter(|id| id.starts_with("usr_") && may_see_people).map(|id| format!("/admin/users/{id}"));
    Facts {
        seq: entry.seq,
        id: entry.id.to_string(),
        at: entry.at,
        action: entry.said.action.clone(),
        category: entry.said.category.clone(),
        outcome: shown_outcome(&entry.said.outcome),
        reason: text("/reason"),
        actor: actor(ctx, entry, opened),
        actor_id: entry.said.actor.id.clone(),
        actor_type: entry.said.actor.kind.clone(),
        session: text("/actor/session"),
        auth: text("/actor/auth"),
        via: text("/actor/via"),
        object_type: Some(entry.said.resource.kind.clone()),
        object_id: entry.said.resource.id.clone(),
        object_label: opened.get("resource.label").map(str::to_owned),
        object_href,
        request_href: text("/request_id").map(|id| format!("/audit?{}", Raw { request: id, log: raw.log.clone(), ..Raw::default() }.query("", None))),
        request_id: text("/request_id"),
    }
}

/// The open facts of the act: hashes, sizes, counts, roles, states.
fn data(body: &Value) -> Vec<Fact> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    body.get("data").and_then(Value::as_object).into_iter().flatten().map(|(name, value)| Fact { name: name.clone(), value: shown(value) }).collect()
}

/// Every value the entry committed to, changes aside: its value as long as it was not erased.
fn personal(app: &App, body: &Value, opened: &Opened) -> Vec<Personal> {
    let fixed = [
        ("/actor/name_c", "actor.name", "actor_name"),
        ("/net/ip_c", "net.ip", "address"),
        ("/net/ua_c", "net.ua", "agent"),
        ("/resource/label_c", "resource.label", "label"),
    ];
    let value = |name: &str| opened.get(name).map(str::to_owned);
    let mut out: Vec<Personal> = fixed
        .into_iter()
        .filter(|(pointer, _, _)| body.pointer(pointer).is_some())
        .map(|(_, held, name)| Personal { name: name.to_owned(), value: value(held), wrong: opened.is_wrong(held) })
        .collect();
    for item in body.get("payload").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = item.get("name").and_then(Value::as_str) else { continue };
        let known = app.templates.texts.has(&format!("personal-{}", name.replace('_', "-")));
        let shown = if known { name } else { "other" };
        out.push(Personal { name: shown.to_owned(), value: value(name), wrong: opened.is_wrong(name) });
    }
    out
}

fn changes(app: &App, body: &Value, opened: &Opened) -> Vec<Change> {
    let mut out = Vec::new();
    for item in body.get("change").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = item.get("f").and_then(Value::as_str) else { continue };
        let key = format!("field-{}", name.replace('_', "-"));
        let field = if app.templates.texts.has(&key) { app.text(&key, &[]) } else { name.to_owned() };
        let side = |which: &str| (item.get(format!("{which}_c")).is_some(), opened.get(&format!("change.{name}.{which}")).map(str::to_owned));
        let ((had_before, before), (had_after, after)) = (side("before"), side("after"));
        let erased = (had_before && before.is_none()) || (had_after && after.is_none());
        let wrong = ["before", "after"].iter().any(|which| opened.is_wrong(&format!("change.{name}.{which}")));
        out.push(Change { field, hidden: !had_before && !had_after, erased, wrong: erased && wrong, before, after });
    }
    out
}

pub(super) async fn get_proof(Signed { ctx, .. }: Signed, Path(seq): Path<String>, uri: Uri) -> Answer {
    let (_, log, seq) = place(&ctx, &seq, &uri)?;
    let permit = ctx.permit::<Read>(&On::one("entry", seq)).await?;
    let db = &ctx.app.db;
    match read::entry(db, log, seq).await {
        // Its place and its hash stay, so it can still be proved.
        Ok(_) | Err(super::Error::Pruned) => {}
        Err(error) => return Err(error.into()),
    }
    let proof = prove(db, log, seq).await?.ok_or(super::Error::NoCheckpoint)?;
    db.record(permit, Detail::ok().with("log", log).with("part", "proof")).await?;
    let index = u64::try_from(seq).unwrap_or(0);
    let text = countersign_audit::write::proof_file(index, &proof.path, &proof.note);
    Ok(attachment(text.into_response(), &format!("entry-{seq}.tlog-proof"), "text/plain; charset=utf-8"))
}

/// The bytes that the log committed to, as they were hashed.
pub(super) async fn get_leaf(Signed { ctx, .. }: Signed, Path(seq): Path<String>, uri: Uri) -> Answer {
    let (_, log, seq) = place(&ctx, &seq, &uri)?;
    let permit = ctx.permit::<Read>(&On::one("entry", seq)).await?;
    let db = &ctx.app.db;
    let leaf = read::entry(db, log, seq).await?.leaf()?;
    db.record(permit, Detail::ok().with("log", log).with("part", "leaf")).await?;
    Ok(attachment(leaf.into_response(), &format!("entry-{seq}.json"), "application/octet-stream"))
}

/// Marks a response as a file to be kept.
pub(super) fn attachment(mut response: axum::response::Response, name: &str, kind: &'static str) -> axum::response::Response {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(&content_disposition(name)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_renders_with_everything_and_with_nothing() {
        let body: Value = serde_json::json!({ "data": { "n": 1, "roles": ["a", "b"], "x": "y" } });
        let facts = || Facts {
            seq: 1234,
            id: "evt_1".into(),
            at: 0,
            action: "trail.read".into(),
            category: "trail".into(),
            outcome: "done",
            reason: None,
            actor: "anna".into(),
            actor_id: None,
            actor_type: "person".into(),
            session: None,
            auth: None,
            via: None,
            object_type: None,
            object_id: Some("usr_1".into()),
            object_label: None,
            object_href: None,
            request_id: None,
            request_href: None,
        };
        let bare = EntryPage {
            entry: facts(),
            alarms: Vec::new(),
            data: data(&Value::Null),
            personal: Vec::new(),
            changes: Vec::new(),
            erasures: Vec::new(),
            leaf: "{}".into(),
            leaf_hash: String::new(),
            prev_hash: String::new(),
            proof: None,
            checkpoint: None,
            prev_href: None,
            next_href: None,
            proof_href: None,
            leaf_href: "/audit/1234/leaf".into(),
        };
        super::super::tests::render("audit/entry.html", &bare);
        let change = |hidden, erased| Change { field: "E-mail".into(), before: None, after: Some("<b>".into()), hidden, erased, wrong: erased };
        let full = EntryPage {
            data: data(&body),
            personal: ["actor_name", "address", "agent", "label", "filter", "other"]
                .map(|n| Personal { name: n.into(), value: None, wrong: n == "label" })
                .into(),
            alarms: vec!["a column".into()],
            changes: vec![change(false, false), change(true, false), change(false, true)],
            erasures: vec![Erasure { at: 0, seq: Some(9), href: Some("/audit/9".into()) }],
            proof: Some(ShownProof { size: 2000, root: "r".into(), path: vec!["h".into()] }),
            checkpoint: Some("note".into()),
            prev_href: Some("/audit/1".into()),
            next_href: Some("/audit/3".into()),
            proof_href: Some("/audit/2/proof".into()),
            ..bare
        };
        let page = super::super::tests::render("audit/entry.html", &full);
        assert!(page.contains("a, b") && page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
    }
}
