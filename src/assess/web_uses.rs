//! Where a piece of evidence serves: every objective of every assessment that it is linked to.

use axum::extract::Path;
use serde::Serialize;

use super::web::told;
use super::web_proof::evidence_of;
use super::{Read, proof};
use crate::http::ctx::encode;
use crate::http::{self, Answer, Signed};
use crate::policy::On;

#[derive(Serialize)]
struct Use {
    href: String,
    objective: String,
    assessment: String,
}

#[derive(Serialize)]
struct UsesPage {
    name: String,
    href: String,
    uses: Vec<Use>,
}

pub(super) async fn get_uses(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<Read>(&On::any("assessment")).await?;
    let item = evidence_of(&ctx, &id).await?.ok_or_else(http::Error::not_found)?;
    let uses = proof::uses(&ctx.app.db, &item.id).await.map_err(|e| told(&ctx.app, e))?;
    let shown = |(assessment, name, objective): (crate::core::id::AssessmentId, String, String)| Use {
        href: format!("/assess/{assessment}/objectives/{}", encode(&objective)),
        objective,
        assessment: name,
    };
    ctx.page("assess/uses.html", UsesPage { href: format!("/evidence/{}", item.id), name: item.name, uses: uses.into_iter().map(shown).collect() }).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::web::tests::render;

    #[test]
    fn the_page_renders_full_and_bare() {
        let full = UsesPage {
            name: "<i>a.pdf".into(),
            href: "/e".into(),
            uses: vec![Use { href: "/o".into(), objective: "3.4.4".into(), assessment: "<i>2026".into() }],
        };
        assert!(!render("assess/uses.html", &full).contains("<i>"));
        render("assess/uses.html", &UsesPage { uses: Vec::new(), ..full });
    }
}
