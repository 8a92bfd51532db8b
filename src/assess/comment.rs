//! What people say about an objective. Who is mentioned with `@name` hears of it.
//! Must stay true: a comment is never changed; only who may see assessments hears of one.

use std::collections::BTreeSet;

use super::{Error, Remark, sql, state};
use crate::core::id::{AssessmentId, CommentId, PersonId};
use crate::core::text::{Paragraph, fold};
use crate::db::{Db, DbError, Detail};
use crate::notices::Notice;
use crate::policy::Permit;
use crate::repeat::{Key, Once};

/// Characters of a comment.
pub const COMMENT_CHARS_MAX: usize = 2000;
/// People mentioned in one comment.
const MENTIONS_MAX: usize = 10;
/// The template of the notice.
pub const MENTION: &str = "mention";

crate::row! {
    /// A comment.
    #[derive(Clone, Debug)]
    pub struct Comment {
        /// Id.
        pub id: CommentId,
        /// What.
        pub text: String,
        /// Who.
        pub by_whom: String,
        /// When.
        pub made_at: i64,
    }
}

/// The user names mentioned in a text.
fn mentioned(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || "(),;:!?\"'".contains(c)).filter_map(|w| w.strip_prefix('@'));
    words.map(|w| fold(w.trim_end_matches('.'))).filter(|w| !w.is_empty()).collect()
}

/// Says something about an objective.
///
/// # Errors
/// [`Error::Text`].
pub async fn comment(
    db: &Db,
    permit: Permit<Remark>,
    (person, name): (&PersonId, &str),
    (assessment, objective): (&AssessmentId, &str),
    text: &str,
    key: Option<Key>,
) -> Result<Once<CommentId>, Error> {
    let text = Paragraph::parse(text, COMMENT_CHARS_MAX).map_err(|error| Error::Text { field: "text", error })?;
    let repeat = key.map(|key| key.with(db, &(assessment, objective, &text))).transpose()?;
    let names = mentioned(&text);
    let mut notices = Vec::new();
    if !names.is_empty() {
        let people = state::people(db).await?.into_iter().filter(|p| p.id != *person && names.contains(&fold(&p.username)));
        for who in people.take(MENTIONS_MAX) {
            let args = [("by", name), ("objective", objective), ("path", &format!("/assess/{assessment}"))];
            match Notice::prepare(db, "any", &who.id, MENTION, &args).await {
                // Deleted since they were listed.
                Err(DbError::Erased) => {}
                notice => notices.push(notice?),
            }
        }
    }
    let id = CommentId::new(db.clock(), db.rng());
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    tx.write(sql::INSERT_COMMENT).bind(&id).bind(assessment).bind(objective).bind(&text).bind(person).bind(now).execute().await?;
    let told = i64::try_from(notices.len()).unwrap_or(i64::MAX);
    for notice in notices {
        notice.insert(&mut tx).await?;
    }
    let detail = Detail::ok().with("assessment", assessment.as_str()).with("objective", objective).with("comment", id.as_str()).with("mentions", told);
    tx.commit(permit, detail.personal("text", &text).keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// What was said about an objective, newest first.
///
/// # Errors
/// When the database fails.
pub async fn comments(db: &Db, assessment: &AssessmentId, objective: &str) -> Result<Vec<Comment>, Error> {
    Ok(db.query(sql::COMMENTS).bind(assessment).bind(objective).all().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_mentioned_is_found_among_other_words() {
        let names = |text: &str| mentioned(text).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(names("@Dana.Whitfield, see (@omar.bell). mail a@b.org"), "dana.whitfield omar.bell");
        assert_eq!(names("@ @. nothing"), "");
    }
}
