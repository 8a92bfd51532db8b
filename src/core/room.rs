//! The room on the disk: how much there is, how much is kept free, and when that is too little.
//! Must stay true: what is kept free is the smaller of a share and a number of bytes; once it was too little, a little more
//! than that must be free again, so that nobody is let in and thrown out in turn.

use std::path::Path;

/// At most so much more than the reserve must be free before it is enough again.
const MARGIN_BYTES_MAX: u64 = 64 << 20;

/// The room of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that this program may still write.
    pub free: u64,
    /// Bytes there are.
    pub total: u64,
}

impl Room {
    /// Asks the file system that `path` lies on.
    ///
    /// # Errors
    /// When it does not say.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let said = rustix::fs::statvfs(path)?;
        Ok(Self { free: said.f_bavail.saturating_mul(said.f_frsize), total: said.f_blocks.saturating_mul(said.f_frsize) })
    }
}

/// What is kept free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// A share of the disk, in percent; none keeps nothing.
    pub percent: u64,
    /// So many bytes at most.
    pub bytes: u64,
}

impl Reserve {
    /// Bytes to be kept free on a disk of this size.
    #[must_use]
    pub fn of(&self, total: u64) -> u64 {
        (total / 100).saturating_mul(self.percent).min(self.bytes)
    }

    /// Is there too little room, now that it was or was not before?
    #[must_use]
    pub fn is_short(&self, before: bool, room: Room) -> bool {
        let kept = self.of(room.total);
        let margin = if before { (kept / 4).min(MARGIN_BYTES_MAX) } else { 0 };
        room.free < kept.saturating_add(margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_smaller_of_share_and_bytes_is_kept() {
        let reserve = Reserve { percent: 5, bytes: 256 * MIB };
        assert_eq!(reserve.of(100_000 * MIB), 256 * MIB);
        assert_eq!(reserve.of(1000 * MIB), 50 * MIB);
        assert_eq!(Reserve { percent: 0, ..reserve }.of(1000 * MIB), 0);
        assert!(!Reserve { percent: 0, ..reserve }.is_short(true, Room { free: 0, total: 1000 * MIB }));
    }

    #[test]
    fn what_was_too_little_is_enough_again_only_with_a_margin() {
        let reserve = Reserve { percent: 5, bytes: 256 * MIB };
        let short = |before, free| reserve.is_short(before, Room { free: free * MIB, total: 100_000 * MIB });
        assert!(!short(false, 256) && short(false, 255));
        assert!(short(true, 256) && short(true, 319) && !short(true, 320));
        let small = |before, free| reserve.is_short(before, Room { free: free * MIB, total: 1000 * MIB });
        assert!(!small(false, 50) && small(true, 62) && !small(true, 63));
    }

    #[test]
    fn a_real_disk_says_how_much_room_it_has() {
        let dir = tempfile::tempdir().expect("a folder");
        let room = Room::of(dir.path()).expect("says");
        assert!(room.total > 0 && room.free <= room.total);
        assert!(Room::of(&dir.path().join("none")).is_err());
    }
}
