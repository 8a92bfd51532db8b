//! Images and documents that belong to a record: sealed piece by piece under its key as they come in, read for a purpose,
//! gone with it.
//! Must stay true: no plaintext touches the disk; what a file is, is told by its content; a file leaves as an attachment, and
//! only after its entry.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::try_unfold;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::read::{Wanted, told};
use super::{Error, Record, gone_or, sql};
use crate::blobs::Incoming;
use crate::core::fault::{Context as _, Fault, chain_of};
use crate::core::id::{FileId, IntakeId, PersonId};
use crate::core::text::Line;
use crate::db::{Db, DbError, Detail};
use crate::flow::Flows;
use crate::http::App;
use crate::http::download::content_disposition;
use crate::http::headers::{IsDownload, IsPrivate};
use crate::policy::{Act, On, Permit};
use crate::vault::{OpenError, Opener, Place, Sealer};

/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = 10_000_000;
/// Files of a record, whoever sent them.
pub const FILES_MAX: i64 = 50;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 200;
/// Bytes by which a file is judged.
const HEAD_BYTES: usize = 64;
/// What is taken, with the ending it leaves under.
const KINDS: [(&str, &str); 5] = [("image/jpeg", "jpg"), ("image/png", "png"), ("image/gif", "gif"), ("image/webp", "webp"), ("application/pdf", "pdf")];

crate::row! {
    /// A file as stored.
    #[derive(Clone, Debug)]
    pub struct Stored {
        /// Id.
        pub id: FileId,
        /// Whose it is.
        pub record_id: IntakeId,
        /// What it is, as its content told.
        pub kind: String,
        /// Its name, size and hash.
        pub meta_sealed: Option<Vec<u8>>,
        /// The stored bytes.
        pub sha256: Option<String>,
        /// Who added it; none for the patient.
        pub person: Option<String>,
        /// When.
        pub made_at: i64,
    }
}

#[derive(Serialize, Deserialize)]
struct Meta {
    name: String,
    size: u64,
    sha256: String,
}

fn place<'a>(id: &'a FileId, column: &'a str) -> Place<'a> {
    Place { table: "intake_file", row: id.as_str(), column }
}

/// What a file is, when it is taken.
fn kind_of(head: &[u8]) -> Option<&'static str> {
    let found = infer::get(head)?.mime_type();
    KINDS.iter().map(|(kind, _)| *kind).find(|kind| *kind == found)
}

/// A file on its way in. Dropping it removes what came so far.
#[derive(Debug)]
pub struct Arriving {
    id: FileId,
    sealer: Sealer,
    incoming: Incoming,
    head: Zeroizing<Vec<u8>>,
    size: u64,
    hash: Sha256,
    most: i64,
    link: Option<String>,
}

impl Arriving {
    /// Begins to take a file for a record that has fewer than `most`; by the link of `token`, if it came by one.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Merged`], [`Error::Full`]; when the disk or a database fails.
    pub async fn begin(app: &App, record: &Record, most: i64, token: Option<&str>) -> Result<Self, Error> {
        super::change::still(record)?;
        let there: i64 = app.db.query(sql::COUNT_FILES).bind(&record.id).bind(most).scalar().await?;
        if there >= most {
            return Err(Error::Full);
        }
        let link = token.map(|token| super::link_ix(&app.db, token));
        let id = FileId::new(app.db.clock(), app.db.rng());
        let sealer = app.db.vault().seal_stream(record.id.as_str(), &place(&id, "content")).await.map_err(DbError::from)?;
        let incoming = app.blobs.receive().await?;
        Ok(Self { sealer, incoming, head: Zeroizing::default(), size: 0, hash: Sha256::new(), id, most, link })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Kind`] as soon as it shows.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.size > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        if self.head.len() < HEAD_BYTES {
            let wanted = HEAD_BYTES - self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(wanted)]);
            if self.head.len() == HEAD_BYTES && kind_of(&self.head).is_none() {
                return Err(Error::Kind);
            }
        }
        self.hash.update(bytes);
        let sealed = self.sealer.push(bytes);
        if !sealed.is_empty() {
            self.incoming.write(&sealed).await?;
        }
        Ok(())
    }

    /// Keeps it, while the record has room for it, and the link it came by still opens it. What is refused here leaves nothing.
    ///
    /// # Errors
    /// [`Error::Kind`], [`Error::Full`], [`Error::Gone`]; [`Error::NotFound`] when the link was used or ran out meanwhile.
    pub async fn keep<A: Act>(mut self, app: &App, permit: Permit<A>, record: &Record, name: &str, by: Option<&PersonId>) -> Result<FileId, Error> {
        let db = &app.db;
        let kind = kind_of(&self.head).ok_or(Error::Kind)?;
        let name = named(name, kind);
        self.incoming.write(&self.sealer.end()).await?;
        let meta = Meta { name, size: self.size, sha256: hex::encode(self.hash.finalize()) };
        let meta = Zeroizing::new(serde_json::to_vec(&meta).map_err(|e| Fault::with("write what is said of a file", e))?);
        let meta = db.vault().seal_padded(record.id.as_str(), &place(&self.id, "meta"), &meta).await.map_err(DbError::from)?;
        // Durable before anything names it; the same bytes never come twice, since each is sealed under a new nonce.
        let sha256 = self.incoming.keep().await?.sha256;
        let whole = Whole { id: self.id, kind, meta, sha256: sha256.clone(), most: self.most, link: self.link };
        match whole.enter(db, permit, record, by).await {
            Err(refused @ (Error::Full | Error::Gone | Error::NotFound)) => {
                if let Err(fault) = app.blobs.remove(&sha256).await {
                    tracing::warn!(fault = fault.chain(), "a file that was refused lies there still; the sweep takes it");
                }
                Err(refused)
            }
            done => done,
        }
    }
}

/// A file that is durable and that nothing names yet.
struct Whole {
    id: FileId,
    kind: &'static str,
    meta: Vec<u8>,
    sha256: String,
    most: i64,
    link: Option<String>,
}

impl Whole {
    async fn enter<A: Act>(self, db: &Db, permit: Permit<A>, record: &Record, by: Option<&PersonId>) -> Result<FileId, Error> {
        let mut tx = db.begin(&permit).await?;
        let now = tx.now();
        let (there, refusal) = match self.link {
            None => (tx.write(sql::IS_THERE).bind(&record.id).bind(now).execute().await?, Error::Gone),
            Some(link) => (tx.write(sql::IS_OPEN).bind(&record.id).bind(now).bind(link).bind(now).execute().await?, Error::NotFound),
        };
        if there != 1 {
            return Err(refusal);
        }
        let files: i64 = tx.query(sql::COUNT_FILES).bind(&record.id).bind(self.most).scalar().await?;
        if files >= self.most {
            return Err(Error::Full);
        }
        let insert = tx.write(sql::INSERT_FILE).bind(&self.id).bind(&record.id).bind(self.kind).bind(Some(self.meta)).bind(Some(self.sha256.clone()));
        insert.bind(super::by(by)).bind(now).execute().await?;
        let detail = Detail::ok().with("file", self.id.as_str()).with("kind", self.kind).with("sealed_sha256", self.sha256.as_str());
        tx.commit(permit, detail).await?;
        Ok(self.id)
    }
}

/// A name with the ending that fits the content.
fn named(sent: &str, kind: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let ending = KINDS.iter().find(|(k, _)| *k == kind).map_or("bin", |(_, ending)| *ending);
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let stem = Line::parse(stem, NAME_CHARS_MAX).unwrap_or_else(|_| "file".into());
    format!("{stem}.{ending}")
}

/// The record that a file sent from a number belongs to: one whose conversation is open, or that a person has; with how many it
/// may have.
///
/// # Errors
/// When a database fails.
pub async fn of_number(db: &Db, flows: &Flows, e164: &str, channel: &str) -> Result<Option<(Record, i64)>, Error> {
    for channel in [channel, "web"] {
        let newest: Option<Record> = db.query(sql::NEWEST_OF_NUMBER).bind(super::number_ix(db, e164)).bind(channel).optional().await?;
        let Some(record) = newest else { continue };
        let record = super::merge::whole(db, record).await?;
        let is_open = record.state == "handover" || (record.state == "open" && record.expires_at > db.clock().now() && record.consent_at.is_some());
        if let Some(flow) = flows.get(&record.flow).filter(|_| is_open && record.is_there()) {
            return Ok(Some((record, flow.files_max)));
        }
    }
    Ok(None)
}

/// The files of a record and of those that went into it, newest first, at most two hundred, without what was shredded.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, record: &Record) -> Result<Vec<Stored>, Error> {
    let all: Vec<Stored> = db.query(sql::FILES).bind(&record.id).all().await?;
    Ok(all.into_iter().filter(|file| file.meta_sealed.is_some()).collect())
}

/// A file of a record, or of one that went into it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Gone`].
pub async fn find(db: &Db, record: &Record, id: &FileId) -> Result<Stored, Error> {
    let file: Stored = db.query(sql::FILE_BY_ID).bind(id).optional().await?.ok_or(Error::NotFound)?;
    if file.record_id != record.id {
        let of: Record = super::read::find(db, &file.record_id).await?.ok_or(Error::NotFound)?;
        if of.merged_into.as_ref() != Some(&record.id) {
            return Err(Error::NotFound);
        }
    }
    if file.meta_sealed.is_some() { Ok(file) } else { Err(Error::Gone) }
}

/// Enters that a file is read, and gives it.
///
/// # Errors
/// [`Error::Gone`] for what was shredded.
pub async fn reveal<A: Act<On = On>>(
    app: &App,
    permit: Permit<A>,
    record: &Record,
    by: &PersonId,
    file: &Stored,
    wanted: Wanted<'_>,
) -> Result<Response, Error> {
    let (Some(sealed), Some(sha256)) = (&file.meta_sealed, &file.sha256) else { return Err(Error::Gone) };
    let meta = gone_or(app.db.vault().unseal_padded(&place(&file.id, "meta"), sealed).await)?.ok_or(Error::Gone)?;
    let meta: Meta = serde_json::from_str(&meta).map_err(|e| Fault::with("read what is said of a file", e))?;
    let opened = app.blobs.open(sha256).await?.ok_or_else(|| Fault::new(format!("the stored file of `{}` is missing; restore it from a backup", file.id)))?;
    told(&app.db, permit, record, by, wanted, "reveal", Vec::new(), |detail| detail.with("file", file.id.as_str())).await?;
    let out =
        Out { file: opened.file, opener: app.db.vault().open_stream(&place(&file.id, "content")), piece: None, ahead: None, left: meta.size, done: false };
    let body = try_unfold(out, |mut out| async move {
        match out.next().await {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => Ok(Some((bytes, out))),
            Err(error) => {
                tracing::error!(fault = chain_of(&error), "a file of an intake was broken off");
                Err(error)
            }
        }
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    let kind = KINDS.iter().find(|(kind, _)| *kind == file.kind).map_or("application/octet-stream", |(kind, _)| *kind);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = HeaderValue::from_str(&content_disposition(&meta.name)).context("name a file in a header")?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(meta.size));
    response.extensions_mut().insert(IsDownload);
    response.extensions_mut().insert(IsPrivate);
    Ok(response)
}

/// A file on its way out; one piece is read ahead, since the last is told by nothing behind it.
struct Out {
    file: tokio::fs::File,
    opener: Opener,
    /// Bytes of a whole piece.
    piece: Option<usize>,
    ahead: Option<Vec<u8>>,
    left: u64,
    done: bool,
}

impl Out {
    async fn read(&mut self) -> Result<Vec<u8>, Error> {
        let mut sealed = Vec::new();
        let most = match self.piece {
            Some(most) => most,
            None => {
                let mut head = [0; 2];
                self.file.read_exact(&mut head).await.context("read a stored file")?;
                sealed.extend_from_slice(&head);
                *self.piece.insert(Opener::sealed_bytes(&head).ok_or_else(|| Fault::new("a stored file is too short"))?)
            }
        };
        let wanted = (most - sealed.len()) as u64;
        (&mut self.file).take(wanted).read_to_end(&mut sealed).await.context("read a stored file")?;
        Ok(sealed)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while !self.done {
            let now = match self.ahead.take() {
                Some(now) => now,
                None => self.read().await?,
            };
            let ahead = self.read().await?;
            self.done = ahead.is_empty();
            self.ahead = Some(ahead);
            let mut plain = self.opener.piece(&now, self.done).await.map_err(|e| match e {
                OpenError::Erased => Error::Gone,
                other => DbError::from(other).into(),
            })?;
            self.left = self.left.checked_sub(plain.len() as u64).ok_or_else(|| Fault::new("a stored file is longer than it was"))?;
            if self.done && self.left != 0 {
                return Err(Fault::new("a stored file is shorter than it was").into());
            }
            if !plain.is_empty() {
                return Ok(Some(Bytes::from(std::mem::take(&mut *plain))));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_as_its_content_is() {
        for (sent, kind, name) in [
            ("scan.pdf", "application/pdf", "scan.pdf"),
            ("C:\\pictures\\me.exe", "image/png", "me.png"),
            ("../../etc/passwd", "image/jpeg", "passwd.jpg"),
            ("", "image/webp", "file.webp"),
            ("a\nb.gif", "image/gif", "file.gif"),
        ] {
            assert_eq!(named(sent, kind), name, "{sent:?}");
        }
        assert_eq!(kind_of(b"%PDF-1.7 and so on"), Some("application/pdf"));
        for other in [&b"MZ\x90\0"[..], b"<html>", b"PK\x03\x04", b"", b"<svg xmlns"] {
            assert_eq!(kind_of(other), None);
        }
    }
}
