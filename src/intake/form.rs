//! The form behind a single-use link: the same questions as the conversation, answered at once.
//! Must stay true: a link opens one record, for a while, and once it was filled in never again; looking at the form changes
//! nothing, so that what a messenger looks up by itself does not use it up.

use std::collections::BTreeMap;

use super::{Brief, Error, Record, Submit, link_ix, person_ix, seal, seal_value, sql};
use crate::core::clock::DAY;
use crate::db::{Db, Detail};
use crate::flow::talk::{Phase, State as Talk};
use crate::flow::{Flow, Kind};
use crate::policy::Permit;

/// The field, what it asks for, and what was answered; empty when it was left out.
pub type Answer = (String, Kind, String);
/// The field, and the key of the text that says what is wrong.
pub type Refusal = (String, crate::flow::Refused);

/// The link of a token.
#[must_use]
pub fn href(public_url: &str, token: &str) -> String {
    format!("{public_url}/intake/form/{token}")
}

/// The open record of a link; none for one that is unknown, used or too old.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, token: &str) -> Result<Option<Record>, Error> {
    if token.len() > 100 {
        return Ok(None);
    }
    Ok(db.query(sql::OF_LINK).bind(link_ix(db, token)).bind(db.clock().now()).optional().await?)
}

/// Reads the answers of a form.
///
/// # Errors
/// Every field that cannot be taken, with the key of the text that says why.
pub fn answers(db: &Db, flow: &Flow, language: &str, given: &BTreeMap<String, String>) -> Result<Vec<Answer>, Vec<Refusal>> {
    let today = super::day(db.clock().now());
    let (mut out, mut wrong) = (Vec::new(), Vec::new());
    for question in flow.questions() {
        let text = given.get(&question.field).map_or("", String::as_str);
        if text.trim().is_empty() && question.skip {
            out.push((question.field.clone(), question.kind, String::new()));
            continue;
        }
        match flow.read(question, language, text, today) {
            Ok(value) => out.push((question.field.clone(), question.kind, value)),
            Err(key) => wrong.push((question.field.clone(), key)),
        }
    }
    if wrong.is_empty() { Ok(out) } else { Err(wrong) }
}

/// Keeps the answers of a form, and uses up its link.
///
/// # Errors
/// [`Error::NotFound`] when the link was used up, or ran out, meanwhile.
pub async fn submit(db: &Db, permit: Permit<Submit>, flow: &Flow, record: &Record, answers: &[Answer]) -> Result<(), Error> {
    let mut sealed = Vec::with_capacity(answers.len());
    let mut brief = Brief::default();
    for (field, kind, value) in answers {
        brief = brief.with(*kind, value);
        sealed.push((field, seal_value(db, &record.id, field, record.version + 1, value).await?));
    }
    let of = |kind| answers.iter().find(|(_, k, value)| *k == kind && !value.is_empty()).map(|(_, _, value)| value);
    let person = of(Kind::Name).zip(of(Kind::Birth)).map(|(name, birth)| person_ix(db, name, birth));
    let talk = Talk { phase: Phase::Rest, deleting: false, wrong: 0, messages: 0 };
    let (talk, brief) = (seal(db, &record.id, "talk", &talk).await?, seal(db, &record.id, "brief", &brief).await?);
    let consent = flow.language(&record.language).says("consent_version");
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    let write = tx.write(sql::STEP).bind(&record.id).bind(record.version).bind("complete").bind(Some(talk)).bind(Some(brief)).bind(person);
    let write = write.bind(Some(consent.to_owned())).bind(Some(now)).bind(now).bind(now + flow.retention_days * DAY).bind(Some(now)).bind(None::<i64>);
    if write.execute().await? != 1 {
        return Err(Error::NotFound);
    }
    for (field, value) in sealed {
        let insert = tx.write(sql::INSERT_VALUE).bind(&record.id).bind(field).bind(record.version + 1).bind(Some(value));
        insert.bind(super::by(None)).bind(now).execute().await?;
    }
    let count = i64::try_from(answers.len()).unwrap_or(i64::MAX);
    let detail = Detail::ok().with("flow", flow.name.as_str()).with("step", "completed").with("channel", "web").with("answers", count);
    tx.commit(permit, detail.with("consent_version", consent)).await?;
    Ok(())
}
