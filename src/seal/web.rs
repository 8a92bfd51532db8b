//! The routes of this slice, and what its pages share.
//! Must stay true: who may not see seals hears that before whether there is one; an outsider sees what they were given.

use super::{Download, Error, Read, Sealed, Window, by_id, grant, trend, web_affirm, web_api, web_bundle, web_documents, web_grant, web_list};
use crate::assess::web as assess;
pub(super) use crate::assess::web::today;
use crate::core::id::SealId;
use crate::http::{self, App, Ctx, FormState, Routes, Rule};
use crate::plans::web as plans;
use crate::policy::{Act, Permit};

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/assess/{id}/seal", Rule::Act("assessment.seal"), web_list::get_new)
        .post("/assess/{id}/seal", Rule::Act("assessment.seal"), web_list::post_new)
        .get("/assess/{id}/trend", Rule::Act("assess.read"), trend::get_trend)
        .get("/seals", Rule::Act("seal.read"), web_list::get_list)
        .get("/seals/{id}", Rule::Act("seal.read"), web_list::get_seal)
        .get("/seals/{id}/archive", Rule::Act("seal.download"), web_bundle::get_archive)
        .get("/seals/{id}/report", Rule::Act("seal.download"), web_documents::get_report)
        .get("/seals/{id}/sprs", Rule::Act("seal.download"), web_documents::get_sprs)
        .get("/seals/{id}/ssp", Rule::Act("seal.download"), web_documents::get_ssp)
        .get("/seals/{id}/documents/{name}", Rule::Act("seal.download"), web_documents::get_document)
        .get("/seals/{id}/affirm", Rule::Act("affirmation.sign"), web_affirm::get_affirm)
        .post("/seals/{id}/affirm", Rule::Act("affirmation.sign"), web_affirm::post_affirm)
        .get("/seals/{id}/views", Rule::Act("seal.grant"), web_grant::get_views)
        .post("/seals/{id}/views", Rule::Act("seal.grant"), web_grant::post_view)
        .post("/seals/{id}/views/end", Rule::Act("seal.revoke"), web_grant::post_end)
        .and(web_api::routes())
}

/// How an error of this slice is told when no form shows it.
pub(super) fn told(app: &App, error: Error) -> http::Error {
    match error {
        Error::Field { field, code } => http::Error::field(field, app.text(&format!("error-{code}"), &[])),
        Error::Text { field, error } => http::Error::field(field, error.to_string()),
        Error::Changed => http::Error::conflict("state").saying(app.text("error-seal-changed", &[])),
        Error::Nothing => http::Error::conflict("state").saying(app.text("error-seal-nothing", &[])),
        Error::NoStatus => http::Error::conflict("state").saying(app.text("error-seal-no-status", &[])),
        Error::TooMany => http::Error::conflict("state").saying(app.text("error-seal-many", &[])),
        Error::Damaged(item) => http::Error::conflict("state").saying(app.text("error-seal-damaged", &[("item", &item)])),
        Error::State => http::Error::conflict("state"),
        Error::NotFound => http::Error::not_found(),
        Error::Assess(error) => assess::told(app, error),
        Error::Plans(error) => plans::told(app, error),
        Error::Trail(error) => error.into(),
        Error::Repeat(error) => error.into(),
        Error::Db(error) => error.into(),
        Error::Fault(fault) => fault.into(),
    }
}

/// Puts what is wrong into a form; what the form cannot show is given back.
pub(super) fn blame(app: &App, form: &mut FormState, error: Error) -> Result<(), Error> {
    let whole = match error {
        Error::Field { field, code } => {
            form.wrong(field, app.text(&format!("error-{code}"), &[]));
            return Ok(());
        }
        Error::Text { field, error } => {
            form.wrong(field, error.to_string());
            return Ok(());
        }
        Error::NoStatus => app.text("error-seal-no-status", &[]),
        Error::Changed => app.text("error-seal-changed", &[]),
        Error::Nothing => app.text("error-seal-nothing", &[]),
        Error::TooMany => app.text("error-seal-many", &[]),
        Error::Damaged(item) => app.text("error-seal-damaged", &[("item", &item)]),
        error => return Err(error),
    };
    form.general = Some(whole);
    Ok(())
}

/// The seal a path names with the permit for an act on it.
async fn permitted<A: Act<On = Window>>(ctx: &Ctx, id: &str) -> Result<(Permit<A>, Sealed), http::Error> {
    let Ok(seal) = id.parse::<SealId>() else {
        // Nothing in particular: who may see no seals hears so.
        let _permit = ctx.permit::<A>(&Window { seal: None, outside: false }).await?;
        return Err(http::Error::not_found());
    };
    let window = grant::window(&ctx.app.db, &ctx.actor, &seal).await.map_err(|e| told(&ctx.app, e))?;
    let permit = ctx.permit::<A>(&window).await?;
    let found = by_id(&ctx.app.db, &seal).await.map_err(|e| told(&ctx.app, e))?.ok_or_else(http::Error::not_found)?;
    Ok((permit, found))
}

/// The seal a path names, to be seen.
pub(super) async fn seen(ctx: &Ctx, id: &str) -> Result<Sealed, http::Error> {
    permitted::<Read>(ctx, id).await.map(|(_, seal)| seal)
}

/// The seal a path names, to be taken away.
pub(super) async fn taken(ctx: &Ctx, id: &str) -> Result<(Permit<Download>, Sealed), http::Error> {
    permitted::<Download>(ctx, id).await
}

/// The day that an instant of the database is the end of.
pub(super) fn last_day(end: i64) -> String {
    let instant = jiff::Timestamp::from_microsecond(end - 1).unwrap_or_default();
    instant.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

#[cfg(test)]
pub(super) mod tests {
    pub use crate::assess::web::tests::render;

    #[test]
    fn every_word_of_this_slice_has_its_text() {
        let texts = crate::http::texts::Texts::english();
        let errors = [
            "status-date",
            "view-day",
            "assessor",
            "seal-changed",
            "seal-nothing",
            "seal-many",
            "seal-no-status",
            "affirm-day",
            "seal-damaged",
            "sealed",
            "day",
        ];
        let flashes = ["seal-made", "view-given", "view-ended", "affirmed"].map(|f| format!("flash-text-{f}"));
        let missing: Vec<_> = errors.iter().map(|e| format!("error-{e}")).chain(flashes).filter(|k| !texts.has(k)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_day_of_an_end_is_the_last_one_before_it() {
        assert_eq!(super::last_day(1_957_824_000_000_000), "2032-01-15");
    }
}
