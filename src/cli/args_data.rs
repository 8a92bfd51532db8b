//! The arguments of the commands that read and write what the slices keep: catalogues, assessments, texts, contacts.

use std::path::PathBuf;

use clap::Subcommand;

/// Catalogues.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Print a built-in catalogue; needs no server.
    Show {
        /// Which: `nist-800-171-r2`.
        key: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read an OSCAL catalogue in JSON, mend its known faults, and keep it where an installation is; else only check it.
    Import {
        /// The file.
        file: PathBuf,
        /// Only check it.
        #[arg(long)]
        check: bool,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Assessments.
#[derive(Debug, Subcommand)]
pub enum AssessCommand {
    /// The score of a JSON map of requirement ids to `met`, `not_met`, `partial` or `not_applicable`; needs no server.
    Score {
        /// The file.
        file: PathBuf,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Texts.
#[derive(Debug, Subcommand)]
pub enum TextCommand {
    /// Read a text from standard input, byte for byte, and say as JSON how it is encoded and how many parts it needs.
    Segments {
        /// JSON, as without it.
        #[arg(long)]
        json: bool,
    },
}

/// Contacts.
#[derive(Debug, Subcommand)]
pub enum ContactsCommand {
    /// Read a file of contacts: each row is judged, and each refusal explained.
    Import {
        /// A file of comma-separated values in UTF-8, UTF-16 or Windows-1252, at most 1,000,000 rows.
        file: PathBuf,
        /// The list they come to.
        #[arg(long, value_name = "NAME")]
        list: String,
        /// The country of numbers that do not begin with `+`, as in `US`.
        #[arg(long, value_name = "REGION")]
        region: Option<String>,
        /// The column with the numbers, by its name or its place from 1; found by itself otherwise.
        #[arg(long, value_name = "COLUMN")]
        phone: Option<String>,
        /// Take numbers of internet telephony too.
        #[arg(long)]
        voip: bool,
        /// Only say what would become of the rows: no configuration and no database is used.
        #[arg(long)]
        dry_run: bool,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}
