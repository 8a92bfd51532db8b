//! Catalogues of requirements: NIST SP 800-171 r2 built in, any other out of an OSCAL file; the score and what a plan of action
//! may hold. Pure: what is given is read, nothing else.
//! Must stay true: ids, points and eligibility of r2 are those of the regulation (the suite counts them); an import changes the
//! wording of r2 and nothing that is counted.

pub mod oscal;
mod params;
pub mod poam;
mod repair;
pub mod score;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// The key of the framework that is built in, and the only one with a score.
pub const R2: &str = "nist-800-171-r2";
/// Families, requirements and objectives of one catalogue.
pub const FAMILIES_MAX: usize = 200;
/// See [`FAMILIES_MAX`].
pub const REQUIREMENTS_MAX: usize = 5_000;
/// See [`FAMILIES_MAX`].
pub const OBJECTIVES_MAX: usize = 30_000;

/// A framework: families of requirements, each with the objectives by which it is assessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// The stable name, as in `nist-800-171-r2`.
    pub key: String,
    /// In words.
    pub title: String,
    /// The version its publisher gave it.
    pub version: Option<String>,
    /// In their order.
    pub families: Vec<Family>,
}

/// A family, such as `3.1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Its id.
    pub id: String,
    /// Two letters, as in `AC`.
    pub code: Option<String>,
    /// In words.
    pub title: String,
    /// In their order.
    pub requirements: Vec<Requirement>,
}

/// Basic or derived, as SP 800-171 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From FIPS 200.
    Basic,
    /// From SP 800-53.
    Derived,
}

/// May a requirement that is not met stand on a plan of action (32 CFR 170.21(a)(2))?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eligible {
    /// It may not.
    #[default]
    Never,
    /// It may.
    Yes,
    /// Only when it is met in part.
    Partial,
}

/// A requirement, such as `3.1.1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Its id.
    pub id: String,
    /// The CMMC practice, as in `AC.L2-3.1.1`.
    pub practice: Option<String>,
    /// A short title.
    pub title: String,
    /// The official wording, once it was imported.
    pub statement: Option<String>,
    /// Basic or derived; none in other frameworks.
    pub kind: Option<Kind>,
    /// Points lost when it is not met; none for the system security plan, and in frameworks without a score.
    pub points: Option<i64>,
    /// Points lost when it is met in part; only where the regulation knows a part.
    pub partial: Option<i64>,
    /// May it stand on a plan of action?
    pub poam: Eligible,
    /// At least one, in their order.
    pub objectives: Vec<Objective>,
}

/// An objective, such as `3.1.1[a]`: the smallest thing that is found to be met or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Its id; that of the requirement when there is but one.
    pub id: String,
    /// The official wording, once it was imported.
    pub text: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key: String,
    title: String,
    family: Vec<FileFamily>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFamily {
    id: String,
    code: String,
    title: String,
    requirements: Vec<FileRequirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRequirement {
    id: String,
    kind: Kind,
    points: Option<i64>,
    partial: Option<i64>,
    #[serde(default)]
    poam: Eligible,
    /// Lettered objectives; none means one without a letter.
    #[serde(default)]
    objectives: u8,
    title: String,
}

impl FileRequirement {
    fn into_requirement(self, code: &str) -> Requirement {
        let lettered = |n: u8| Objective { id: format!("{}[{}]", self.id, char::from(b'a' + n)), text: None };
        let objectives = if self.objectives == 0 { vec![Objective { id: self.id.clone(), text: None }] } else { (0..self.objectives).map(lettered).collect() };
        Requirement {
            practice: Some(format!("{code}.L2-{}", self.id)),
            id: self.id,
            title: self.title,
            statement: None,
            kind: Some(self.kind),
            points: self.points,
            partial: self.partial,
            poam: self.poam,
            objectives,
        }
    }
}

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("nist-800-171-r2.toml")).expect("the suite reads the file that is built in");
    let family = |f: FileFamily| {
        let requirements = f.requirements.into_iter().map(|r| r.into_requirement(&f.code)).collect();
        Family { id: f.id, code: Some(f.code), title: f.title, requirements }
    };
    Catalog { key: file.key, title: file.title, version: Some("2".into()), families: file.family.into_iter().map(family).collect() }
});

impl Catalog {
    /// NIST SP 800-171 Rev. 2, without the official wording.
    #[must_use]
    pub fn r2() -> &'static Self {
        &BUILT_IN
    }

    /// Every requirement, in order.
    pub fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.families.iter().flat_map(|f| &f.requirements)
    }

    /// The requirement of this id.
    #[must_use]
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements().find(|r| r.id == id)
    }

    /// The requirement that an objective belongs to, and the objective.
    #[must_use]
    pub fn objective(&self, id: &str) -> Option<(&Requirement, &Objective)> {
        self.requirements().find_map(|r| r.objectives.iter().find(|o| o.id == id).map(|o| (r, o)))
    }

    /// Does the regulation give it a score?
    #[must_use]
    pub fn is_scored(&self) -> bool {
        self.key == R2
    }

    /// How many families, requirements and objectives.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.families.len(), self.requirements().count(), self.requirements().map(|r| r.objectives.len()).sum())
    }

    /// The same with the wording of another catalogue of the same requirements and objectives.
    ///
    /// # Errors
    /// The first id that is not in both.
    pub fn worded(&self, from: &Self) -> Result<Self, String> {
        let mut whole = self.clone();
        whole.version.clone_from(&from.version);
        for requirement in whole.families.iter_mut().flat_map(|f| &mut f.requirements) {
            let other = from.requirement(&requirement.id).ok_or_else(|| format!("`{}` is missing", requirement.id))?;
            requirement.statement.clone_from(&other.statement);
            for objective in &mut requirement.objectives {
                let found = other.objectives.iter().find(|o| o.id == objective.id).ok_or_else(|| format!("`{}` is missing", objective.id))?;
                objective.text.clone_from(&found.text);
            }
        }
        let surplus = from.requirements().flat_map(|r| &r.objectives).find(|o| self.objective(&o.id).is_none());
        surplus.map_or(Ok(whole), |o| Err(format!("`{}` is not one of {}", o.id, self.title)))
    }

    /// As scripts read it; the shape is kept stable.
    #[must_use]
    pub fn shown(&self) -> serde_json::Value {
        let requirement = |r: &Requirement| {
            let mut shown = serde_json::json!({
                "id": r.id,
                "practice": r.practice,
                "title": r.title,
                "kind": r.kind,
                "points": r.points,
                "partial": r.partial,
                "poam": r.poam == Eligible::Yes,
                "poam_partial": r.poam == Eligible::Partial,
                "objectives": r.objectives.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(),
            });
            if let Some(statement) = &r.statement {
                shown["statement"] = statement.as_str().into();
            }
            shown
        };
        let family = |f: &Family| serde_json::json!({ "id": f.id, "code": f.code, "title": f.title, "requirements": f.requirements.iter().map(requirement).collect::<Vec<_>>() });
        serde_json::json!({
            "key": self.key,
            "title": self.title,
            "version": self.version,
            "families": self.families.iter().map(family).collect::<Vec<_>>(),
        })
    }
}
