//! Contacts as a file for a spreadsheet program, streamed page by page.
//! Must stay true: the export is an entry before its first byte; at most one page is in memory; no cell can run as a formula,
//! and what is written here is read back by an import as it was.

use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::stream::{StreamExt as _, try_unfold};

use super::{Contact, Error, Filter, PAGE_MAX, page};
use crate::core::fault::chain_of;
use crate::core::id::ContactId;
use crate::core::sheet::{Profile, csv_field};
use crate::db::Db;
use crate::http::Answer;

const COLUMNS: [&str; 8] = ["Phone", "Name", "Time zone", "Postal code", "Tags", "Fields", "Opted out", "Blocked"];

fn line(cells: &[&str]) -> String {
    let mut out = cells.iter().map(|cell| csv_field(cell, Profile::Spreadsheet)).collect::<Vec<_>>().join(",");
    out.push_str("\r\n");
    out
}

async fn row(db: &Db, contact: &Contact) -> Result<String, Error> {
    let Some(card) = contact.card(db).await? else { return Ok(String::new()) };
    let yes = |n: i64| if n > 0 { "yes" } else { "" };
    let fields = card.field_lines();
    Ok(line(&[&card.number, &card.name, &card.zone, &card.postal, &card.tag_line(), &fields, yes(contact.opted_out), yes(contact.blocked)]))
}

/// The answer: everything the filter finds, newest first.
pub(super) fn attachment(db: Db, filter: Filter) -> Answer {
    enum At {
        Header,
        After(Option<ContactId>),
        End,
    }
    let rows = try_unfold((db, filter, At::Header), |(db, filter, at)| async move {
        let after = match at {
            At::Header => return Ok(Some((Bytes::from(line(&COLUMNS)), (db, filter, At::After(None))))),
            At::After(after) => after,
            At::End => return Ok(None),
        };
        let told = |e: &Error| tracing::error!(fault = chain_of(e), "an export of contacts broke off");
        let found = page(&db, &filter, after.as_ref(), PAGE_MAX).await.inspect_err(told)?;
        let mut text = String::new();
        for contact in &found.contacts {
            text.push_str(&row(&db, contact).await.inspect_err(told)?);
        }
        let next = found.contacts.last().filter(|_| found.more).map_or(At::End, |last| At::After(Some(last.id.clone())));
        Ok::<_, Error>(Some((Bytes::from(text), (db, filter, next))))
    });
    let mut response = axum::body::Body::from_stream(rows.boxed()).into_response();
    let headers = response.headers_mut();
    headers.insert(axum::http::header::CONTENT_TYPE, axum::http::HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(axum::http::header::CONTENT_DISPOSITION, axum::http::HeaderValue::from_static("attachment; filename=\"contacts.csv\""));
    Ok(response)
}
