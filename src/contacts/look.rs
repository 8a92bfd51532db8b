//! Finding contacts: pages of them, and what was recorded of one.
//! Must stay true: a page is found by an index whatever is looked for, and costs the same at any number of contacts.

use super::{Contact, Error, PAGE_MAX, index_of, name_index, sql};
use crate::core::id::{ContactId, ListId};
use crate::db::Db;

/// Sorts after every id in every collation.
const NEWEST: &str = "con_g";

/// What is looked for: a number or a name exactly, or who is on a list or has a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// E.164.
    pub number: Option<String>,
    /// The whole name, whatever its case.
    pub name: Option<String>,
    /// A list.
    pub list: Option<ListId>,
    /// A tag.
    pub tag: Option<String>,
}

/// Contacts, newest first, and whether there are more.
#[derive(Debug)]
pub struct Page {
    /// At most as many as were asked for.
    pub contacts: Vec<Contact>,
    /// There are older ones.
    pub more: bool,
}

crate::row! {
    /// One recorded act on a contact.
    #[derive(Clone, Debug)]
    pub struct Happened {
        /// The act.
        pub action: String,
        /// When.
        pub at: i64,
        /// How it went.
        pub outcome: String,
        /// Its place in the log in force, once it has one there.
        pub seq: Option<i64>,
    }
}

/// At most `most` contacts older than `after`.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, filter: &Filter, after: Option<&ContactId>, most: usize) -> Result<Page, Error> {
    let most = most.clamp(1, PAGE_MAX);
    let limit = i64::try_from(most + 1).unwrap_or(i64::MAX);
    let start = after.map_or(NEWEST, ContactId::as_str);
    if let Some(number) = &filter.number {
        let found: Option<Contact> = db.query(sql::BY_NUMBER).bind(index_of(db, number)).optional().await?;
        return Ok(Page { contacts: found.into_iter().collect(), more: false });
    }
    let mut contacts: Vec<Contact> = match (&filter.name, &filter.list, &filter.tag) {
        (Some(name), ..) => {
            let Some(index) = name_index(db, name) else { return Ok(Page { contacts: Vec::new(), more: false }) };
            db.query(sql::PAGE_OF_NAME).bind(start).bind(limit).bind(index).all().await?
        }
        (None, Some(list), Some(tag)) => db.query(sql::PAGE_OF_LIST_AND_TAG).bind(start).bind(limit).bind(list).bind(tag).all().await?,
        (None, Some(list), None) => db.query(sql::PAGE_OF_LIST).bind(start).bind(limit).bind(list).all().await?,
        (None, None, Some(tag)) => db.query(sql::PAGE_OF_TAG).bind(start).bind(limit).bind(tag).all().await?,
        (None, None, None) => db.query(sql::PAGE).bind(start).bind(limit).all().await?,
    };
    let more = contacts.len() > most;
    contacts.truncate(most);
    Ok(Page { contacts, more })
}

/// The contact whose number has this blind index.
///
/// # Errors
/// When the database fails.
pub async fn by_index(db: &Db, number_ix: &str) -> Result<Option<Contact>, Error> {
    Ok(db.query(sql::BY_NUMBER).bind(number_ix).optional().await?)
}

/// What was recorded of a contact, newest first, at most twenty.
///
/// # Errors
/// When the database fails.
pub async fn history(db: &Db, contact: &Contact) -> Result<Vec<Happened>, Error> {
    Ok(db.query(sql::HISTORY).bind(&contact.id).bind(db.log().0).all().await?)
}
