//! Reads an OSCAL catalogue (JSON) into ours: groups are families, controls and enhancements are requirements, the innermost
//! assessment objectives are objectives.
//! Must stay true: everything has a limit; an id is there once; a file that is refused is refused whole.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::params::Params;
use super::{Catalog, Eligible, FAMILIES_MAX, Family, OBJECTIVES_MAX, Objective, R2, REQUIREMENTS_MAX, Requirement, repair};

/// Bytes of a file at most.
pub const FILE_BYTES_MAX: u64 = 32 << 20;
/// Characters of an id.
const ID_CHARS_MAX: usize = 64;
/// Groups within groups, controls within controls, parts within parts.
const DEPTH_MAX: usize = 12;
/// Repairs that are listed one by one.
const REPAIRS_MAX: usize = 500;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OscalError {
    /// Too many bytes.
    #[error("the file has more than {} MiB; that is no catalogue this program takes", FILE_BYTES_MAX >> 20)]
    TooLarge,
    /// Not JSON, or JSON of another shape.
    #[error("not an OSCAL catalogue in JSON: {0}")]
    Shape(String),
    /// Another OSCAL document.
    #[error("this is an OSCAL {0}, not a catalogue")]
    Other(&'static str),
    /// No requirement in it.
    #[error("the catalogue holds no controls")]
    Empty,
    /// The same id twice.
    #[error("the {kind} `{id}` is there twice")]
    Doubled {
        /// Of what.
        kind: &'static str,
        /// Which.
        id: String,
    },
    /// An id that cannot be one.
    #[error("`{0}` cannot be an id: 1 to {ID_CHARS_MAX} letters, digits and `.-_[]()` are")]
    BadId(String),
    /// Parameters that name each other.
    #[error("the parameter `{id}` refers to itself in a circle")]
    Circle {
        /// Which.
        id: String,
    },
    /// Nested too deeply.
    #[error("`{0}` is nested more than {DEPTH_MAX} deep")]
    TooDeep(String),
    /// Too many of something.
    #[error("there are more than {max} {of}")]
    TooMany {
        /// Of what.
        of: &'static str,
        /// The limit.
        max: usize,
    },
    /// The ids look like those of SP 800-171 r2, but are not all of them.
    #[error("this looks like SP 800-171 r2, but it is not whole: {0}")]
    NotWhole(String),
    /// A text beyond its limit.
    #[error("a text has more than {chars_max} characters")]
    TooLong {
        /// The limit.
        chars_max: usize,
    },
}

/// A fault of the file that was mended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Repair {
    /// The id as it is now.
    pub id: String,
    /// What was wrong.
    pub what: &'static str,
}

/// What a file held.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The catalogue.
    pub catalog: Catalog,
    /// Repairs made, the first of them one by one.
    pub repairs: Vec<Repair>,
    /// All repairs.
    pub repaired: usize,
    /// Controls that the publisher has withdrawn: left out.
    pub withdrawn: usize,
}

#[derive(Deserialize)]
struct Document {
    catalog: Option<OscalCatalog>,
    profile: Option<IgnoredAny>,
    #[serde(rename = "component-definition")]
    component: Option<IgnoredAny>,
    #[serde(rename = "system-security-plan")]
    plan: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct OscalCatalog {
    metadata: Metadata,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    controls: Vec<Control>,
    #[serde(default)]
    params: Vec<Param>,
}

#[derive(Deserialize)]
struct Metadata {
    title: String,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    id: Option<String>,
    title: String,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    controls: Vec<Control>,
    #[serde(default)]
    params: Vec<Param>,
}

#[derive(Deserialize)]
struct Control {
    id: String,
    title: String,
    #[serde(default)]
    props: Vec<Prop>,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    controls: Vec<Control>,
    #[serde(default)]
    params: Vec<Param>,
}

#[derive(Deserialize)]
struct Prop {
    name: String,
    value: String,
    class: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    id: Option<String>,
    name: String,
    #[serde(default)]
    props: Vec<Prop>,
    prose: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Param {
    pub id: String,
    pub label: Option<String>,
    #[serde(default)]
    pub values: Vec<String>,
    pub select: Option<Select>,
}

/// What a parameter may be.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Select {
    #[serde(default)]
    pub choice: Vec<String>,
}

struct Reader {
    params: Params,
    ids: HashSet<String>,
    objectives: usize,
    requirements: usize,
    repairs: Vec<Repair>,
    repaired: usize,
    withdrawn: usize,
}

/// Reads a file.
///
/// # Errors
/// [`OscalError`]: each says what is wrong.
pub fn read(bytes: &[u8]) -> Result<Imported, OscalError> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(OscalError::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let document: Document = serde_json::from_slice(bytes).map_err(|e| OscalError::Shape(e.to_string()))?;
    let Some(catalog) = document.catalog else {
        let others = [
            (document.profile.is_some(), "profile"),
            (document.component.is_some(), "component definition"),
            (document.plan.is_some(), "system security plan"),
        ];
        let other = others.into_iter().find(|(is, _)| *is);
        return Err(other.map_or_else(|| OscalError::Shape("it has no `catalog`".into()), |(_, what)| OscalError::Other(what)));
    };
    let mut reader = Reader { params: Params::default(), ids: HashSet::new(), objectives: 0, requirements: 0, repairs: Vec::new(), repaired: 0, withdrawn: 0 };
    reader.collect(&catalog)?;
    let mut families = Vec::new();
    for group in &catalog.groups {
        reader.group(group, &mut families, 0)?;
    }
    if !catalog.controls.is_empty() {
        let requirements = reader.controls(&catalog.controls, 0)?;
        families.push(Family { id: "other".into(), code: None, title: catalog.metadata.title.clone(), requirements });
    }
    families.retain(|f| !f.requirements.is_empty());
    if families.is_empty() {
        return Err(OscalError::Empty);
    }
    let title = shortened(&catalog.metadata.title);
    let catalog = Catalog { key: key_of(&families, &title), title, version: catalog.metadata.version.map(|v| shortened(&v)), families };
    let catalog = if catalog.key == R2 { Catalog::r2().worded(&catalog).map_err(OscalError::NotWhole)? } else { catalog };
    Ok(Imported { catalog, repairs: reader.repairs, repaired: reader.repaired, withdrawn: reader.withdrawn })
}

/// Under which name a framework is known here: by the form of its ids, else by its title.
fn key_of(families: &[Family], title: &str) -> String {
    let ids = || families.iter().flat_map(|f| &f.requirements).map(|r| r.id.as_str());
    let is_r2 =
        |id: &str| id.strip_prefix("3.").is_some_and(|rest| rest.split('.').count() == 2 && rest.split('.').all(|n| n.bytes().all(|b| b.is_ascii_digit())));
    if ids().all(is_r2) {
        return R2.to_owned();
    }
    if ids().all(|id| id.starts_with("SP_800_171_03.")) {
        return "nist-800-171-r3".to_owned();
    }
    let words = title.to_ascii_lowercase().replace("special publication", "").replace("revision ", "r");
    let slug: String = words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let slug = slug.split('-').filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-");
    slug.chars().take(ID_CHARS_MAX).collect()
}

fn shortened(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

fn checked(id: &str) -> Result<&str, OscalError> {
    let fits = (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_[]()".contains(&b));
    if fits { Ok(id) } else { Err(OscalError::BadId(id.chars().take(ID_CHARS_MAX).collect())) }
}

impl Reader {
    fn collect(&mut self, catalog: &OscalCatalog) -> Result<(), OscalError> {
        self.params.add(&catalog.params)?;
        let mut groups: Vec<&Group> = catalog.groups.iter().collect();
        let mut controls: Vec<&Control> = catalog.controls.iter().collect();
        while let Some(group) = groups.pop() {
            self.params.add(&group.params)?;
            groups.extend(&group.groups);
            controls.extend(&group.controls);
        }
        while let Some(control) = controls.pop() {
            self.params.add(&control.params)?;
            controls.extend(&control.controls);
        }
        Ok(())
    }

    fn taken(&mut self, kind: &'static str, id: &str) -> Result<(), OscalError> {
        checked(id)?;
        if self.ids.insert(format!("{kind} {id}")) { Ok(()) } else { Err(OscalError::Doubled { kind, id: id.to_owned() }) }
    }

    fn mend(&mut self, id: &str, how: Option<&'static str>) {
        let Some(what) = how else { return };
        self.repaired += 1;
        if self.repairs.len() < REPAIRS_MAX {
            self.repairs.push(Repair { id: id.to_owned(), what });
        }
    }

    fn group(&mut self, group: &Group, families: &mut Vec<Family>, depth: usize) -> Result<(), OscalError> {
        let (id, how) = repair::id(group.id.as_deref().unwrap_or(&group.title));
        let id = if group.id.is_some() { id } else { id.chars().filter(char::is_ascii_alphanumeric).take(ID_CHARS_MAX).collect() };
        if depth > DEPTH_MAX {
            return Err(OscalError::TooDeep(id));
        }
        self.taken("group", &id)?;
        self.mend(&id, how.filter(|_| group.id.is_some()));
        if families.len() >= FAMILIES_MAX {
            return Err(OscalError::TooMany { of: "families", max: FAMILIES_MAX });
        }
        let requirements = self.controls(&group.controls, 0)?;
        let code = (id.len() == 2 && id.bytes().all(|b| b.is_ascii_alphabetic())).then(|| id.to_ascii_uppercase());
        families.push(Family { id, code, title: shortened(&group.title), requirements });
        group.groups.iter().try_for_each(|inner| self.group(inner, families, depth + 1))
    }

    /// Controls with their enhancements behind each.
    fn controls(&mut self, controls: &[Control], depth: usize) -> Result<Vec<Requirement>, OscalError> {
        let mut out = Vec::new();
        for control in controls {
            let (id, how) = repair::id(&control.id);
            if depth > DEPTH_MAX {
                return Err(OscalError::TooDeep(id));
            }
            self.taken("control", &id)?;
            self.mend(&id, how);
            if control.props.iter().any(|p| p.name == "status" && p.value.eq_ignore_ascii_case("withdrawn")) {
                self.withdrawn += 1;
            } else {
                out.push(self.requirement(&id, control)?);
            }
            out.extend(self.controls(&control.controls, depth + 1)?);
        }
        Ok(out)
    }

    fn requirement(&mut self, id: &str, control: &Control) -> Result<Requirement, OscalError> {
        self.requirements += 1;
        if self.requirements > REQUIREMENTS_MAX {
            return Err(OscalError::TooMany { of: "controls", max: REQUIREMENTS_MAX });
        }
        let mut lines = Vec::new();
        for part in control.parts.iter().filter(|p| p.name == "statement") {
            self.statement(id, part, &mut lines, 0)?;
        }
        let mut objectives = Vec::new();
        let whole: Vec<&Part> = control.parts.iter().filter(|p| p.name == "assessment-objective" || p.name == "objective").collect();
        let mut innermost = Vec::new();
        for part in whole {
            leaves(id, part, &mut innermost, 0)?;
        }
        let is_only = innermost.len() == 1;
        for part in innermost {
            let label = part
                .props
                .iter()
                .find(|p| p.name == "label" && p.class.as_deref().is_some_and(|c| c.ends_with('a')))
                .or_else(|| part.props.iter().find(|p| p.name == "label"));
            let label = label.map(|p| p.value.as_str()).or(part.id.as_deref()).unwrap_or(id);
            let mended = repair::objective(id, label, part.prose.as_deref().unwrap_or_default(), is_only);
            self.taken("objective", &mended.label)?;
            self.mend(&mended.label, mended.how);
            let text = self.params.filled(&mended.prose)?;
            objectives.push(Objective { id: mended.label, text: (!text.is_empty()).then_some(text) });
        }
        if objectives.is_empty() {
            self.taken("objective", id)?;
            objectives.push(Objective { id: id.to_owned(), text: None });
        }
        self.objectives += objectives.len();
        if self.objectives > OBJECTIVES_MAX {
            return Err(OscalError::TooMany { of: "objectives", max: OBJECTIVES_MAX });
        }
        let statement = lines.join("\n");
        Ok(Requirement {
            id: id.to_owned(),
            practice: None,
            title: self.params.filled(&control.title)?,
            statement: (!statement.is_empty()).then_some(statement),
            kind: None,
            points: None,
            partial: None,
            poam: Eligible::Never,
            objectives,
        })
    }

    fn statement(&self, id: &str, part: &Part, lines: &mut Vec<String>, depth: usize) -> Result<(), OscalError> {
        if depth > DEPTH_MAX {
            return Err(OscalError::TooDeep(id.to_owned()));
        }
        if let Some(prose) = &part.prose {
            let label = part.props.iter().find(|p| p.name == "label").map_or(String::new(), |p| format!("{} ", p.value.trim()));
            lines.push(format!("{label}{}", self.params.filled(prose)?));
        }
        part.parts.iter().try_for_each(|inner| self.statement(id, inner, lines, depth + 1))
    }
}

/// The objectives that hold no others and say something.
fn leaves<'a>(id: &str, part: &'a Part, out: &mut Vec<&'a Part>, depth: usize) -> Result<(), OscalError> {
    if depth > DEPTH_MAX {
        return Err(OscalError::TooDeep(id.to_owned()));
    }
    let inner: Vec<&Part> = part.parts.iter().filter(|p| p.name == part.name).collect();
    if inner.is_empty() && part.prose.is_some() {
        out.push(part);
    }
    inner.into_iter().try_for_each(|p| leaves(id, p, out, depth + 1))
}
