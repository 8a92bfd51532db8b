//! A page of an export: records, their newest answers and their keys in three reads, then opened and written by a thread.
//! Must stay true: only the columns that were chosen are opened; a record that was shredded meanwhile is left out; what does
//! not open for another reason breaks the export off.

use std::collections::HashMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::export::File;
use super::{Error, PHONE, place, sql, value_row};
use crate::core::clock::Micros;
use crate::core::fault::Fault;
use crate::core::id::IntakeId;
use crate::db::{Db, DbError};
use crate::http::templates::both_times;
use crate::vault::{self, DataKey, KEYS_MAX};

/// Answers of a page: of records whose flow had other fields before, there may be more than its questions.
const VALUES_MAX: usize = 16_384;

/// Where an export stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub flow: String,
    pub ended: Micros,
    pub last: String,
    pub to: Micros,
    pub begun: Micros,
}

crate::row! {
    #[derive(Debug)]
    struct Row { id: IntakeId, ended_at: i64, number_sealed: Option<Vec<u8>> }
}

crate::row! {
    #[derive(Debug)]
    struct Value { record_id: String, field: String, version: i64, sealed: Option<Vec<u8>> }
}

/// How many records an export holds, counted no further than `most`.
pub(super) async fn count(db: &Db, place: &Place, most: i64) -> Result<i64, Error> {
    let query = db.query(sql::COUNT_EXPORT).bind(place.flow.as_str()).bind(place.ended).bind(place.to.min(place.begun + 1));
    Ok(query.bind(place.begun).bind(most).scalar().await?)
}

/// What was read, still sealed.
#[derive(Debug)]
pub(super) struct Page {
    place: Place,
    rows: Vec<Row>,
    values: HashMap<String, Vec<Value>>,
    keys: HashMap<String, Arc<DataKey>>,
}

/// Reads the page after a place.
pub(super) async fn page(db: &Db, place: Place) -> Result<Page, Error> {
    let most = i64::try_from(KEYS_MAX).unwrap_or(i64::MAX);
    let query = db.query(sql::EXPORT_PAGE).bind(place.flow.as_str()).bind(place.ended).bind(place.last.as_str());
    let rows: Vec<Row> = query.bind(place.to.min(place.begun + 1)).bind(most).bind(place.begun).all().await?;
    let Some(end) = rows.last() else { return Ok(Page { place, rows, values: HashMap::new(), keys: HashMap::new() }) };
    let query = db.query(sql::EXPORT_VALUES).bind(place.flow.as_str()).bind(place.ended).bind(place.last.as_str());
    let found: Vec<Value> = query.bind(end.ended_at).bind(&end.id).bind(i64::try_from(VALUES_MAX).unwrap_or(i64::MAX)).bind(place.begun).all().await?;
    if found.len() >= VALUES_MAX {
        return Err(Fault::new("too many answers on a page of an export").into());
    }
    let mut values: HashMap<String, Vec<Value>> = HashMap::with_capacity(rows.len());
    for value in found {
        values.entry(value.record_id.clone()).or_default().push(value);
    }
    let subjects: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let keys = db.vault().held_keys(&subjects).await.map_err(DbError::from)?;
    Ok(Page { place, rows, values, keys })
}

impl Page {
    /// The place after it; none behind the last.
    pub(super) fn next(&self) -> Option<Place> {
        let end = self.rows.last()?;
        Some(Place { ended: end.ended_at, last: end.id.to_string(), ..self.place.clone() })
    }

    /// Opens it: the cells of each record, its id and end first.
    pub(super) fn cells(&self, fields: &[String]) -> Result<Vec<Vec<Zeroizing<String>>>, Error> {
        let mut out = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let Some(cells) = self.open(row, fields)? else { continue };
            let mut line = vec![Zeroizing::new(row.id.to_string()), Zeroizing::new(both_times(row.ended_at, "UTC").0)];
            line.extend(cells);
            out.push(line);
        }
        Ok(out)
    }

    /// Opens and writes it.
    pub(super) fn lines(&self, file: &mut File) -> Result<String, Error> {
        let mut out = String::with_capacity(self.rows.len() * 256);
        for row in &self.rows {
            let Some(cells) = self.open(row, &file.fields)? else { continue };
            let ended = both_times(row.ended_at, "UTC").0;
            let mut line: Vec<&str> = Vec::with_capacity(cells.len() + 2);
            line.extend([row.id.as_str(), ended.as_str()]);
            line.extend(cells.iter().map(|cell| cell.as_str()));
            file.line(&line, &mut out)?;
            file.rows += 1;
        }
        Ok(out)
    }

    /// The cells of a record; none of one that was shredded meanwhile.
    fn open(&self, row: &Row, fields: &[String]) -> Result<Option<Vec<Zeroizing<String>>>, Error> {
        let Some(key) = self.keys.get(row.id.as_str()) else { return Ok(None) };
        let values = self.values.get(row.id.as_str()).map_or(&[][..], Vec::as_slice);
        if values.iter().any(|value| value.sealed.is_none()) {
            return Ok(None);
        }
        let mut cells = Vec::with_capacity(fields.len());
        for field in fields {
            cells.push(
                if field == PHONE {
                    row.number_sealed.as_deref().map_or_else(|| Ok(Zeroizing::default()), |sealed| key.open_padded(&place(&row.id, "number"), sealed))
                } else {
                    values.iter().find(|value| value.field == *field).map_or_else(|| Ok(Zeroizing::default()), |value| opened(key, &row.id, value))
                }
                .map_err(DbError::from)?,
            );
        }
        Ok(Some(cells))
    }
}

fn opened(key: &DataKey, id: &IntakeId, value: &Value) -> Result<Zeroizing<String>, vault::OpenError> {
    let row = value_row(id, &value.field, value.version);
    let place = vault::Place { table: "intake_value", row: &row, column: "sealed" };
    key.open_padded(&place, value.sealed.as_deref().unwrap_or_default())
}
