//! Reads the files of an export: regular ones only, bounded, and says absent when it means absent.
//! Links are not followed below `tile/`, so that nothing outside the export is read for it.

use std::{
    fs,
    io::{ErrorKind, Read},
    path::Path,
};

use super::report::Finding;

/// Deepest folder under `tile/`: a level, six groups of digits and a `.p`.
const DEPTH_MAX: usize = 10;

/// The bytes of `path` under `dir`, which may be at most `max` bytes long.
pub(super) fn read(dir: &Path, path: &str, max: usize) -> Result<Vec<u8>, Finding> {
    let full = dir.join(path);
    let absent = |error: std::io::Error| {
        let what = match error.kind() {
            ErrorKind::NotFound => "the file is missing".to_owned(),
            _ => format!("the file cannot be read: {error}"),
        };
        Finding::absent(Some(path.to_owned()), what)
    };
    let wrong = |what: &str| Finding::wrong(None, Some(path.to_owned()), what.to_owned());
    if !fs::symlink_metadata(&full).map_err(absent)?.is_file() {
        return Err(wrong("not a regular file"));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(&full).map_err(absent)?;
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(absent)?;
    if bytes.len() > max {
        return Err(wrong(&format!("the file is longer than the {max} bytes it can have")));
    }
    Ok(bytes)
}

/// Visits everything under `path` in `dir` that is not a folder, in order of name. `visit` gets the
/// path with `/` and whether it is a regular file. Gives the first folder that could not be read.
pub(super) fn walk(dir: &Path, path: &str, visit: &mut dyn FnMut(&str, bool)) -> Result<(), Finding> {
    walk_folder(dir, path, DEPTH_MAX, visit)
}

fn walk_folder(dir: &Path, path: &str, depth_left: usize, visit: &mut dyn FnMut(&str, bool)) -> Result<(), Finding> {
    let absent = |error: std::io::Error| Finding::absent(Some(path.to_owned()), format!("the folder cannot be read: {error}"));
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir.join(path)).map_err(absent)? {
        let entry = entry.map_err(absent)?;
        // A name that is not UTF-8 is shown with U+FFFD, which no expected path contains.
        let name = entry.file_name().to_string_lossy().into_owned();
        entries.push((format!("{path}/{name}"), entry.file_type().map_err(absent)?));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in entries {
        if kind.is_dir() && depth_left > 0 {
            walk_folder(dir, &path, depth_left - 1, visit)?;
        } else {
            visit(&path, kind.is_file());
        }
    }
    Ok(())
}
