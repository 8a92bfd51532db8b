//! Addresses of databases: SQLite files and PostgreSQL servers.
//! Must stay true: an address that holds a password is a secret, and is refused wherever it would lie open.

use std::path::{Path, PathBuf};

use super::secret::Secret;

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    text: Secret,
    file: Option<PathBuf>,
}

impl DatabaseUrl {
    /// A SQLite database in `path`.
    #[must_use]
    pub fn sqlite(path: &Path) -> Self {
        Self { text: Secret::new(format!("sqlite:{}", path.display())), file: Some(path.to_owned()) }
    }

    /// The whole address, which may hold a password: for the driver alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The file of a SQLite database; none for PostgreSQL.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.file {
            Some(path) => write!(f, "DatabaseUrl(sqlite:{})", path.display()),
            None => f.write_str("DatabaseUrl(postgres:..)"),
        }
    }
}

/// Reads an address; the error never repeats it.
pub(super) fn parse(text: &str) -> Result<DatabaseUrl, String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains(['?', '%', '#']) {
            return Err("name a file after `sqlite:`, without options".to_owned());
        }
        return Ok(DatabaseUrl::sqlite(Path::new(path)));
    }
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(DatabaseUrl { text: Secret::new(text), file: None }),
        _ => Err("begin it with `sqlite:` or `postgres://`".to_owned()),
    }
}

/// Whether an address holds a password, or hides whether it does.
pub(super) fn holds_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    // Everything up to the last `@` counts as the user's part, wherever slashes stand: a raw password may hold them.
    let user = place.rsplit_once('@').map_or("", |(user, _)| user);
    let odd = |name: &str| !name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'));
    user.contains(':')
        || options.contains('@')
        || options.split('&').filter(|o| !o.is_empty()).any(|option| {
            let name = option.split('=').next().unwrap_or(option);
            name.contains("pass") || odd(name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_the_driver_would_look_for_one() {
        for open in [
            "postgres://user:pw@host/db",
            "postgres://user:p/w@host/db",
            "postgres://user:p?w@host/db",
            "postgresql://:pw@host/db",
            "postgres://host/db?password=pw",
            "postgres://host/db?sslmode=require&password=pw",
            "postgres://host/db?pass%77ord=pw",
            "postgres://host/db?PASSWORD=pw",
        ] {
            assert!(holds_password(open), "{open}");
        }
        for fine in [
            "postgres://host/db",
            "postgres://user@host:5432/db?sslmode=verify-full&application_name=x",
            "postgres://user@[::1]:5432/db",
            "sqlite:/var/lib/x.db",
        ] {
            assert!(!holds_password(fine), "{fine}");
        }
    }

    #[test]
    fn an_address_prints_its_file_but_never_its_server() {
        let shown = format!("{:?}", parse("postgres://user:pw@host/db").expect("read"));
        assert_eq!(shown, "DatabaseUrl(postgres:..)");
        assert_eq!(format!("{:?}", parse("sqlite:x.db").expect("read")), "DatabaseUrl(sqlite:x.db)");
    }

    #[test]
    fn a_data_folder_is_taken_as_it_is_written() {
        let url = DatabaseUrl::sqlite(Path::new("/data/50%?#.db"));
        assert_eq!(url.expose(), "sqlite:/data/50%?#.db");
        assert_eq!(url.sqlite_path(), Some(Path::new("/data/50%?#.db")));
    }

    #[test]
    fn a_database_in_memory_or_of_another_kind_is_refused() {
        for text in ["sqlite::memory:", "sqlite:", "sqlite://", "sqlite:x.db?mode=memory", "mysql://host/db", "postgres://", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
