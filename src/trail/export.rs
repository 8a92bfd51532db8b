//! The verifiable export: `checkpoint`, entry bundles and hash tiles, exactly those of the newest checkpoint, as a folder
//! for the command line or as a stream for the browser. Reads only, so it works beside a running server and in a fault.
//! Must stay true: at most one bundle of 256 entries is in memory.

use std::path::Path;

use countersign_audit::write::tile::{CHECKPOINT_PATH, TileId, all_bundles, all_tiles, bundle, entries_path, tile_path};

use super::{Error, read, sql};
use crate::core::fault::{Context as _, Fault};
use crate::db::integrity::LinkRow;
use crate::db::keep::BUNDLE;
use crate::db::token::TokenRow;
use crate::db::{Db, epoch};

/// The entries below the pruned minimum that are kept.
pub const RETAINED_PATH: &str = "retained.jsonl";

/// One file of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The signed checkpoint.
    Checkpoint,
    /// Entries: index and width of the bundle.
    Entries(u64, u16),
    /// Hashes.
    Tile(TileId),
    /// The checkpoint with which an epoch ended: its number and size.
    Epoch(i64, i64),
    /// The checkpoint of a time-stamp, as it was then.
    Stamped(u64),
    /// The token over it.
    Token(u64),
    /// Entries below the pruned minimum that are kept, since they say how long the others were.
    Retained,
}

/// What is exported: one log up to its newest checkpoint.
#[derive(Clone, Debug)]
pub struct Export {
    /// The log.
    pub log: i64,
    /// Entries.
    pub size: u64,
    /// Entries below this place were pruned: of those only the hashes are there.
    pub pruned: i64,
    /// The signed checkpoint, with what witnesses signed below it.
    pub note: String,
    /// Number and size of the epochs that ended within.
    pub ends: Vec<(i64, i64)>,
    /// Sizes that have a time-stamp, the smallest first.
    pub stamped: Vec<u64>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Entries.
    pub size: u64,
    /// Files.
    pub files: u64,
}

impl Export {
    /// Log `log` up to its newest checkpoint.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] when none was signed yet.
    pub async fn newest(db: &Db, log: i64) -> Result<Self, Error> {
        let kept = db.latest_checkpoint(log).await?.ok_or(Error::NoCheckpoint)?;
        let pruned = db.pruned_below(log).await?;
        let ends = epoch::ends(db, log, kept.size).await?.into_iter().map(|(n, seq)| (n, seq + 1)).collect();
        let (size, note) = (u64::try_from(kept.size).context("log size")?, db.cosigned(log, &kept).await?);
        Ok(Self { log, size, pruned, note, ends, stamped: Vec::new() })
    }

    /// The same with the time-stamps there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn with_tokens(mut self, db: &Db) -> Result<Self, Error> {
        let sizes = db.token_sizes(self.log, i64::try_from(self.size).context("log size")?).await?;
        self.stamped = sizes.into_iter().filter_map(|size| u64::try_from(size).ok()).collect();
        Ok(self)
    }

    /// Its files, the checkpoint first.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + Send + use<> {
        let first = u64::try_from(self.pruned / BUNDLE).unwrap_or(0);
        let bundles = all_bundles(self.size).filter(move |(index, _)| *index >= first).map(|(index, width)| Piece::Entries(index, width));
        let ends = self.ends.clone().into_iter().map(|(n, size)| Piece::Epoch(n, size));
        let retained = (self.pruned > 0).then_some(Piece::Retained);
        let tokens = self.stamped.clone().into_iter().flat_map(|size| [Piece::Stamped(size), Piece::Token(size)]);
        std::iter::once(Piece::Checkpoint).chain(ends).chain(bundles).chain(all_tiles(self.size).map(Piece::Tile)).chain(retained).chain(tokens)
    }

    /// Path and bytes of one file.
    ///
    /// # Errors
    /// When the database fails, or entries or hashes that must be there are not.
    pub async fn piece(&self, db: &Db, piece: Piece) -> Result<(String, Vec<u8>), Error> {
        Ok(match piece {
            Piece::Checkpoint => (CHECKPOINT_PATH.to_owned(), self.note.clone().into_bytes()),
            Piece::Entries(index, width) => (entries_path(index, width), self.entries(db, index, width).await?),
            Piece::Epoch(n, size) => (format!("epoch/{n}"), self.end(db, n, size).await?),
            Piece::Retained => (RETAINED_PATH.to_owned(), self.retained(db).await?),
            Piece::Tile(tile) => (tile_path(&tile), self.hashes(db, &tile).await?),
            Piece::Stamped(size) => (format!("tokens/{size}.note"), self.token(db, size).await?.note.into_bytes()),
            Piece::Token(size) => (format!("tokens/{size}.token"), self.token(db, size).await?.token),
        })
    }

    async fn end(&self, db: &Db, n: i64, size: i64) -> Result<Vec<u8>, Error> {
        let kept = db.checkpoint_at(self.log, size).await?;
        Ok(kept.ok_or_else(|| Fault::new(format!("the checkpoint that ended epoch {n} of log {} is gone", self.log)))?.note.into_bytes())
    }

    async fn token(&self, db: &Db, size: u64) -> Result<TokenRow, Error> {
        let found = db.token(self.log, i64::try_from(size).context("log size")?).await?;
        Ok(found.ok_or_else(|| Fault::new(format!("the time-stamp over {size} entries of log {} is gone", self.log)))?)
    }

    async fn entries(&self, db: &Db, index: u64, width: u16) -> Result<Vec<u8>, Error> {
        let first = i64::try_from(index * 256).context("place in the log")?;
        let rows = read::links(db, self.log, first, first + i64::from(width)).await?;
        if rows.len() != usize::from(width) {
            let what = format!("entries {first} to {} of log {}: {} of {width} are there", first + i64::from(width) - 1, self.log, rows.len());
            return Err(Fault::new(what).into());
        }
        let leaves = rows.iter().map(LinkRow::leaf).collect::<Result<Vec<_>, _>>()?;
        Ok(bundle(leaves.iter().map(Vec::as_slice)).context("form a bundle")?)
    }

    /// One leaf a line, oldest first.
    async fn retained(&self, db: &Db) -> Result<Vec<u8>, Error> {
        let rows: Vec<LinkRow> = db.query(sql::RETAINED).bind(self.log).bind(self.pruned).all().await?;
        let mut out = Vec::new();
        for row in rows {
            out.extend(row.leaf()?);
            out.push(b'\n');
        }
        Ok(out)
    }

    async fn hashes(&self, db: &Db, tile: &TileId) -> Result<Vec<u8>, Error> {
        let held = db.tile(self.log, tile.level, tile.index, self.size).await?;
        let width = usize::from(tile.width);
        // A tile may have grown since the checkpoint was signed.
        let held = held.get(..width).ok_or_else(|| Fault::new(format!("tile {}/{} holds {} of {width} hashes", tile.level, tile.index, held.len())))?;
        Ok(held.concat())
    }
}

/// Writes the export of the log in force to `dir`, which is absent or empty. To include the very last entries, have them
/// signed first.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::NoCheckpoint`], or when the database or the file system fails; what was written then stays.
pub async fn folder(db: &Db, dir: &Path) -> Result<Report, Error> {
    match std::fs::read_dir(dir) {
        Ok(mut inside) => {
            if inside.next().is_some() {
                return Err(Error::NotEmpty(dir.to_owned()));
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => std::fs::create_dir_all(dir).context("make the export's folder")?,
        Err(_) => return Err(Error::NotEmpty(dir.to_owned())),
    }
    let export = Export::newest(db, db.log().0).await?.with_tokens(db).await?;
    let mut files = 0;
    for piece in export.pieces() {
        let (path, bytes) = export.piece(db, piece).await?;
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await.context("make a folder of the export")?;
        }
        tokio::fs::write(&path, bytes).await.context("write a file of the export")?;
        files += 1;
    }
    Ok(Report { size: export.size, files })
}
