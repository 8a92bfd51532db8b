//! Gathers what is set from flags, environment, file, credentials and key folder, and decides which of them holds.
//! Must stay true: this is the one place that reads the process's environment, and no sentence repeats a secret.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::file;
use super::keys::{self, CONFIG_VARIABLE, Fallback, KEYS, Key, Kind, PREFIX};
use super::secret::{self, Giver, Secret};
use super::show::Source;
use super::{database, suggest};

/// What the service manager calls the folder of credentials.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// A configuration file larger than this is a mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Everything a configuration is made from.
#[derive(Clone, Default)]
pub struct Inputs {
    /// The file named by `--config`.
    pub config: Option<PathBuf>,
    /// Values of flags, by the dotted name of the setting.
    pub flags: Vec<(String, String)>,
    /// The environment; only `COUNTERSIGN_…` is looked at.
    pub env: BTreeMap<OsString, OsString>,
    /// The folder of systemd's credentials.
    pub credentials: Option<PathBuf>,
    /// Whether a server is to be started, which needs `public_url`.
    pub serving: bool,
}

impl Inputs {
    /// What this process was given: its environment and its credentials, no flags yet.
    #[must_use]
    pub fn from_process() -> Self {
        let ours = |name: &OsString| name.to_string_lossy().starts_with(PREFIX);
        Self {
            env: std::env::vars_os().filter(|(name, _)| ours(name)).collect(),
            credentials: std::env::var_os(CREDENTIALS_VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are left out: one of them may be a secret that somebody put in the wrong place.
        f.debug_struct("Inputs")
            .field("config", &self.config)
            .field("flags", &self.flags.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("credentials", &self.credentials)
            .field("serving", &self.serving)
            .finish()
    }
}

/// A setting's text and where it is from.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    /// The text; none when nobody set it.
    pub text: Option<Secret>,
    /// Whether the text must never be shown.
    pub hidden: bool,
    /// Where it is from.
    pub source: Source,
    /// Whether somebody set it to what cannot be used, which is reported already.
    pub broken: bool,
}

/// What one layer sets: by a setting's name, or by `x_file` for a secret's file.
type Layer = BTreeMap<String, (Secret, Source)>;

/// The text of every setting, and every fault found on the way.
pub(super) fn resolve(inputs: &Inputs) -> (BTreeMap<&'static str, Resolved>, Vec<String>) {
    let mut faults = Vec::new();
    let layers = [flags(inputs, &mut faults), environment(inputs, &mut faults), from_file(inputs, &mut faults)];
    let data = layers.iter().find_map(|layer| layer.get("data").map(|(text, _)| text.expose()));
    let data = data.or_else(|| keys::find("data").and_then(fallback)).unwrap_or_default();
    let places = Places { credentials: inputs.credentials.as_deref(), keys: &Path::new(data).join("keys") };
    let mut values = BTreeMap::new();
    for key in KEYS {
        let value = match places.choose(key, &layers) {
            Ok(value) => value,
            Err(mut wrong) => {
                faults.append(&mut wrong);
                Resolved { text: None, hidden: key.kind.is_secret(), source: Source::Default, broken: true }
            }
        };
        values.insert(key.name, value);
    }
    (values, faults)
}

/// The fixed value that holds when nobody sets the key.
pub(super) fn fallback(key: &Key) -> Option<&'static str> {
    match key.fallback {
        Fallback::Value(text) => Some(text),
        Fallback::Derived(..) | Fallback::Unset(_) => None,
    }
}

/// What gives a secret.
enum Way {
    File(PathBuf),
    /// A program and its arguments, apart by commas.
    Command(String),
}

/// Where secrets lie that nobody had to name.
struct Places<'a> {
    credentials: Option<&'a Path>,
    keys: &'a Path,
}

impl Places<'_> {
    fn choose(&self, key: &Key, layers: &[Layer; 3]) -> Result<Resolved, Vec<String>> {
        let mut wrong = Vec::new();
        let plain = layers.iter().find_map(|layer| layer.get(key.name)).filter(|(text, source)| {
            let said = check_plain(key, text.expose());
            let fine = said.is_none();
            wrong.extend(said.map(|said| format!("`{}` ({source}) {said}", key.name)));
            fine
        });
        let mut given = Vec::new();
        if key.kind.is_secret() {
            given = self.files(key, layers, &mut wrong);
        }
        let names: Vec<String> = plain.iter().map(|(_, source)| source).chain(given.iter().map(|(_, source)| source)).map(Source::to_string).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        if names.len() > 1 {
            return Err(vec![format!("`{}` is given twice: by {}; keep one of them", key.name, names.join(" and by "))]);
        }
        if let Some((way, source)) = given.pop() {
            let giver = if matches!(source, Source::Credential(_)) { Giver::ServiceManager } else { Giver::Operator };
            let text = match &way {
                Way::File(path) => secret::read(path, giver),
                Way::Command(line) => secret::printed(line),
            };
            let text = text.map_err(|said| vec![format!("`{}` ({source}): {said}", key.name)])?;
            return Ok(Resolved { text: Some(text), hidden: true, source, broken: false });
        }
        let hidden = key.kind == Kind::Secret;
        Ok(match plain {
            Some((text, source)) => Resolved { text: Some(text.clone()), hidden, source: source.clone(), broken: false },
            None => Resolved { text: fallback(key).map(Secret::new), hidden, source: Source::Default, broken: false },
        })
    }

    /// Everything that would give a secret: files and commands that were named, then files found in their place.
    fn files(&self, key: &Key, layers: &[Layer; 3], wrong: &mut Vec<String>) -> Vec<(Way, Source)> {
        let mut given = Vec::new();
        for layer in layers {
            if let Some((path, source)) = layer.get(&key.file_name()) {
                if path.expose().trim().is_empty() {
                    wrong.push(format!("`{}` ({source}) is empty; name a file or remove it", key.file_name()));
                } else {
                    given.push((Way::File(PathBuf::from(path.expose())), source.clone()));
                }
            }
            if let Some((line, source)) = layer.get(&key.command_name()) {
                given.push((Way::Command(line.expose().to_owned()), source.clone()));
            }
        }
        if let Some(dir) = self.credentials {
            let path = dir.join(key.credential());
            if present(&path, key, wrong) {
                given.push((Way::File(path.clone()), Source::Credential(path)));
            }
        }
        let path = self.keys.join(key.credential());
        if present(&path, key, wrong) {
            given.push((Way::File(path.clone()), Source::KeyFolder(path)));
        }
        given
    }
}

fn present(path: &Path, key: &Key, wrong: &mut Vec<String>) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => false,
        Err(error) => {
            wrong.push(format!("`{}`: `{}` cannot be looked for ({error}); run this as the server's user", key.name, path.display()));
            false
        }
    }
}

/// What is wrong with a value that was written down openly.
fn check_plain(key: &Key, text: &str) -> Option<String> {
    if key.kind == Kind::Secret {
        return Some(format!("holds the secret itself; put it in a file of mode 600 and name that in `{}` or `{}`", key.file_name(), key.file_variable()));
    }
    if key.kind == Kind::MaybeSecret && database::holds_password(text) {
        return Some(format!(
            "may hold a password; put the whole address in a file of mode 600 and name that in `{}` or `{}`",
            key.file_name(),
            key.file_variable()
        ));
    }
    if key.kind != Kind::List && text.trim().is_empty() {
        return Some("is empty; give it a value or remove it".to_owned());
    }
    text.chars().any(char::is_control).then(|| "holds a line break or another control character; remove it".to_owned())
}

fn flags(inputs: &Inputs, faults: &mut Vec<String>) -> Layer {
    let mut layer = Layer::new();
    for (name, text) in &inputs.flags {
        let known = keys::find(name).is_some() || KEYS.iter().any(|key| key.kind.is_secret() && (key.file_name() == *name || key.command_name() == *name));
        if known {
            layer.insert(name.clone(), (Secret::new(text), Source::Flag));
        } else {
            faults.push(format!("no setting is called `{name}`{}", suggest::among(name, names())));
        }
    }
    layer
}

fn environment(inputs: &Inputs, faults: &mut Vec<String>) -> Layer {
    let mut layer = Layer::new();
    for (variable, text) in &inputs.env {
        let variable = variable.to_string_lossy().into_owned();
        if !variable.starts_with(PREFIX) || variable == CONFIG_VARIABLE {
            continue;
        }
        let by_file = KEYS.iter().find(|key| key.kind.is_secret() && key.file_variable() == variable);
        let by_command = KEYS.iter().find(|key| key.kind.is_secret() && key.command_variable() == variable);
        let name = match by_file.map(Key::file_name).or_else(|| by_command.map(Key::command_name)) {
            Some(name) => name,
            None => match KEYS.iter().find(|key| key.variable() == variable) {
                Some(key) => key.name.to_owned(),
                None => {
                    faults.push(format!("the environment variable `{variable}` is unknown{}", suggest::among(&variable, variables())));
                    continue;
                }
            },
        };
        match text.to_str() {
            Some(text) => {
                layer.insert(name, (Secret::new(text), Source::Env(variable)));
            }
            None => faults.push(format!("the environment variable `{variable}` is not UTF-8; write it as UTF-8 text")),
        }
    }
    layer
}

fn from_file(inputs: &Inputs, faults: &mut Vec<String>) -> Layer {
    let named = inputs.env.get(&OsString::from(CONFIG_VARIABLE)).filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = inputs.config.clone().or(named) else { return Layer::new() };
    let mut text = String::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let shown = path.display();
    match read {
        Ok(size) if size as u64 > FILE_BYTES_MAX => {
            faults.push(format!("the configuration file `{shown}` is larger than {FILE_BYTES_MAX} bytes; name the right file"));
            return Layer::new();
        }
        Ok(_) => {}
        Err(error) => {
            faults.push(format!("the configuration file `{shown}` cannot be read ({error}); name one that exists and is readable"));
            return Layer::new();
        }
    }
    let (set, mut wrong) = file::read(&text, &path);
    faults.append(&mut wrong);
    set.into_iter().map(|(name, text)| (name, (Secret::new(text), Source::File(path.clone())))).collect()
}

/// Every name that a file may set.
pub(super) fn names() -> Vec<String> {
    KEYS.iter()
        .flat_map(|key| {
            let plain = (key.kind != Kind::Secret).then(|| key.name.to_owned());
            plain.into_iter().chain(key.kind.is_secret().then(|| key.file_name())).chain(key.kind.is_secret().then(|| key.command_name()))
        })
        .collect()
}

/// Every variable that may be set.
fn variables() -> Vec<String> {
    let of_keys = KEYS.iter().flat_map(|key| {
        let plain = (key.kind != Kind::Secret).then(|| key.variable());
        plain.into_iter().chain(key.kind.is_secret().then(|| key.file_variable())).chain(key.kind.is_secret().then(|| key.command_variable()))
    });
    of_keys.chain([CONFIG_VARIABLE.to_owned()]).collect()
}
