//! Embeds the templates and the migrations, so that the binary needs no file beside it.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[expect(clippy::disallowed_methods, reason = "a build script learns its folders from the environment")]
fn main() {
    minijinja_embed::embed_templates!("templates", &[".html", ".txt"]);
    let mut code = String::new();
    for (name, folder) in [
        ("SQLITE", "migrations/sqlite"),
        ("POSTGRES", "migrations/postgres"),
        ("KEYS_SQLITE", "migrations/sqlite/keys"),
        ("KEYS_POSTGRES", "migrations/postgres/keys"),
    ] {
        println!("cargo:rerun-if-changed={folder}");
        let mut files: Vec<_> = fs::read_dir(folder)
            .expect("the migrations folder is part of the source")
            .filter_map(Result::ok)
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "sql"))
            .collect();
        files.sort();
        let _ = writeln!(code, "pub(super) const {name}: &[(&str, &str)] = &[");
        for file in files {
            let stem = file.file_stem().and_then(|s| s.to_str()).expect("names are ASCII");
            let _ = writeln!(code, "    ({stem:?}, {}),", included(&file.display().to_string()));
        }
        code.push_str("];\n");
    }
    println!("cargo:rerun-if-changed=locales/en");
    let mut texts = String::from("pub(super) const EN: &[(&str, &str)] = &[\n");
    let mut files: Vec<_> = fs::read_dir("locales/en").expect("the texts are part of the source").filter_map(Result::ok).map(|e| e.file_name()).collect();
    files.sort();
    for name in files.iter().filter_map(|n| n.to_str()).filter(|n| n.ends_with(".ftl")) {
        let _ = writeln!(texts, "    ({name:?}, {}),", included(&format!("locales/en/{name}")));
    }
    texts.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("locales.rs"), texts).expect("the build folder can be written");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("migrations.rs");
    fs::write(out, code).expect("the build folder can be written");
}

/// The text of a file of the source, wherever that lies when it is compiled: a target folder may serve several checkouts.
fn included(file: &str) -> String {
    format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))", format!("/{file}"))
}
