//! An export into a tab of a spreadsheet at Google.
//! Must stay true: the export is an entry before a row leaves, and its end another, also when it failed; it goes on when whoever
//! asked for it goes away.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::export::{Wanted, enter, finish, place_of};
use super::export_page::{count, page};
use super::sheets::{SheetsError, begin};
use super::{Error, ExportSheet, Exported};
use crate::config::Sheets;
use crate::core::fault::Fault;
use crate::core::id::PersonId;
use crate::core::sheet::{Profile, push_row};
use crate::db::Detail;
use crate::http::App;
use crate::policy::{Actor, On, Permit};

/// Rows of a tab; beyond them fewer days are exported.
pub const ROWS_MAX: i64 = 10_000;
/// Rows and bytes of one request.
const BATCH_ROWS_MAX: usize = 1000;
const BATCH_BYTES_MAX: usize = 1_000_000;

/// Writes the records, and gives how many.
///
/// # Errors
/// [`Error::Sheets`] when Google refuses or says nothing; [`Error::Full`] beyond [`ROWS_MAX`].
pub async fn export(app: &App, permit: Permit<ExportSheet>, by: &PersonId, wanted: Wanted, settings: &Sheets, spreadsheet: &str) -> Result<i64, Error> {
    let (id, begun) = enter(app, permit, by, &wanted, Some(spreadsheet)).await?;
    let (app, settings, spreadsheet) = (app.clone(), settings.clone(), spreadsheet.to_owned());
    let run = async move {
        let (mut rows, mut hash) = (0, Sha256::new());
        let done = write(&app, &wanted, begun, &settings, &spreadsheet, id.as_str(), (&mut rows, &mut hash)).await;
        match done {
            Ok(()) => finish(&app, &id, rows, &hex::encode(hash.finalize())).await.map(|()| rows),
            Err(error) => {
                let permit = app.policy.permit::<Exported>(&Actor::system(), &On::one("intake_export", &id));
                let permit = permit.map_err(|e| Fault::with("enter the end of an export", e))?;
                app.db.record(permit, Detail::failed("not_written").with("rows", rows)).await?;
                Err(error)
            }
        }
    };
    tokio::spawn(run).await.map_err(|e| Fault::with("write a spreadsheet", e))?
}

async fn write(
    app: &App,
    wanted: &Wanted,
    begun: i64,
    settings: &Sheets,
    spreadsheet: &str,
    title: &str,
    (rows, hash): (&mut i64, &mut Sha256),
) -> Result<(), Error> {
    // Asked before anything leaves: what is too much goes nowhere, rather than there in part.
    let mut place = place_of(wanted, begun);
    if count(&app.db, &place, ROWS_MAX + 1).await? > ROWS_MAX {
        return Err(Error::Full);
    }
    let tab = begin(settings, spreadsheet, title, ROWS_MAX + 1, wanted.fields.len() + 2, app.db.clock().now()).await?;
    let head: Vec<_> = ["record", "ended"].into_iter().chain(wanted.fields.iter().map(String::as_str)).map(|c| Zeroizing::new(c.to_owned())).collect();
    let (mut batch, mut bytes, mut first) = (vec![head], 0, 1);
    loop {
        let page = page(&app.db, place).await?;
        let next = page.next();
        for row in page.cells(&wanted.fields)? {
            *rows += 1;
            bytes += row.iter().map(|cell| cell.len()).sum::<usize>();
            batch.push(row);
        }
        if *rows > ROWS_MAX {
            return Err(Error::Full);
        }
        if next.is_none() || batch.len() >= BATCH_ROWS_MAX || bytes >= BATCH_BYTES_MAX {
            let mut text = Zeroizing::new(String::new());
            for row in &batch {
                push_row(&mut text, &row.iter().map(|cell| cell.as_str()).collect::<Vec<_>>(), Profile::Machine);
            }
            tab.write(first, &batch).await?;
            hash.update(text.as_bytes());
            first += i64::try_from(batch.len()).unwrap_or(i64::MAX);
            batch.clear();
            bytes = 0;
        }
        match next {
            Some(next) => place = next,
            None => return Ok(()),
        }
    }
}

impl From<SheetsError> for Error {
    fn from(error: SheetsError) -> Self {
        Self::Sheets(error)
    }
}
