//! Uploaded evidence: received whole, durable, named by its hash; deleted items keep their row, their entry and their hash.
//! Must stay true: an item is committed only after its file is durable under the hash the item names; a file leaves the
//! server only after its entry is durable.

pub mod artifact;
pub mod bring;
pub mod expiry;
pub mod kind;
mod look;
pub mod says;
pub mod scrub;
pub mod sql;
pub mod standing;
pub mod strip;
mod sweep;
pub mod tags;
pub mod web;
mod web_about;
mod web_about_api;
pub mod web_bulk;
mod web_content;
mod web_multipart;
mod web_strip;
mod web_tags;
pub mod web_upload;

pub use artifact::Artifact;
pub use look::{LIST_ITEMS_MAX, Look, PAGE_ITEMS_MAX, Page, page};
pub use standing::{Flaw, Method, State, Window};
pub use sweep::sweep;

use crate::blobs::Incoming;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{EvidenceId, PersonId, SealId};
use crate::core::text::TextError;
use crate::db::{Db, DbError, Detail, Outcome};
use crate::http::templates::both_times;
use crate::policy::{On, Permit, Resource};
use crate::repeat::{self, Key, Once};
use kind::Kind;

/// Characters of a file's name.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of the reason for a deletion.
pub const REASON_CHARS_MAX: usize = 500;

crate::acts! {
    /// Upload a file.
    Upload = "evidence.upload" on On,
    /// See what there is.
    List = "evidence.list" on On,
    /// Get the file itself.
    Download = "evidence.download" on Evidence,
    /// Delete the file, keeping its entry and its hash.
    Delete = "evidence.delete" on Evidence,
    /// Say how, by whom and for when a draft was come by.
    Describe = "evidence.describe" on Evidence,
    /// Ask for the approval of a draft.
    Submit = "evidence.submit" on Evidence,
    /// Approve what somebody else uploaded.
    Approve = "evidence.approve" on Evidence,
    /// Give it back.
    Reject = "evidence.reject" on Evidence,
    /// Remind its owner that it expires.
    Remind = "evidence.remind" on On,
    /// Hold the stored files against their hashes.
    Scrub = "evidence.scrubbed" on On,
    /// Make a tag.
    MakeTag = "tag.create" on On,
    /// Retire one.
    RetireTag = "tag.retire" on On,
}

crate::row! {
    /// An item as stored, with the name of its owner.
    #[derive(Clone, Debug)]
    pub struct Evidence {
        /// Id.
        pub id: EvidenceId,
        /// Who uploaded it.
        pub owner_id: PersonId,
        /// The name they are shown by.
        pub owner: String,
        /// The file's name: data, never a path.
        pub name: String,
        /// The content type it is served with.
        pub kind: String,
        /// Bytes.
        pub size: i64,
        /// SHA-256 in hex.
        pub sha256: String,
        /// When it was uploaded.
        pub made_at: i64,
        /// When it was deleted.
        pub deleted_at: Option<i64>,
        /// Why.
        pub deleted_because: Option<String>,
        /// The first version of it.
        pub line_id: EvidenceId,
        /// Which version, from 1.
        pub number: i64,
        /// Codes of tags, a space before and after each.
        pub tags: String,
        /// The last day on which it holds.
        pub expires_on: Option<String>,
        /// When its approval was asked for.
        pub submitted_at: Option<i64>,
        /// When it was approved.
        pub approved_at: Option<i64>,
        /// When a later version took its place.
        pub superseded_at: Option<i64>,
    }
}

impl Evidence {
    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> State {
        State::of(self.submitted_at, self.approved_at, self.superseded_at)
    }
}

impl Resource for Evidence {
    fn on(&self) -> On {
        On {
            label: Some(self.name.clone()),
            owner: Some(self.owner_id.clone()),
            author: Some(self.owner_id.clone()),
            // The name is the owner's, so it is sealed under their key whoever reads it.
            subject: Some(self.owner_id.to_string()),
            ..On::one("evidence", &self.id)
        }
    }
}

/// A file that arrived whole and was found fit, not yet durable.
#[derive(Debug)]
pub struct Received {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub incoming: Incoming,
    /// The idempotency key of the request.
    pub key: Option<Key>,
}

/// What one person may keep here.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Bytes of all live files.
    pub bytes_max: i64,
    /// Number of live files.
    pub files_max: i64,
}

crate::row! {
    /// What one person keeps here.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Usage {
        /// Bytes of all live files.
        pub bytes: i64,
        /// Number of live files.
        pub files: i64,
    }
}

impl Quota {
    /// Is there room for one more file of `size` bytes?
    fn admits(self, used: Usage, size: i64) -> Result<(), Error> {
        let fits = used.files < self.files_max && used.bytes.checked_add(size).is_some_and(|sum| sum <= self.bytes_max);
        if fits { Ok(()) } else { Err(Error::Quota) }
    }
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The owner's space does not take this file.
    #[error("there is not enough space left")]
    Quota,
    /// The state does not allow it (any more).
    #[error("the state does not allow it")]
    State,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed it meanwhile")]
    Changed,
    /// A text that cannot stay as it is.
    #[error("`{field}` {error}")]
    Text {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        error: TextError,
    },
    /// A field that does not fit, with the code of the text that says why.
    #[error("`{field}`: {code}")]
    Field {
        /// Which.
        field: &'static str,
        /// The text is `error-<code>`.
        code: &'static str,
    },
    /// A seal keeps it until its day.
    #[error("seal `{}` keeps it; it can be deleted from {} on", .0.seal_id, .0.free_on())]
    Sealed(Sealed),
    /// The request came before.
    #[error(transparent)]
    Repeat(#[from] repeat::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something inside.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<crate::store::StoreError> for Error {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Db(error.into())
    }
}

/// Makes a received file durable and commits its item. The same content may be there already: it is stored once and listed
/// twice, unless the request itself came before: then its file is dropped, and the first one's item is the answer.
///
/// # Errors
/// [`Error::Quota`], [`repeat::Error::OtherBody`]; then nothing was committed, and a file that nothing names is swept.
pub async fn upload(db: &Db, permit: Permit<Upload>, owner: &PersonId, received: Received, quota: Quota) -> Result<Once<EvidenceId>, Error> {
    put(db, permit, owner, received, quota, None, None).await
}

/// The same as a new version of what is there already, which it takes the place of once it is approved. What was said of the
/// newest version is said of it, too; what time it is of, and how long it holds, is not.
///
/// # Errors
/// As [`upload`]; [`Error::State`] when there are too many versions.
pub async fn upload_version(
    db: &Db,
    permit: Permit<Upload>,
    owner: &PersonId,
    received: Received,
    quota: Quota,
    line: &EvidenceId,
) -> Result<Once<EvidenceId>, Error> {
    put(db, permit, owner, received, quota, Some(line), None).await
}

/// The same as a version that was made of another one by leaving out what that says of itself; the entry names it. It belongs to
/// whom that one belongs: who makes a copy does not become the uploader of what another uploaded, who then could approve it.
///
/// # Errors
/// As [`upload_version`].
pub async fn upload_stripped(db: &Db, permit: Permit<Upload>, received: Received, quota: Quota, of: &Evidence) -> Result<Once<EvidenceId>, Error> {
    put(db, permit, &of.owner_id, received, quota, Some(&of.line_id), Some(&of.id)).await
}

async fn put(
    db: &Db,
    permit: Permit<Upload>,
    owner: &PersonId,
    received: Received,
    quota: Quota,
    line: Option<&EvidenceId>,
    stripped_of: Option<&EvidenceId>,
) -> Result<Once<EvidenceId>, Error> {
    let Received { name, kind, incoming, key } = received;
    let repeat = key.map(|key| key.with(db, &(incoming.sha256(), &name, line))).transpose()?;
    let size = i64::try_from(incoming.size()).context("count the bytes of an upload")?;
    let used = usage(db, owner).await?;
    // Only after the usage: what an equal request has just used up, it has also answered.
    if let Some(repeat) = &repeat
        && let Some(answer) = repeat.look(db).await?
    {
        return Ok(Once::again(answer));
    }
    // Asked again below; here it spares the disk a flush.
    quota.admits(used, size)?;
    let (stored, says) = {
        let _keeping = sweep::keeping().await;
        let mut incoming = incoming;
        let says = says::read(kind, &mut incoming).await;
        (incoming.keep().await?, says)
    };
    let id = EvidenceId::new(db.clock(), db.rng());
    let permit = permit.naming(&id).about(owner.as_str());
    let mut tx = db.begin(&permit).await?;
    if let Some(repeat) = &repeat
        && !repeat.keep(&mut tx, &id).await?
    {
        drop(tx);
        return Ok(Once::again(repeat.answer(db).await?));
    }
    let now = tx.now();
    tx.query(sql::LOCK_QUOTA).execute().await?;
    let used: Usage = tx.query(sql::USAGE).bind(owner).one().await?;
    quota.admits(used, size)?;
    let before: Option<Artifact> = match line {
        Some(line) => Some(tx.query(sql::NEWEST).bind(line).optional().await?.ok_or(Error::State)?),
        None => None,
    };
    let number = before.as_ref().map_or(1, |b| b.number + 1);
    if number > artifact::VERSIONS_MAX {
        return Err(Error::State);
    }
    let about = before.map(|b| (b.method, b.collector, b.obtained, b.tags));
    let (method, collector, obtained, tags) = about.unwrap_or_else(|| (None, String::new(), String::new(), " ".to_owned()));
    let fresh = bring::Fresh { name: &name, mime: kind.mime, size, sha256: &stored.sha256, says: &says };
    bring::insert(&mut tx, (&id, owner, now), &fresh, (line.unwrap_or(&id), number), (method, collector, obtained, tags)).await?;
    let mut detail = Detail::ok().with("sha256", stored.sha256).with("size", size).with("type", kind.mime).personal("name", &name);
    if let Some(line) = line {
        detail = detail.with("line", line.as_str()).with("version", number);
    }
    if let Some(of) = stripped_of {
        detail = detail.with("without_metadata_of", of.as_str());
    }
    tx.commit(permit, detail.keyed(repeat.map(|r| r.key().to_owned()))).await?;
    Ok(Once::now(id))
}

/// Records that `bytes` of the file, from `start` on, are about to leave.
///
/// # Errors
/// When the entry could not be made durable: then nothing may leave.
pub async fn download(db: &Db, permit: Permit<Download>, item: &Evidence, start: i64, bytes: i64) -> Result<(), Error> {
    db.record(permit, Detail::ok().with("sha256", item.sha256.as_str()).with("from", start).with("bytes", bytes)).await?;
    Ok(())
}

/// Records that the stored file is not what was uploaded; `found` is its hash now.
///
/// # Errors
/// When the entry could not be made durable.
pub async fn altered(db: &Db, permit: Permit<Download>, item: &Evidence, found: &str) -> Result<(), Error> {
    let detail = Detail::of(Outcome::Error).because("hash_mismatch").with("sha256", item.sha256.as_str()).with("found", found);
    db.record(permit, detail).await?;
    Ok(())
}

crate::row! {
    /// The seal that keeps an item longest.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Sealed {
        /// Its id.
        pub seal_id: SealId,
        /// Until when it does.
        pub retain_until: i64,
    }
}

impl Sealed {
    /// The first day on which it does not any more, as in 2032-01-16.
    #[must_use]
    pub fn free_on(&self) -> String {
        both_times(self.retain_until, "UTC").0.chars().take(10).collect()
    }
}

/// The seal that keeps an item now, if one does.
///
/// # Errors
/// When the database fails.
pub async fn sealed(db: &Db, id: &EvidenceId) -> Result<Option<Sealed>, Fault> {
    db.query(sql::SEALED).bind(id).bind(db.clock().now()).optional().await.context("look for a seal")
}

/// Deletes an item: nobody gets its file any more, its row and its hash stay. The file itself is left for the sweep, which
/// spares it while another item has the same content.
///
/// # Errors
/// [`Error::Sealed`]; [`Error::State`] when it is deleted already.
pub async fn delete(db: &Db, permit: Permit<Delete>, item: &Evidence, reason: &str) -> Result<(), Error> {
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    tx.query(sql::LOCK_SEAL).execute().await?;
    if let Some(sealed) = tx.query(sql::SEALED).bind(&item.id).bind(now).optional().await? {
        return Err(Error::Sealed(sealed));
    }
    if tx.write(sql::DELETE).bind(&item.id).bind(&item.owner_id).bind(now).bind(reason).execute().await? != 1 {
        return Err(Error::State);
    }
    tx.commit(permit, Detail::ok().with("sha256", item.sha256.as_str()).personal("reason", reason)).await?;
    Ok(())
}

/// The item of this id, live or deleted.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &Db, id: &EvidenceId) -> Result<Option<Evidence>, Fault> {
    db.query(sql::BY_ID).bind(id).optional().await.context("find evidence")
}

/// What a person keeps here.
///
/// # Errors
/// When the database fails.
pub async fn usage(db: &Db, owner: &PersonId) -> Result<Usage, Fault> {
    db.query(sql::USAGE).bind(owner).one().await.context("sum up the evidence of a person")
}

/// Where the chain has the entry of an item's upload; none while it is not linked, or of an earlier log.
///
/// # Errors
/// When the database fails.
pub async fn upload_seq(db: &Db, id: &EvidenceId) -> Result<Option<i64>, Fault> {
    let row: Option<(i64,)> = db.query(sql::UPLOAD_SEQ).bind(id).bind(db.log().0).optional().await.context("find the entry of an upload")?;
    Ok(row.map(|(seq,)| seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_full_at_its_last_byte_and_its_last_file() {
        let quota = Quota { bytes_max: 100, files_max: 2 };
        for (bytes, files, size, fits) in
            [(0, 0, 100, true), (0, 0, 101, false), (99, 1, 1, true), (99, 1, 2, false), (0, 2, 1, false), (i64::MAX, 0, 1, false)]
        {
            assert_eq!(quota.admits(Usage { bytes, files }, size).is_ok(), fits, "{bytes} {files} {size}");
        }
    }

    #[test]
    fn the_policy_sees_the_owner_and_the_entry_seals_the_name_under_their_key() {
        let owner: PersonId = "usr_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id");
        let item = Evidence {
            id: "evd_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"),
            owner_id: owner.clone(),
            owner: "Ada".into(),
            name: "a.txt".into(),
            kind: "text/plain".into(),
            size: 1,
            sha256: "00".repeat(32),
            made_at: 0,
            deleted_at: None,
            deleted_because: None,
            line_id: "evd_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"),
            number: 1,
            tags: " ".into(),
            expires_on: None,
            submitted_at: None,
            approved_at: None,
            superseded_at: None,
        };
        let on = item.on();
        assert_eq!((on.kind, on.id.as_deref(), on.label.as_deref()), ("evidence", Some(item.id.as_str()), Some("a.txt")));
        assert_eq!((on.owner, on.author, on.subject), (Some(owner.clone()), Some(owner.clone()), Some(owner.to_string())));
    }
}
