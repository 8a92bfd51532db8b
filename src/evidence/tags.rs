//! Tags of domains and assets, as in `IT` or `HR`: short codes that are part of the names artifacts are shown by.
//! Must stay true: a retired tag stays on what has it, and is given to nothing else.

use super::{Error, MakeTag, RetireTag, sql};
use crate::core::id::PersonId;
use crate::core::text::Line;
use crate::db::{Db, Detail, Tx};
use crate::policy::{Act, Permit};

/// Characters of a code.
pub const CODE_CHARS_MAX: usize = 12;
/// Characters of what it stands for.
pub const TITLE_CHARS_MAX: usize = 80;
/// Tags there are, retired ones too.
pub const TAGS_MAX: usize = 200;
/// Tags of one artifact.
pub const EACH_MAX: usize = 20;

crate::row! {
    /// A tag.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Tag {
        /// Letters, digits and dashes, in capitals.
        pub code: String,
        /// What it stands for.
        pub title: String,
        /// When it was retired.
        pub retired_at: Option<i64>,
    }
}

/// The codes of a column.
#[must_use]
pub fn split(column: &str) -> Vec<String> {
    column.split(' ').filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// Codes as a column holds them: a space before and after each, so that one is found whole.
pub(super) fn join(codes: &[String]) -> String {
    codes.iter().fold(" ".to_owned(), |all, code| all + code + " ")
}

/// A code in its one form.
pub(super) fn code(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let fits = (1..=CODE_CHARS_MAX).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (fits && !code.starts_with('-') && !code.ends_with('-')).then_some(code)
}

/// Codes that were chosen, each once, in order.
pub(super) fn chosen(codes: &[String]) -> Result<Vec<String>, Error> {
    let unknown = || Error::Field { field: "tags", code: "tag-unknown" };
    let mut out = codes.iter().map(|c| code(c).ok_or_else(unknown)).collect::<Result<Vec<_>, _>>()?;
    out.sort_unstable();
    out.dedup();
    if out.len() > EACH_MAX { Err(Error::Field { field: "tags", code: "tags-many" }) } else { Ok(out) }
}

/// The codes that may be given.
pub(crate) async fn live<A: Act>(tx: &mut Tx<A>) -> Result<Vec<String>, Error> {
    let tags: Vec<Tag> = tx.query(sql::TAGS).all().await?;
    Ok(tags.into_iter().filter(|t| t.retired_at.is_none()).map(|t| t.code).collect())
}

/// Every tag, by code.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &Db) -> Result<Vec<Tag>, Error> {
    Ok(db.query(sql::TAGS).all().await?)
}

/// Makes a tag; one that was retired comes back under its new title.
///
/// # Errors
/// [`Error::Field`] for a code that cannot be one; [`Error::State`] when it is there; [`Error::Text`].
pub async fn make(db: &Db, permit: Permit<MakeTag>, person: &PersonId, typed: &str, title: &str) -> Result<String, Error> {
    let code = code(typed).ok_or(Error::Field { field: "code", code: "tag-code" })?;
    let title = Line::parse(title, TITLE_CHARS_MAX).map_err(|error| Error::Text { field: "title", error })?;
    let permit = permit.naming(&code);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK_LINE).execute().await?;
    let tags: Vec<Tag> = tx.query(sql::TAGS).all().await?;
    let there = tags.iter().find(|t| t.code == code);
    if there.is_some_and(|t| t.retired_at.is_none()) {
        return Err(Error::State);
    }
    if there.is_none() && tags.len() >= TAGS_MAX {
        return Err(Error::Field { field: "code", code: "tags-full" });
    }
    let write = tx.write(if there.is_some() { sql::REVIVE_TAG } else { sql::INSERT_TAG }).bind(&code).bind(&title).bind(person).bind(now);
    if write.execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("title", title)).await?;
    Ok(code)
}

/// Retires a tag.
///
/// # Errors
/// [`Error::State`] when it is not there, or retired already.
pub async fn retire(db: &Db, permit: Permit<RetireTag>, code: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    if tx.write(sql::RETIRE_TAG).bind(code).bind(now).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_form() {
        for (typed, expected) in [("it", Some("IT")), (" Site-2 ", Some("SITE-2")), ("", None), ("a b", None), ("-A", None), ("A-", None), ("Ä", None)] {
            assert_eq!(code(typed).as_deref(), expected, "{typed:?}");
        }
        assert_eq!(code(&"A".repeat(13)), None);
    }

    #[test]
    fn codes_travel_through_their_column() {
        let codes = chosen(&["hr".into(), "IT".into(), "HR".into()]).expect("fit");
        assert_eq!((join(&codes).as_str(), split(&join(&codes))), (" HR IT ", codes));
        assert_eq!(join(&[]), " ");
        assert!(chosen(&["a/b".into()]).is_err());
        assert!(chosen(&(0..21).map(|n| format!("T{n}")).collect::<Vec<_>>()).is_err());
    }
}
