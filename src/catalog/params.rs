//! Parameters of OSCAL prose: `{{ insert: param, ID }}` becomes the words that stand for it.
//! Must stay true: parameters that name each other in a circle are an error, never a loop.

use std::collections::HashMap;

use super::oscal::{OscalError, Param};

/// Characters of one text once its parameters are put in.
const TEXT_CHARS_MAX: usize = 20_000;
/// Parameters within parameters.
const DEPTH_MAX: usize = 8;

/// All parameters of a catalogue by id.
#[derive(Debug, Default)]
pub(super) struct Params(HashMap<String, Param>);

impl Params {
    /// # Errors
    /// When an id is there twice.
    pub(super) fn add(&mut self, params: &[Param]) -> Result<(), OscalError> {
        for param in params {
            let id = param.id.trim().to_owned();
            if self.0.insert(id.clone(), param.clone()).is_some() {
                return Err(OscalError::Doubled { kind: "parameter", id });
            }
        }
        Ok(())
    }

    /// The prose with its parameters put in, on one line.
    ///
    /// # Errors
    /// [`OscalError::Circle`], [`OscalError::TooLong`].
    pub(super) fn filled(&self, prose: &str) -> Result<String, OscalError> {
        self.fill(prose, &mut Vec::new())
    }

    fn fill(&self, prose: &str, within: &mut Vec<String>) -> Result<String, OscalError> {
        let mut out = String::with_capacity(prose.len());
        let mut rest = prose;
        while let Some(at) = rest.find("{{") {
            let Some(end) = rest[at..].find("}}") else { break };
            out.push_str(&rest[..at]);
            let inside = &rest[at + 2..at + end];
            let id = inside.rsplit(',').next().unwrap_or_default().trim();
            out.push_str(&self.words(id, within)?);
            rest = &rest[at + end + 2..];
            if out.len() > TEXT_CHARS_MAX {
                return Err(OscalError::TooLong { chars_max: TEXT_CHARS_MAX });
            }
        }
        out.push_str(rest);
        let text = out.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > TEXT_CHARS_MAX { Err(OscalError::TooLong { chars_max: TEXT_CHARS_MAX }) } else { Ok(text) }
    }

    fn words(&self, id: &str, within: &mut Vec<String>) -> Result<String, OscalError> {
        if within.len() >= DEPTH_MAX || within.iter().any(|w| w == id) {
            return Err(OscalError::Circle { id: id.to_owned() });
        }
        let Some(param) = self.0.get(id) else { return Ok(format!("[{id}]")) };
        within.push(id.to_owned());
        let words = if !param.values.is_empty() {
            self.fill(&param.values.join(", "), within)?
        } else if let Some(select) = &param.select {
            let choices = select.choice.iter().map(|c| self.fill(c, within)).collect::<Result<Vec<_>, _>>()?;
            format!("[{}]", choices.join("; "))
        } else {
            format!("[{}]", self.fill(param.label.as_deref().unwrap_or(id), within)?)
        };
        within.pop();
        Ok(words)
    }
}
