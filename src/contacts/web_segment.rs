//! The pages of segments, and their part of the API.

use axum::extract::{FromRequest as _, Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::segment::{self, FIELDS, Op, Rule as Tests, Segment, Test, Wrong};
use super::{Error, LIST_NAME_CHARS_MAX, MakeSegment, See, shown};
use crate::core::clock::Micros;
use crate::core::id::SegmentId;
use crate::core::text::Line;
use crate::http::form::{Fields, FormState};
use crate::http::openapi::Problem;
use crate::http::templates::both_times;
use crate::http::{self, Answer, Ctx, Json, Posted, Routes, Rule, Signed};
use crate::policy::On;
use crate::repeat::Once;

const SEGMENTS: &str = "/api/v1/segments";
/// Groups of the form, and tests of each.
const GROUPS: usize = 3;
const ROWS: usize = 4;
/// Contacts that a page shows.
const SHOWN: usize = 20;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/contacts/segments", Rule::Act("contact.list"), get_segments)
        .post("/contacts/segments", Rule::Act("segment.create"), post_segments)
        .get("/contacts/segments/{id}", Rule::Act("contact.list"), get_segment)
        .get(SEGMENTS, Rule::Act("contact.list"), api_segments)
        .post(SEGMENTS, Rule::Act("segment.create"), api_post_segment)
}

/// The description of this part of the API, made from its handlers.
#[must_use]
pub fn api_doc() -> utoipa::openapi::OpenApi {
    Doc::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(api_segments, api_post_segment), components(schemas(Tests, Test, Op)))]
struct Doc;

#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    author: String,
    at: Micros,
}

#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
}

/// A test as it was typed.
#[derive(Clone, Debug, Default, Serialize)]
struct Typed {
    field: String,
    op: String,
    value: String,
}

#[derive(Serialize)]
struct ListPage {
    items: Vec<Row>,
    may_make: bool,
    groups: Vec<Vec<Typed>>,
    fields: Vec<Choice>,
    ops: Vec<Choice>,
    within: String,
    between: String,
    form: FormState,
}

struct Read {
    groups: Vec<Vec<Typed>>,
    within: String,
    between: String,
}

impl Default for Read {
    fn default() -> Self {
        Self { groups: vec![vec![Typed::default(); ROWS]; GROUPS], within: "all".into(), between: "any".into() }
    }
}

async fn list_page(ctx: &Ctx, read: Read, form: FormState) -> Result<ListPage, http::Error> {
    let app = &ctx.app;
    let row = |s: Segment| Row { id: s.id.to_string(), name: s.name, author: s.author, at: s.made_at };
    let text = |kind: &str, name: &str| app.text(&format!("segment-{kind}-{}", name.replace('_', "-")), &[]);
    Ok(ListPage {
        items: segment::all(&app.db).await?.into_iter().map(row).collect(),
        may_make: app.policy.can::<MakeSegment>(&ctx.actor, &On::any("segment")),
        groups: read.groups,
        fields: FIELDS.into_iter().map(|name| Choice { value: name.into(), text: text("field", name) }).collect(),
        ops: Op::ALL.into_iter().map(|(_, name)| Choice { value: name.into(), text: text("op", name) }).collect(),
        within: read.within,
        between: read.between,
        form,
    })
}

async fn get_segments(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::contacts()).await?;
    ctx.page("contacts/segments.html", list_page(&ctx, Read::default(), FormState::default()).await?).await
}

/// Reads the rows of the form; those without a field say nothing.
fn read(fields: &mut Fields) -> Result<(Read, Tests), http::Error> {
    let (names, ops, values) = (fields.many("field"), fields.many("op"), fields.many("value"));
    let (within, between) = (fields.one("within")?, fields.one("between")?);
    if names.len() > GROUPS * ROWS || names.len() != ops.len() || names.len() != values.len() {
        return Err(http::Error::field("field", "does not come as often as `op` and `value`"));
    }
    let mut typed: Vec<Typed> = names.into_iter().zip(ops).zip(values).map(|((field, op), value)| Typed { field, op, value }).collect();
    typed.resize(GROUPS * ROWS, Typed::default());
    let joined = |how: &str, rules: Vec<Tests>| if how == "any" { Tests::Any(rules) } else { Tests::All(rules) };
    let groups: Vec<Vec<Typed>> = typed.chunks(ROWS).map(<[Typed]>::to_vec).collect();
    let mut all = Vec::new();
    for group in &groups {
        let mut tests = Vec::new();
        for one in group.iter().filter(|one| !one.field.trim().is_empty()) {
            let op = Op::named(&one.op).ok_or_else(|| http::Error::field("op", "is none of the list"))?;
            let field = one.field.trim();
            let field = if FIELDS.contains(&field) || field.starts_with("field:") { field.to_owned() } else { format!("field:{field}") };
            tests.push(Tests::Test(Test { field, op, value: one.value.trim().to_owned() }));
        }
        if !tests.is_empty() {
            all.push(joined(&within, tests));
        }
    }
    let rule = joined(&between, all);
    Ok((Read { groups, within, between }, rule))
}

fn wrong_key(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Deep => "error-segment-deep",
        Wrong::Many => "error-segment-many",
        Wrong::Empty => "error-segment-empty",
        Wrong::Field => "error-segment-field",
        Wrong::Value => "error-segment-value",
    }
}

async fn post_segments(Signed { person, .. }: Signed, Posted { ctx, mut fields }: Posted) -> Answer {
    let permit = ctx.permit::<MakeSegment>(&On::any("segment")).await?;
    let typed = fields.one("name")?;
    let (read, rule) = read(&mut fields)?;
    fields.finish()?;
    let app = &ctx.app;
    let mut form = FormState::default().keep("name", typed.as_str());
    let name =
        Line::parse(&typed, LIST_NAME_CHARS_MAX).map_err(|_| form.wrong("name", app.text("error-list-name", &[("max", &LIST_NAME_CHARS_MAX.to_string())])));
    if let Err(wrong) = rule.check() {
        form.wrong("field", app.text(wrong_key(wrong), &[]));
    }
    let Some(name) = name.ok().filter(|_| form.is_fine()) else {
        return ctx.again("contacts/segments.html", list_page(&ctx, read, form).await?).await;
    };
    match segment::create(&app.db, permit, &person, &name, &rule, None).await {
        Ok(made) => Ok(ctx.go(&format!("/contacts/segments/{}", made.answer), "segment-made")),
        Err(Error::Name) => {
            form.wrong("name", app.text("error-segment-taken", &[]));
            ctx.again("contacts/segments.html", list_page(&ctx, read, form).await?).await
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
struct Fitting {
    id: String,
    number: String,
    name: String,
}

#[derive(Serialize)]
struct ShowPage {
    id: String,
    name: String,
    author: String,
    at: Micros,
    says: Vec<String>,
    items: Vec<Fitting>,
    more: bool,
}

/// A filter in words, a line for each part.
fn says(ctx: &Ctx, rule: &Tests, depth: usize, out: &mut Vec<String>) {
    let app = &ctx.app;
    let indent = "– ".repeat(depth);
    match rule {
        Tests::All(rules) | Tests::Any(rules) => {
            let key = if matches!(rule, Tests::All(_)) { "segment-all" } else { "segment-any" };
            out.push(format!("{indent}{}", app.text(key, &[])));
            rules.iter().for_each(|rule| says(ctx, rule, depth + 1, out));
        }
        Tests::Test(test) => {
            let field = test.field.strip_prefix("field:").map_or_else(|| app.text(&format!("segment-field-{}", test.field), &[]), str::to_owned);
            let op = Op::ALL.into_iter().find(|(op, _)| *op == test.op).map_or("", |(_, name)| name).replace('_', "-");
            out.push(format!("{indent}{field} {} {}", app.text(&format!("segment-op-{op}"), &[]), test.value).trim_end().to_owned());
        }
    }
}

async fn get_segment(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::contacts()).await?;
    let id: SegmentId = id.parse().map_err(|_| http::Error::not_found())?;
    let db = &ctx.app.db;
    let found = segment::find(db, &id).await?.ok_or_else(http::Error::not_found)?;
    let rule = found.rule(db).await?;
    let fitting = segment::fitting(db, &rule, None, SHOWN).await?;
    let mut items = Vec::with_capacity(fitting.contacts.len());
    for contact in fitting.contacts {
        if let Some(card) = contact.card(db).await? {
            items.push(Fitting { id: contact.id.to_string(), number: shown(&card.number), name: card.name });
        }
    }
    let mut lines = Vec::new();
    says(&ctx, &rule, 0, &mut lines);
    let page = ShowPage { id: id.to_string(), name: found.name, author: found.author, at: found.made_at, says: lines, items, more: fitting.more };
    ctx.page("contacts/segment.html", page).await
}

/// A segment.
#[derive(Serialize, ToSchema)]
struct SegmentItem {
    id: String,
    name: String,
    filter: Tests,
    author: String,
    made_at: String,
}

/// All segments.
#[derive(Serialize, ToSchema)]
struct SegmentItems {
    items: Vec<SegmentItem>,
}

/// A segment to be made.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSegment {
    name: String,
    filter: Tests,
}

/// The id of a segment.
#[derive(Serialize, ToSchema)]
struct SegmentMade {
    id: String,
}

/// All segments, by name
#[utoipa::path(get, path = "/api/v1/segments", tag = "contacts", responses((status = 200, body = SegmentItems), (status = 403, body = Problem)))]
async fn api_segments(Signed { ctx, .. }: Signed) -> Answer {
    let _permit = ctx.permit::<See>(&super::web::contacts()).await?;
    let mut items = Vec::new();
    for s in segment::all(&ctx.app.db).await? {
        items.push(SegmentItem {
            filter: s.rule(&ctx.app.db).await?,
            id: s.id.to_string(),
            name: s.name,
            author: s.author,
            made_at: both_times(s.made_at, "UTC").0,
        });
    }
    Ok(axum::Json(SegmentItems { items }).into_response())
}

/// Make a segment
#[utoipa::path(post, path = "/api/v1/segments", tag = "contacts", request_body = NewSegment,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key and body make nothing twice")),
    responses((status = 201, body = SegmentMade), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn api_post_segment(Signed { ctx, person }: Signed, request: Request) -> Answer {
    let permit = ctx.permit::<MakeSegment>(&On::any("segment")).await?;
    let key = http::repeat::key(&ctx, &person, SEGMENTS, request.headers())?;
    let Json(new) = Json::<NewSegment>::from_request(request, &ctx.app).await?;
    let name = Line::parse(&new.name, LIST_NAME_CHARS_MAX).map_err(|e| http::Error::field("name", e.to_string()))?;
    new.filter.check().map_err(|wrong| http::Error::field("filter", wrong.to_string()))?;
    let repeat = key.map(|key| key.with(&ctx.app.db, &new)).transpose()?;
    let Once { answer, again } = segment::create(&ctx.app.db, permit, &person, &name, &new.filter, repeat.as_ref()).await?;
    let mut response = (StatusCode::CREATED, axum::Json(SegmentMade { id: answer.to_string() })).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/contacts/segments/{answer}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(http::repeat::marked(response, again))
}
