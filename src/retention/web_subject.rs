//! Looking somebody up whom the trail may hold values of, and erasing them.
//! Must stay true: an erasure is asked for by a person, with password and code given a moment ago, and typed out.

use axum::http::Uri;
use serde::Serialize;

use super::erase::{self, BASES, REQUESTERS, Request};
use super::web::{entry_href, looked, permitted, take_reason};
use super::{Erase, Error, Place, hold};
use crate::core::clock::Micros;
use crate::core::id::PersonId;
use crate::core::text::Username;
use crate::db::keep::{is_erasable, number_subject};
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, Ctx, Signed};
use crate::identity;
use crate::policy::On;

/// Characters of what is looked for.
const WHO_CHARS_MAX: usize = 100;
/// Digits of a number, as E.164 has them.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

#[derive(Serialize)]
struct Choice {
    value: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Found {
    subject: String,
    kind: &'static str,
    name: Option<String>,
    entries: i64,
    active: bool,
    held: bool,
    erased_at: Option<Micros>,
    erased_href: Option<String>,
    may_erase: bool,
    may_hold: bool,
}

#[derive(Serialize)]
struct Row {
    subject: String,
    basis: String,
    requester: String,
    entries: i64,
    by: String,
    at: Micros,
    done: bool,
    href: Option<String>,
}

#[derive(Serialize)]
struct SubjectsPage {
    who: String,
    found: Option<Found>,
    missing: bool,
    bases: Vec<Choice>,
    requesters: Vec<Choice>,
    erasures: Vec<Row>,
    form: FormState,
}

/// Whom a text names: a subject by its id, a person by name, or a number in its international form.
async fn subject_of(ctx: &Ctx, who: &str) -> Result<Option<String>, http::Error> {
    if is_erasable(who) {
        return Ok(Some(who.to_owned()));
    }
    let digits = who.strip_prefix('+').map(|rest| rest.chars().filter(|c| !" -().".contains(*c)).collect::<String>());
    if let Some(digits) = digits.filter(|d| DIGITS.contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit())) {
        return Ok(Some(number_subject(ctx.app.db.vault(), &format!("+{digits}"))));
    }
    let Ok(name) = Username::parse(who) else { return Ok(None) };
    Ok(identity::by_username(&ctx.app.db, &name).await?.map(|person| person.id.to_string()))
}

async fn found(ctx: &Ctx, subject: String) -> Result<Option<Found>, http::Error> {
    let (db, policy) = (&ctx.app.db, &ctx.app.policy);
    let person = match subject.parse::<PersonId>() {
        Ok(id) => identity::by_id(db, &id).await?,
        Err(_) => None,
    };
    let erased = db.erased(&subject).await?;
    let entries = erase::sealed_entries(db, &subject).await?;
    if person.is_none() && erased.is_none() && entries == 0 && !db.vault().has_key(&subject).await? {
        return Ok(None);
    }
    let active = person.as_ref().is_some_and(|p| p.disabled_at.is_none() && p.deleted_at.is_none());
    let held = hold::is_held(db, &subject).await?;
    Ok(Some(Found {
        kind: if subject.starts_with("usr_") { "person" } else { "number" },
        name: person.map(|p| p.display_name),
        entries,
        active,
        held,
        may_erase: erased.is_none() && !active && !held && policy.can::<Erase>(&ctx.actor, &erase::on(&subject)),
        may_hold: erased.is_none() && policy.can::<Place>(&ctx.actor, &On::any("hold")),
        erased_at: erased.as_ref().map(|e| e.made_at),
        erased_href: erased.and_then(|e| entry_href(db, e.log, e.seq)),
        subject,
    }))
}

async fn page(ctx: &Ctx, who: String, form: FormState) -> Result<SubjectsPage, http::Error> {
    let db = &ctx.app.db;
    let asked = !who.is_empty();
    let found = match subject_of(ctx, who.trim()).await? {
        Some(subject) if asked => found(ctx, subject).await?,
        Some(_) | None => None,
    };
    let choices = |of: &[&'static str], kind: &str| {
        of.iter().map(|value| Choice { value, text: ctx.app.text(&format!("{kind}-{}", value.replace('_', "-")), &[]) }).collect::<Vec<_>>()
    };
    let row = |x: erase::Listed| Row {
        basis: ctx.app.text(&format!("basis-{}", x.basis.replace('_', "-")), &[]),
        requester: ctx.app.text(&format!("requester-{}", x.requester), &[]),
        entries: x.entries,
        by: x.eraser,
        at: x.made_at,
        done: x.destroyed_at.is_some(),
        href: entry_href(db, x.entry_log, x.entry_seq),
        subject: x.subject,
    };
    Ok(SubjectsPage {
        missing: asked && found.is_none(),
        who,
        found,
        bases: choices(&BASES, "basis"),
        requesters: choices(&REQUESTERS, "requester"),
        erasures: erase::list(db).await?.into_iter().map(row).collect(),
        form,
    })
}

pub(super) async fn get_subjects(Signed { ctx, person }: Signed, uri: Uri) -> Answer {
    looked(&ctx, &person, &["subjects"]).await?;
    let mut fields = Fields::parse(uri.query().unwrap_or_default().as_bytes())?;
    let who = fields.optional("who")?.unwrap_or_default();
    fields.finish()?;
    if who.chars().count() > WHO_CHARS_MAX {
        return Err(http::Error::field("who", format!("may have {WHO_CHARS_MAX} characters at most")));
    }
    let page = page(&ctx, who, FormState::default()).await?;
    ctx.page("audit/subjects.html", page).await
}

pub(super) async fn post_erase(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let _permit = permitted::<Erase>(&ctx, &On::any("number"), "/audit/subjects").await?;
    // A token cannot erase: nobody proves themselves at the moment it is used.
    if ctx.session.is_none() {
        return Err(http::Error::new(axum::http::StatusCode::FORBIDDEN, "forbidden"));
    }
    let mut form = FormState::default();
    let subject = fields.one("subject")?;
    let (basis, requester, typed) = (fields.one("basis")?, fields.one("requester")?, fields.one("typed")?);
    let reason = take_reason(&ctx, &mut fields, &mut form)?;
    fields.finish()?;
    if !is_erasable(&subject) {
        return Err(http::Error::not_found());
    }
    for (name, value, known) in [("basis", &basis, &BASES[..]), ("requester", &requester, &REQUESTERS[..])] {
        if !known.contains(&value.as_str()) {
            form.wrong(name, ctx.app.text("error-choice", &[]));
        }
    }
    if typed.trim() != ctx.app.text("erase-typed", &[]) {
        form.wrong("typed", ctx.app.text("error-typed-differ", &[]));
    }
    let form = form.keep("basis", basis.as_str()).keep("requester", requester.as_str()).keep("typed", typed);
    if !form.is_fine() {
        let page = page(&ctx, subject, form).await?;
        return ctx.again("audit/subjects.html", page).await;
    }
    let permit = permitted::<Erase>(&ctx, &erase::on(&subject), "/audit/subjects").await?;
    let request = Request { by: &person, basis: &basis, requester: &requester, reason: &reason };
    let key = match erase::erase(&ctx.app.db, permit, &subject, request).await {
        Ok(_) => return Ok(ctx.go("/audit/subjects", "erased")),
        Err(Error::Held) => "error-erase-held",
        Err(Error::Active) => "error-erase-active",
        Err(Error::State) => "error-erase-before",
        Err(error) => return Err(error.into()),
    };
    let form = form.saying(ctx.app.text(key, &[]));
    let page = page(&ctx, subject, form).await?;
    ctx.again("audit/subjects.html", page).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_renders_full_and_empty() {
        let texts = http::texts::Texts::english();
        for (kind, of) in [("basis", &BASES[..]), ("requester", &REQUESTERS[..])] {
            for value in of {
                assert!(texts.has(&format!("{kind}-{}", value.replace('_', "-"))), "{kind} {value}");
            }
        }
        for key in ["error-erase-held", "error-erase-active", "error-erase-before", "subject-person", "subject-number", "flash-text-erased"] {
            assert!(texts.has(key), "{key}");
        }
        let found = Found {
            subject: "usr_1".into(),
            kind: "person",
            name: Some("<b>".into()),
            entries: 12,
            active: true,
            held: true,
            erased_at: None,
            erased_href: None,
            may_erase: true,
            may_hold: true,
        };
        let row = Row {
            subject: "num_1".into(),
            basis: "x".into(),
            requester: "y".into(),
            entries: 3,
            by: "<i>".into(),
            at: 0,
            done: false,
            href: Some("/audit/3".into()),
        };
        let choice = || vec![Choice { value: "other", text: "Other".into() }];
        let full = SubjectsPage {
            who: "<u>".into(),
            found: Some(found),
            missing: false,
            bases: choice(),
            requesters: choice(),
            erasures: vec![row],
            form: FormState::default().saying("No."),
        };
        let shown = super::super::web::render("audit/subjects.html", &full);
        assert!(shown.contains("&lt;b&gt;") && shown.contains("name=\"subject\" value=\"usr_1\"") && !shown.contains("<u>"), "{shown}");
        let erased =
            Found { erased_at: Some(0), erased_href: Some("/audit/9".into()), may_erase: false, may_hold: false, name: None, ..full.found.expect("there") };
        let bare = SubjectsPage { found: Some(erased), who: String::new(), erasures: Vec::new(), form: FormState::default(), ..full };
        assert!(super::super::web::render("audit/subjects.html", &bare).replace("&#x2f;", "/").contains("/audit/9"));
        super::super::web::render("audit/subjects.html", &SubjectsPage { found: None, missing: true, ..bare });
    }
}
