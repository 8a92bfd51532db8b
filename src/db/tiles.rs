//! Hash tiles of a log: what the sequencer writes, and what proofs are made from.
//! A full tile of level 0 lies in `audit_tile`; the growing right edge of level 0 is read from `audit_chain`, at most 255 rows.

use countersign_audit::write::tile::{TileMap, tiles_for};
use countersign_audit::write::{Hash, proof};

use super::Db;
use crate::core::fault::{Context as _, Fault};

const TILE: &str = "select hashes from audit_tile where log = $1 and level = $2 and n = $3";
const EDGE: &str = "select leaf_hash from audit_chain where log = $1 and seq >= $2 and seq < $3 order by seq limit 256";
/// Every statement of this file, for the test that prepares them all.
pub const SQL: &[&str] = &[TILE, EDGE];

/// Cuts stored bytes into hashes; none when they are not whole hashes.
#[must_use]
pub fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (chunks, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| chunks.to_vec())
}

impl Db {
    /// Reads the tiles needed for proofs about `index` and the given sizes of log `log`.
    ///
    /// # Errors
    /// When the database fails or a tile is absent.
    pub async fn tiles(&self, log: i64, index: Option<u64>, sizes: &[u64]) -> Result<TileMap, Fault> {
        let size = sizes.iter().copied().max().unwrap_or(0);
        let mut map = TileMap::new();
        for tile in tiles_for(index, sizes) {
            if map.contains_key(&(tile.level, tile.index)) {
                continue;
            }
            let found = self.tile(log, tile.level, tile.index, size).await?;
            if found.len() < usize::from(tile.width) {
                return Err(Fault::new(format!("tile {}/{} of log {log} holds {} of {} hashes", tile.level, tile.index, found.len(), tile.width)));
            }
            map.insert((tile.level, tile.index), found);
        }
        Ok(map)
    }

    /// The hashes of one tile as far as it is filled.
    ///
    /// # Errors
    /// When the database fails or the stored bytes are not hashes.
    pub async fn tile(&self, log: i64, level: u8, index: u64, size: u64) -> Result<Vec<Hash>, Fault> {
        let n = i64::try_from(index).context("tile index")?;
        let stored: Option<(Vec<u8>,)> = self.query(TILE).bind(log).bind(i64::from(level)).bind(n).optional().await.context("read a tile")?;
        if let Some((bytes,)) = stored {
            return hashes(&bytes).ok_or_else(|| Fault::new("a stored tile is cut"));
        }
        if level > 0 {
            return Ok(Vec::new());
        }
        let first = n * 256;
        let last = i64::try_from(size).context("log size")?.min(first + 256);
        let rows: Vec<(Vec<u8>,)> = self.query(EDGE).bind(log).bind(first).bind(last).all().await.context("read the edge of the tree")?;
        rows.into_iter().map(|(h,)| h.try_into().map_err(|_| Fault::new("a leaf hash is cut"))).collect()
    }

    /// The root of the first `size` entries, from tiles.
    ///
    /// # Errors
    /// When the tiles are not there.
    pub async fn root(&self, log: i64, size: u64) -> Result<Hash, Fault> {
        let tiles = self.tiles(log, None, &[size]).await?;
        proof::root(size, &tiles).context("compute a root")
    }

    /// The inclusion proof of entry `seq` in the tree of `size` entries.
    ///
    /// # Errors
    /// When the tiles are not there.
    pub async fn inclusion(&self, log: i64, seq: u64, size: u64) -> Result<Vec<Hash>, Fault> {
        let tiles = self.tiles(log, Some(seq), &[size]).await?;
        proof::inclusion(seq, size, &tiles).context("prove inclusion")
    }

    /// The consistency proof between two sizes.
    ///
    /// # Errors
    /// When the tiles are not there.
    pub async fn consistency(&self, log: i64, old: u64, new: u64) -> Result<Vec<Hash>, Fault> {
        let tiles = self.tiles(log, None, &[old, new]).await?;
        proof::consistency(old, new, &tiles).context("prove consistency")
    }
}
