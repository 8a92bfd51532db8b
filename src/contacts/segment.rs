//! Segments: contacts that a filter fits, whoever they are when it is asked.
//! Must stay true: a filter is data, never a statement: it is held against each contact in memory, since most of a contact lies
//! sealed; its depth, its tests and what one question looks at are bounded; a filter that was made is never changed.

use serde::{Deserialize, Serialize};

use super::card::Card;
use super::{Contact, Error, Filter, LISTS_MAX, MakeSegment, PAGE_MAX, page, sql};
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{ContactId, PersonId, SegmentId};
use crate::core::text::fold;
use crate::db::{Db, DbError, Detail};
use crate::policy::Permit;
use crate::repeat::{Once, Repeat};
use crate::vault::Place;

/// Groups within groups, tests of a filter, and characters of a value.
pub const DEPTH_MAX: usize = 3;
pub const TESTS_MAX: usize = 40;
pub const VALUE_CHARS_MAX: usize = 200;
/// Contacts that one question looks at, at most.
pub const LOOKED_MAX: usize = 2_000;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schema(no_recursion)]
pub enum Rule {
    /// All of them fit.
    All(Vec<Rule>),
    /// One of them fits.
    Any(Vec<Rule>),
    /// This fits.
    Test(Test),
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// `name`, `tag`, `region`, `zone`, `postal`, `number`, or `field:` and the name of a field of one's own.
    pub field: String,
    /// How.
    pub op: Op,
    /// With what; of no account to `known` and `unknown`.
    #[serde(default)]
    pub value: String,
}

/// How a value is held against another; case does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Is,
    IsNot,
    Contains,
    Begins,
    Known,
    Unknown,
}

impl Op {
    /// All of them, with their stable names.
    pub const ALL: [(Self, &'static str); 6] =
        [(Self::Is, "is"), (Self::IsNot, "is_not"), (Self::Contains, "contains"), (Self::Begins, "begins"), (Self::Known, "known"), (Self::Unknown, "unknown")];

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(op, _)| op)
    }
}

/// Fields that every contact has.
pub const FIELDS: [&str; 6] = ["name", "tag", "region", "zone", "postal", "number"];

/// Why a filter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("has groups within groups, more than three deep")]
    Deep,
    #[error("has more than forty tests")]
    Many,
    #[error("has a group without a test")]
    Empty,
    #[error("names a field that there is not")]
    Field,
    #[error("has a value that is missing, too long, or not on one line")]
    Value,
}

impl Rule {
    /// Is it within its bounds?
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut tests = 0;
        self.check_at(1, &mut tests)
    }

    fn check_at(&self, depth: usize, tests: &mut usize) -> Result<(), Wrong> {
        match self {
            Self::All(rules) | Self::Any(rules) => {
                if depth > DEPTH_MAX {
                    return Err(Wrong::Deep);
                }
                if rules.is_empty() {
                    return Err(Wrong::Empty);
                }
                rules.iter().try_for_each(|rule| rule.check_at(depth + 1, tests))
            }
            Self::Test(test) => {
                *tests += 1;
                if *tests > TESTS_MAX {
                    return Err(Wrong::Many);
                }
                let own = test.field.strip_prefix("field:").is_some_and(|name| !name.trim().is_empty() && name.chars().count() <= 60);
                if !own && !FIELDS.contains(&test.field.as_str()) {
                    return Err(Wrong::Field);
                }
                let needs = !matches!(test.op, Op::Known | Op::Unknown);
                let good = test.value.chars().count() <= VALUE_CHARS_MAX && !test.value.chars().any(char::is_control);
                if good && (!needs || !test.value.trim().is_empty()) { Ok(()) } else { Err(Wrong::Value) }
            }
        }
    }

    /// Does it fit a contact with this card?
    #[must_use]
    pub fn fits(&self, contact: &Contact, card: &Card) -> bool {
        match self {
            Self::All(rules) => rules.iter().all(|rule| rule.fits(contact, card)),
            Self::Any(rules) => rules.iter().any(|rule| rule.fits(contact, card)),
            Self::Test(test) => test.fits(contact, card),
        }
    }
}

impl Test {
    fn fits(&self, contact: &Contact, card: &Card) -> bool {
        let one = |text: &str| if text.is_empty() { Vec::new() } else { vec![fold(text)] };
        let values: Vec<String> = match self.field.as_str() {
            "name" => one(&card.name),
            "zone" => one(&card.zone),
            "postal" => one(&card.postal),
            "number" => one(&card.number),
            "region" => one(&contact.region),
            "tag" => card.tags.iter().map(|tag| fold(tag)).collect(),
            own => {
                let name = fold(own.strip_prefix("field:").unwrap_or_default().trim());
                card.fields.iter().filter(|(field, _)| fold(field) == name).flat_map(|(_, value)| one(value)).collect()
            }
        };
        let wanted = fold(self.value.trim());
        match self.op {
            Op::Known => !values.is_empty(),
            Op::Unknown => values.is_empty(),
            Op::Is => values.contains(&wanted),
            Op::IsNot => !values.contains(&wanted),
            Op::Contains => values.iter().any(|value| value.contains(&wanted)),
            Op::Begins => values.iter().any(|value| value.starts_with(&wanted)),
        }
    }
}

crate::row! {
    /// A segment as stored.
    #[derive(Clone, Debug)]
    pub struct Segment {
        /// Id.
        pub id: SegmentId,
        /// Its name.
        pub name: String,
        /// Its filter: what it looks for may be somebody's.
        pub sealed: Vec<u8>,
        /// Who made it.
        pub author: String,
        /// When.
        pub made_at: i64,
    }
}

/// Whose key seals filters.
const SUBJECT: &str = "system";

fn place(id: &SegmentId) -> Place<'_> {
    Place { table: "segment", row: id.as_str(), column: "sealed" }
}

impl Segment {
    /// Its filter.
    ///
    /// # Errors
    /// When what is stored is none, or does not open.
    pub async fn rule(&self, db: &Db) -> Result<Rule, Fault> {
        let plain = db.vault().unseal(&place(&self.id), &self.sealed).await.map_err(|error| Fault::with("open the filter of a segment", error))?;
        serde_json::from_slice(&plain).context("read the filter of a segment")
    }
}

/// Makes a segment.
///
/// # Errors
/// [`Error::Name`] when there is one of this name, whatever its case; [`Error::TooMany`].
pub async fn create(
    db: &Db,
    permit: Permit<MakeSegment>,
    author: &PersonId,
    name: &str,
    rule: &Rule,
    repeat: Option<&Repeat>,
) -> Result<Once<SegmentId>, Error> {
    let id = SegmentId::new(db.clock(), db.rng());
    let filter = serde_json::to_string(rule).context("write a filter")?;
    let sealed = db.vault().seal(SUBJECT, &place(&id), filter.as_bytes()).await.map_err(DbError::from)?;
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    tx.query(sql::LOCK_SEGMENTS).execute().await?;
    let there: i64 = tx.query(sql::COUNT_SEGMENTS).scalar().await?;
    if there >= LISTS_MAX {
        return Err(Error::TooMany);
    }
    let insert = tx.write(sql::INSERT_SEGMENT).bind(&id).bind(name).bind(fold(name)).bind(sealed).bind(author).bind(now);
    if let Err(error) = insert.execute().await.map_err(DbError::from) {
        return Err(if error.is_unique() { Error::Name } else { error.into() });
    }
    // Values of a filter may be somebody's: they lie under the key of who wrote it.
    tx.commit(permit, Detail::ok().with("name", name).personal("filter", &filter).keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// All segments, by name.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &Db) -> Result<Vec<Segment>, Error> {
    Ok(db.query(sql::SEGMENTS).all().await?)
}

/// The segment of this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, id: &SegmentId) -> Result<Option<Segment>, Error> {
    Ok(db.query(sql::SEGMENT).bind(id).optional().await?)
}

/// Who of those after a place fits.
#[derive(Debug)]
pub struct Found {
    /// At most as many as were asked for.
    pub contacts: Vec<Contact>,
    /// The last one that was looked at.
    pub last: Option<ContactId>,
    /// There are older ones that were not looked at.
    pub more: bool,
}

/// Contacts after `after` that the filter fits, newest first: at most `most`, out of at most [`LOOKED_MAX`] that are looked at.
///
/// # Errors
/// When the database fails.
pub async fn fitting(db: &Db, rule: &Rule, after: Option<&ContactId>, most: usize) -> Result<Found, Error> {
    let (mut contacts, mut last, mut looked) = (Vec::new(), after.cloned(), 0);
    loop {
        let found = page(db, &Filter::default(), last.as_ref(), PAGE_MAX).await?;
        let count = found.contacts.len();
        for (n, contact) in found.contacts.into_iter().enumerate() {
            last = Some(contact.id.clone());
            looked += 1;
            let fits = contact.card(db).await?.is_some_and(|card| rule.fits(&contact, &card));
            if fits {
                contacts.push(contact);
            }
            let more = n + 1 < count || found.more;
            if contacts.len() == most || looked == LOOKED_MAX {
                return Ok(Found { contacts, last, more });
            }
        }
        if !found.more {
            return Ok(Found { contacts, last, more: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card {
            number: "+14155552671".into(),
            name: "Anna Keller".into(),
            zone: String::new(),
            postal: "02139".into(),
            tags: vec!["VIP".into(), "spring".into()],
            fields: [("Clinic".to_owned(), "North".to_owned())].into(),
        }
    }

    fn contact() -> Contact {
        Contact {
            id: ContactId::mint(1, None, [0; 10]),
            number_ix: String::new(),
            masked: String::new(),
            region: "US".into(),
            sealed: Vec::new(),
            version: 1,
            made_at: 0,
            changed_at: 0,
            merged_into: None,
            opted_out: 0,
            blocked: 0,
        }
    }

    fn test(field: &str, op: Op, value: &str) -> Rule {
        Rule::Test(Test { field: field.into(), op, value: value.into() })
    }

    #[test]
    fn a_filter_fits_as_it_says() {
        let fits = |rule: &Rule| rule.fits(&contact(), &card());
        for (field, op, value, expected) in [
            ("name", Op::Is, "anna keller", true),
            ("name", Op::Is, "anna", false),
            ("name", Op::Begins, "ANNA", true),
            ("name", Op::Contains, "kell", true),
            ("tag", Op::Is, "vip", true),
            ("tag", Op::IsNot, "vip", false),
            ("tag", Op::IsNot, "autumn", true),
            ("region", Op::Is, "us", true),
            ("zone", Op::Unknown, "", true),
            ("postal", Op::Known, "", true),
            ("postal", Op::Begins, "021", true),
            ("number", Op::Begins, "+1415", true),
            ("field:clinic", Op::Is, "north", true),
            ("field:Colour", Op::Is, "blue", false),
            ("field:Colour", Op::IsNot, "blue", true),
            ("name", Op::Is, "' or 1=1 --", false),
        ] {
            assert_eq!(fits(&test(field, op, value)), expected, "{field} {op:?} {value}");
        }
        let (yes, no) = (test("region", Op::Is, "US"), test("region", Op::Is, "DE"));
        assert!(fits(&Rule::Any(vec![no.clone(), yes.clone()])) && !fits(&Rule::All(vec![yes.clone(), no.clone()])));
        assert!(fits(&Rule::All(vec![yes.clone(), Rule::Any(vec![no, yes])])));
    }

    #[test]
    fn a_filter_has_bounds() {
        let leaf = || test("name", Op::Is, "x");
        let deep = |n: usize| (0..n).fold(leaf(), |rule, _| Rule::All(vec![rule]));
        assert_eq!((deep(3).check(), deep(4).check()), (Ok(()), Err(Wrong::Deep)));
        let wide = |n: usize| Rule::Any((0..n).map(|_| leaf()).collect());
        assert_eq!((wide(40).check(), wide(41).check(), wide(0).check()), (Ok(()), Err(Wrong::Many), Err(Wrong::Empty)));
        for bad in ["", "sealed", "field:", "name; drop table contact"] {
            assert_eq!(test(bad, Op::Is, "x").check(), Err(Wrong::Field), "{bad}");
        }
        for bad in ["", " ", "a\nb", &"x".repeat(201)] {
            assert_eq!(test("name", Op::Is, bad).check(), Err(Wrong::Value), "{bad}");
        }
        assert_eq!(test("name", Op::Known, "").check(), Ok(()));
    }

    #[test]
    fn a_filter_is_read_back_and_nothing_else_is_one() {
        let rule = Rule::All(vec![test("tag", Op::Is, "vip"), Rule::Any(vec![test("region", Op::IsNot, "DE")])]);
        let text = serde_json::to_string(&rule).expect("JSON");
        assert_eq!(text, r#"{"all":[{"test":{"field":"tag","op":"is","value":"vip"}},{"any":[{"test":{"field":"region","op":"is_not","value":"DE"}}]}]}"#);
        assert_eq!(serde_json::from_str::<Rule>(&text).expect("a filter"), rule);
        for bad in [r#"{"sql":"1=1"}"#, r#"{"test":{"field":"tag","op":"like","value":"x"}}"#, r#"{"test":{"field":"tag","op":"is","value":"x","or":"1"}}"#] {
            assert!(serde_json::from_str::<Rule>(bad).is_err(), "{bad}");
        }
    }
}
