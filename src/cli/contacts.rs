//! `countersign contacts …`: what would become of a file of contacts, row by row. A dry run needs no configuration and no
//! database. Must stay true: what is said on standard output is whole or nothing, so that a program can trust it.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::args::ContactsCommand;
use super::console::{Ask, call};
use super::{Failure, out};
use crate::config::Inputs;
use crate::contacts;
use crate::contacts::import::judge::Judge;
use crate::contacts::import::layout::{Layout, Preview, Use};
use crate::contacts::import::stage::{self, Arrived, Terms};
use crate::contacts::import::{HEAD_BYTES, ImportError, Importer, Tally, load};
use crate::core::fault::chain_of;
use crate::core::id::ImportId;
use crate::core::number::{Kinds, is_region};
use crate::core::text::{Line, fold};
use crate::http::App;
use crate::policy::{Actor, On, Resource as _};

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

pub(super) async fn run(inputs: &Inputs, command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::Import { file, list, region, phone, voip, dry_run: only_look, json } => {
            let region = region.map(|r| r.to_uppercase());
            let wanted = Wanted { file: &file, list: &list, region, phone: phone.as_deref(), voip };
            if only_look { dry_run(&wanted, json) } else { import(inputs, &wanted, json).await }
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

/// Has the console take the file over: by the running server, or here.
async fn import(inputs: &Inputs, wanted: &Wanted<'_>, as_json: bool) -> Result<(), Failure> {
    let layout = layout_of(wanted)?.layout;
    let file = std::fs::canonicalize(wanted.file).map_err(|e| Failure::cannot(format!("{}: {e}", wanted.file.display())))?;
    let ask = Ask::ContactsImport { file, list: wanted.list.to_owned(), region: wanted.region.clone(), voip: wanted.voip, layout: Box::new(layout) };
    let done = call(inputs, &ask).await?;
    if as_json {
        return out::json(&done);
    }
    let count = |key: &str| done[key].as_i64().unwrap_or(0);
    let lines = [("rows", "rows"), ("new", "created"), ("known", "known"), ("duplicates", "duplicates"), ("refused", "refused")];
    for (word, key) in lines {
        out::line(&format!("{word:11} {:>9}", count(key)))?;
    }
    match done["error"].as_str() {
        Some(error) => Err(Failure::cannot(format!("the file could not be read to its end: {error}"))),
        None => Ok(()),
    }
}

/// What a file looks like, as the arguments want it read.
fn layout_of(wanted: &Wanted<'_>) -> Result<Preview, Failure> {
    if let Some(region) = wanted.region.as_deref().filter(|r| !is_region(r)) {
        return Err(Failure::hinting(format!("`{region}` is no region"), "name it by its two letters, as in --region US"));
    }
    let (mut preview, _) = look(wanted.file)?;
    if let Some(phone) = wanted.phone {
        preview.layout.choose_phone(phone).map_err(|e| told(wanted.file, &e))?;
    }
    if preview.layout.phone().is_none() {
        return Err(told(wanted.file, &ImportError::NoPhoneColumn { there: preview.layout.names() }));
    }
    Ok(preview)
}

fn dry_run(wanted: &Wanted<'_>, as_json: bool) -> Result<(), Failure> {
    let preview = layout_of(wanted)?;
    let (_, file) = look(wanted.file)?;
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

/// Takes a file over as the console, from beginning to end.
///
/// # Errors
/// One sentence.
pub(super) async fn import_here(app: &App, file: &Path, list: &str, region: Option<&str>, voip: bool, layout: &Layout) -> Result<Value, String> {
    let (db, console) = (&app.db, Actor::console());
    let told = |e: contacts::Error| chain_of(&e);
    let name = Line::parse(list, contacts::LIST_NAME_CHARS_MAX).map_err(|e| format!("the list's name {e}"))?;
    let id = ImportId::new(db.clock(), db.rng());
    let (sha256, bytes) = copied(app, file, &id).await?;
    let file_name = file.file_name().and_then(|n| n.to_str()).and_then(|n| Line::parse(n, 200).ok()).unwrap_or_else(|| "contacts.csv".into());
    let permit = app.policy.permit::<contacts::Stage>(&console, &On::any("import")).map_err(|d| d.need.because())?;
    let arrived = Arrived { id: id.clone(), person: None, name: &file_name, sha256, bytes, layout };
    stage::stage(db, permit, &arrived).await.map_err(told)?;
    let there: Option<contacts::List> = db.query(contacts::sql::LIST_NAMED).bind(fold(&name)).optional().await.map_err(|e| e.to_string())?;
    let list = match there {
        Some(list) => list.id,
        None => {
            let permit = app.policy.permit::<contacts::MakeList>(&console, &On::any("list")).map_err(|d| d.need.because())?;
            contacts::create_list(db, permit, &name, None).await.map_err(told)?.answer
        }
    };
    let found = async || stage::find(db, &id).await.map_err(told)?.ok_or_else(|| "the import is gone".to_owned());
    let import = found().await?;
    let permit = app.policy.permit::<contacts::Begin>(&console, &import.on()).map_err(|d| d.need.because())?;
    let judge = Judge { region: region.map(str::to_owned), kinds: Kinds { voip } };
    stage::begin(db, permit, &import, &Terms { list, layout: layout.clone(), judge }).await.map_err(told)?;
    load::work_on(app, &import, &CancellationToken::new()).await.map_err(told)?;
    let done = found().await?;
    let reasons: Value = serde_json::from_str(&done.reasons).unwrap_or_default();
    Ok(json!({ "id": done.id, "state": done.state, "rows": done.rows_done, "created": done.created, "known": done.known,
        "duplicates": done.duplicates, "refused": done.refused, "reasons": reasons, "error": done.error }))
}

/// Copies a file to where imports lie; gives its hash and its bytes.
async fn copied(app: &App, from: &Path, id: &ImportId) -> Result<(String, u64), String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    stage::make_folder(app).map_err(|f| f.chain())?;
    let (from, to) = (from.to_owned(), stage::file_of(app, id));
    let copy = move || {
        let (mut file, mut hasher, mut bytes) = (File::open(&from)?, Sha256::new(), 0_u64);
        let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to)?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = file.read(&mut piece)?;
            if count == 0 {
                out.sync_all()?;
                return Ok::<_, std::io::Error>((hex::encode(hasher.finalize()), bytes));
            }
            bytes += count as u64;
            if bytes > stage::FILE_BYTES_MAX {
                drop(std::fs::remove_file(&to));
                return Err(std::io::Error::other("a file has at most 1 GB"));
            }
            hasher.update(&piece[..count]);
            std::io::Write::write_all(&mut out, &piece[..count])?;
        }
    };
    tokio::task::spawn_blocking(copy).await.map_err(|e| e.to_string())?.map_err(|e| format!("the file cannot be copied: {e}"))
}
