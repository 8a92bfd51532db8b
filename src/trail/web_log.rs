//! The log in force over HTTP in the layout of C2SP tlog-tiles: `/log/checkpoint`, `/log/tile/<level>/<n>` and
//! `/log/tile/entries/<n>`. Hashes say nothing and are for everybody, so that witnesses and monitors need no account; entries
//! are for those who may read the trail.
//! Must stay true: nothing is served that the newest checkpoint does not cover, and a full tile never changes.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use countersign_audit::write::tile::{TileId, WIDTH, entries_path, tile_path};

use super::Read;
use super::export::{Export, Piece};
use crate::core::fault::Context as _;
use crate::db::Detail;
use crate::db::keep::BUNDLE;
use crate::http::headers::IsPrivate;
use crate::http::recently;
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};
use crate::policy::On;

/// Levels of hash tiles: enough for 2^63 entries.
const LEVELS: u8 = 8;
/// A full tile of hashes is the same for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What grows is asked for again.
const NOT_LONG: &str = "public, max-age=1";

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/log/checkpoint", Rule::Public, get_checkpoint)
        .get("/log/policy", Rule::Public, get_policy)
        .get("/log/tile/entries/{*place}", Rule::Act("trail.read"), get_entries)
        .get("/log/tile/{level}/{*place}", Rule::Public, get_tile)
}

/// The place of a tile in a level: its index, and its width when it is partial.
///
/// The index stands in groups of three digits, all but the last with an `x` before them; only the one way to write a place is
/// read, since caches and proxies tell places apart by their text.
fn place(text: &str) -> Option<(u64, u16)> {
    let (index, width) = match text.split_once(".p/") {
        Some((index, width)) => (index, width.parse::<u16>().ok().filter(|w| (1..WIDTH).contains(w))?),
        None => (text, WIDTH),
    };
    let digits: String = index.chars().filter(char::is_ascii_digit).collect();
    let index = digits.parse().ok()?;
    (entries_path(index, width) == format!("tile/entries/{text}")).then_some((index, width))
}

/// Do `nodes` of a level fill the first `width` places of its tile `index`?
fn is_covered(nodes: u64, index: u64, width: u16) -> bool {
    index.checked_mul(u64::from(WIDTH)).and_then(|first| first.checked_add(u64::from(width))).is_some_and(|end| end <= nodes)
}

/// The log up to its newest checkpoint.
async fn newest(ctx: &Ctx) -> Result<Export, http::Error> {
    let db = &ctx.app.db;
    Ok(Export::newest(db, db.log().0).await?)
}

async fn get_checkpoint(ctx: Ctx) -> Answer {
    Ok(served(newest(&ctx).await?.note.into_bytes(), "text/plain; charset=utf-8", NOT_LONG))
}

/// The policy file of C2SP tlog-policy that fits this log. It should come to a verifier by another way than the log does.
async fn get_policy(ctx: Ctx) -> Answer {
    let (_, origin) = ctx.app.db.log();
    let text = policy(&ctx.app, &ctx.app.keeper.signer().vkey(&origin));
    Ok(served(text.into_bytes(), "text/plain; charset=utf-8", NOT_LONG))
}

/// The policy of a log of this server with this key: its witnesses, if it has any.
pub(super) fn policy(app: &App, vkey: &str) -> String {
    let rules = app.cosigner.as_ref().map_or("quorum none\n", |cosigner| cosigner.policy_text());
    format!("log {vkey} {}/log/\n{rules}", app.config.url())
}

async fn get_tile(ctx: Ctx, Path((level, text)): Path<(String, String)>) -> Answer {
    let level = (0..LEVELS).find(|l| l.to_string() == level).ok_or_else(http::Error::not_found)?;
    let (index, width) = place(&text).ok_or_else(http::Error::not_found)?;
    let export = newest(&ctx).await?;
    if !is_covered(export.size >> (8 * u32::from(level)), index, width) {
        return Err(http::Error::not_found());
    }
    let tile = TileId { level, index, width };
    debug_assert_eq!(tile_path(&tile), format!("tile/{level}/{text}"));
    let (_, bytes) = export.piece(&ctx.app.db, Piece::Tile(tile)).await?;
    Ok(served(bytes, "application/octet-stream", if width == WIDTH { FOR_EVER } else { NOT_LONG }))
}

async fn get_entries(Signed { ctx, person }: Signed, Path(text): Path<String>) -> Answer {
    let permit = ctx.permit::<Read>(&On::any("trail")).await?;
    let (index, width) = place(&text).ok_or_else(http::Error::not_found)?;
    let export = newest(&ctx).await?;
    let is_pruned = i64::try_from(index).is_ok_and(|index| index < export.pruned / BUNDLE);
    if !is_covered(export.size, index, width) || is_pruned {
        return Err(http::Error::not_found());
    }
    let (db, now) = (&ctx.app.db, ctx.now());
    let read = recently::Read::of(person.as_str(), &["entries"]);
    if !ctx.app.recently.stands_for(&read, now) {
        let first = i64::try_from(index * u64::from(WIDTH)).context("place in the log")?;
        db.record(permit, Detail::ok().with("part", "entries").with("from", first)).await?;
        ctx.app.recently.recorded(read, now);
    }
    let (_, bytes) = export.piece(db, Piece::Entries(index, width)).await?;
    let mut response = served(bytes, "application/octet-stream", "no-store");
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

fn served(bytes: Vec<u8>, kind: &'static str, cache: &'static str) -> Response {
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_one_way() {
        assert_eq!(place("000"), Some((0, 256)));
        assert_eq!(place("067.p/1"), Some((67, 1)));
        assert_eq!(place("x001/x234/067"), Some((1_234_067, 256)));
        assert_eq!(place("x001/000.p/255"), Some((1000, 255)));
        let wrong = [
            "",
            "0",
            "00",
            "0000",
            "x000/001",
            "001/002",
            "x001",
            "x01/000",
            "X001/000",
            "000.p/0",
            "000.p/256",
            "000.p/01",
            "000.p/",
            "000.p/+1",
            ".p/1",
            "000.p/1.p/1",
            "000/",
            "/000",
            "x999/x999/x999/x999/x999/x999/x999/999",
            "-01",
            "0a0",
            "000?",
        ];
        for text in wrong {
            assert_eq!(place(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_is_there_is_covered() {
        assert!(is_covered(1, 0, 1) && !is_covered(1, 0, 2) && !is_covered(0, 0, 1));
        assert!(is_covered(256, 0, 256) && !is_covered(255, 0, 256) && is_covered(257, 1, 1) && !is_covered(256, 1, 1));
        assert!(!is_covered(u64::MAX, u64::MAX, 1));
    }
}
