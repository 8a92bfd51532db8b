//! Reads the files of an export: regular ones only, bounded, and says absent when it means absent.
//! Links are not followed in or below `tile`, so that nothing outside the export is read for it.

use std::{
    fs,
    io::{Error, ErrorKind, Read},
    path::Path,
};

use super::report::Finding;

/// Deepest folder under `tile/`: a level, six groups of digits and a `.p`.
const DEPTH_MAX: usize = 10;

/// The bytes of `path` under `dir`, which may be at most `max` bytes long.
pub(super) fn read(dir: &Path, path: &str, max: usize) -> Result<Vec<u8>, Finding> {
    let full = dir.join(path);
    let absent = |error: Error| {
        let what = match error.kind() {
            ErrorKind::NotFound => "the file is missing".to_owned(),
            _ => format!("the file cannot be read: {error}"),
        };
        Finding::absent(Some(path.to_owned()), what)
    };
    let wrong = |what: &str| Finding::wrong(None, Some(path.to_owned()), what.to_owned());
    let about = fs::symlink_metadata(&full).map_err(absent)?;
    if !about.is_file() {
        return Err(wrong("not a regular file"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(max).min(max) + 1);
    let file = fs::File::open(&full).map_err(absent)?;
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(absent)?;
    if bytes.len() > max {
        return Err(wrong(&format!("the file is longer than the {max} bytes it can have")));
    }
    Ok(bytes)
}

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A regular file of this length.
    File(u64),
    Folder,
    /// A link, a device, or a folder too deep to be one of the format.
    Other,
}

/// Gets the path with `/` and what it is, and says of a folder whether to go into it; or what keeps a folder from being read.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Result<(&str, What), Finding>) -> bool;

/// Visits everything under the folder `path` in `dir`, in order of name.
pub(super) fn walk(dir: &Path, path: &str, visit: Visit<'_>) {
    walk_folder(dir, path, DEPTH_MAX, visit);
}

fn walk_folder(dir: &Path, path: &str, depth_left: usize, visit: Visit<'_>) {
    let entries = match list(dir, path, depth_left) {
        Ok(entries) => entries,
        Err(error) => {
            let what = format!("the folder cannot be read: {error}");
            visit(Err(Finding::absent(Some(path.to_owned()), what)));
            return;
        }
    };
    for (path, what) in entries {
        if visit(Ok((&path, what))) && what == What::Folder {
            walk_folder(dir, &path, depth_left - 1, visit);
        }
    }
}

fn list(dir: &Path, path: &str, depth_left: usize) -> Result<Vec<(String, What)>, Error> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir.join(path))? {
        let entry = entry?;
        let about = entry.metadata()?;
        let what = if about.is_file() {
            What::File(about.len())
        } else if about.is_dir() && depth_left > 0 {
            What::Folder
        } else {
            What::Other
        };
        // A name that is not UTF-8 is shown with U+FFFD, which no expected path contains.
        entries.push((format!("{path}/{}", entry.file_name().to_string_lossy()), what));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}
