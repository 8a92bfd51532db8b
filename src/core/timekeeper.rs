//! Who keeps the machine's clock right, as far as files tell: no program is asked.
//! A service that runs in another container or on the host below is not seen.

use std::path::Path;

/// What keeps the clock right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timekeeper {
    /// `synchronised`: it says that the clock is right; `kept`: it runs; `unknown`: nothing is known.
    pub state: &'static str,
    /// Which service; `unknown` when none is seen.
    pub by: &'static str,
}

/// Made by systemd-timesyncd once it has set the clock.
const TIMESYNCD: &str = "run/systemd/timesync/synchronized";
/// Where services leave the number of their process.
const PID_FILES: [(&str, &str); 4] =
    [("run/chrony/chronyd.pid", "chrony"), ("run/chronyd.pid", "chrony"), ("run/ntpd.pid", "ntpd"), ("run/ntpsec/ntpd.pid", "ntpd")];

impl Timekeeper {
    /// The one of this machine.
    #[must_use]
    pub fn here() -> Self {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> Self {
        if root.join(TIMESYNCD).exists() {
            return Self { state: "synchronised", by: "systemd-timesyncd" };
        }
        // A file that was left behind names a process that is gone.
        let runs = |file: &str| {
            let pid = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            pid.trim().parse::<u32>().is_ok_and(|pid| root.join(format!("proc/{pid}")).exists())
        };
        let found = PID_FILES.iter().find(|(file, _)| runs(file));
        found.map_or(Self { state: "unknown", by: "unknown" }, |(_, by)| Self { state: "kept", by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_known_by_its_files() {
        let root = tempfile::tempdir().expect("a folder");
        let here = || Timekeeper::below(root.path());
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        assert_eq!(here(), Timekeeper { state: "unknown", by: "unknown" });
        write("run/chrony/chronyd.pid", "4711\n");
        assert_eq!(here().by, "unknown", "its process is gone");
        write("proc/4711/stat", "");
        assert_eq!(here(), Timekeeper { state: "kept", by: "chrony" });
        write(TIMESYNCD, "");
        assert_eq!(here(), Timekeeper { state: "synchronised", by: "systemd-timesyncd" });
    }
}
