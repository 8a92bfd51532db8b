//! `countersign contacts …`: what would become of a file of contacts, row by row. A dry run needs no configuration and no
//! database. Must stay true: what is said on standard output is whole or nothing, so that a program can trust it.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;

use serde_json::json;

use super::args::ContactsCommand;
use super::{Failure, out};
use crate::config::Inputs;
use crate::contacts::import::judge::Judge;
use crate::contacts::import::layout::{Layout, Preview, Use};
use crate::contacts::import::{HEAD_BYTES, ImportError, Importer, Tally};
use crate::core::number::{Kinds, is_region};

/// Refusals that are shown to a person; programs get all.
const SHOWN_MAX: usize = 20;
/// Bytes of output gathered before they are written.
const PIECE: usize = 64 * 1024;

/// What to read, and how.
struct Wanted<'a> {
    file: &'a Path,
    list: &'a str,
    region: Option<String>,
    phone: Option<&'a str>,
    voip: bool,
}

pub(super) async fn run(_inputs: &Inputs, command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::Import { dry_run: false, .. } => {
            Err(Failure::hinting("importing by this command is not there yet", "add --dry-run, or import on the page /contacts/import"))
        }
        ContactsCommand::Import { file, list, region, phone, voip, dry_run: _, json } => {
            let region = region.map(|r| r.to_uppercase());
            let wanted = Wanted { file: &file, list: &list, region, phone: phone.as_deref(), voip };
            dry_run(&wanted, json)
        }
    }
}

/// The layout of a file, and the file at its beginning again.
pub(super) fn look(path: &Path) -> Result<(Preview, File), Failure> {
    let cannot = |e: std::io::Error| Failure::cannot(format!("{}: {e}", path.display()));
    let mut file = File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err(Failure::cannot(format!("{}: is not a file", path.display())));
    }
    let mut head = Vec::new();
    (&mut file).take(HEAD_BYTES as u64 + 1).read_to_end(&mut head).map_err(cannot)?;
    let preview = Layout::sniff(&head, head.len() <= HEAD_BYTES).map_err(|e| told(path, &e))?;
    file.rewind().map_err(cannot)?;
    Ok((preview, file))
}

fn told(path: &Path, error: &ImportError) -> Failure {
    let what = format!("{}: {error}", path.display());
    match error {
        ImportError::NoPhoneColumn { .. } => Failure::hinting(what, "name it with --phone COLUMN"),
        _ => Failure::cannot(what),
    }
}

fn dry_run(wanted: &Wanted<'_>, as_json: bool) -> Result<(), Failure> {
    if let Some(region) = wanted.region.as_deref().filter(|r| !is_region(r)) {
        return Err(Failure::hinting(format!("`{region}` is no region"), "name it by its two letters, as in --region US"));
    }
    let (mut preview, file) = look(wanted.file)?;
    if let Some(phone) = wanted.phone {
        preview.layout.choose_phone(phone).map_err(|e| told(wanted.file, &e))?;
    }
    let layout = &preview.layout;
    let judge = Judge { region: wanted.region.clone(), kinds: Kinds { voip: wanted.voip } };
    let mut importer = Importer::new(file, layout, judge, false).map_err(|e| told(wanted.file, &e))?;
    let mut tally = Tally::default();
    while let Some(batch) = importer.batch().map_err(|e| told(wanted.file, &e))? {
        tally.add(&batch);
    }
    if as_json { document(wanted, layout, &tally) } else { out::line(&words(wanted, layout, &tally)) }
}

/// One document on one line; the refusals are written as they come, since there may be very many.
fn document(wanted: &Wanted<'_>, layout: &Layout, tally: &Tally) -> Result<(), Failure> {
    let columns: Vec<_> = layout.names().into_iter().zip(&layout.columns).map(|(name, c)| json!({ "name": name, "use": c.of })).collect();
    let head = json!({
        "list": wanted.list, "region": wanted.region, "encoding": layout.encoding, "delimiter": layout.delimiter, "header": layout.header,
        "columns": columns, "rows": tally.rows, "accepted": tally.accepted, "duplicates": tally.duplicates, "reasons": tally.reasons(),
    })
    .to_string();
    let mut text = head.strip_suffix('}').unwrap_or(&head).to_owned();
    text.push_str(",\"refused\":[");
    for (n, (row, reason)) in tally.refusals().enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(&json!({ "row": row, "reason": reason.code(), "says": reason.to_string() }).to_string());
        if text.len() > PIECE {
            out::bytes(text.as_bytes())?;
            text.clear();
        }
    }
    text.push_str("]}");
    out::line(&text)
}

fn words(wanted: &Wanted<'_>, layout: &Layout, tally: &Tally) -> String {
    let delimiter = match layout.delimiter {
        '\t' => "tab".to_owned(),
        other => format!("`{other}`"),
    };
    let names = layout.names();
    let of = |use_: Use| layout.columns.iter().zip(&names).filter(|(c, _)| c.of == use_).map(|(_, n)| n.as_str()).collect::<Vec<_>>().join(", ");
    let mut lines = vec![
        format!(
            "{}, {delimiter} between columns, {}; numbers in column `{}`",
            layout.encoding.name(),
            if layout.header { "with a header" } else { "no header" },
            of(Use::Phone)
        ),
        format!("rows        {:>9}", tally.rows),
        format!("accepted    {:>9}  for the list `{}`", tally.accepted, wanted.list),
        format!("duplicates  {:>9}", tally.duplicates),
        format!("refused     {:>9}", tally.refused()),
    ];
    lines.extend(tally.refusals().take(SHOWN_MAX).map(|(row, reason)| format!("  row {row}: {reason}")));
    if tally.refused() > SHOWN_MAX as u64 {
        lines.push(format!("  and {} more; --json names all", tally.refused() - SHOWN_MAX as u64));
    }
    lines.push("Nothing was imported.".into());
    lines.join("\n")
}
