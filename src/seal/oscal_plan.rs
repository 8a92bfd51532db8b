//! A seal as OSCAL JSON: the system security plan, and the system as a component that other plans can import.
//! Must stay true: as in `oscal`. What nobody wrote is said to be unwritten, never made up.

use serde_json::{Value, json};

use super::oscal::{Source, prop, put, said, token};
use super::read::{items, text, texts};

/// What stands where nobody wrote how a requirement is implemented.
const UNWRITTEN: &str = "Not written yet.";

/// The state of an implementation by what was found; none where nothing was.
fn implemented(claimed: Option<&str>, is_planned: bool) -> Option<&'static str> {
    match claimed? {
        "met" => Some("implemented"),
        "partial" => Some("partial"),
        "not_applicable" => Some("not-applicable"),
        _ => is_planned.then_some("planned"),
    }
}

impl Source<'_> {
    /// The section of the plan, when somebody wrote it.
    fn section(&self, name: &str) -> Option<&Value> {
        items(&self.body["security_plan"], "sections").find(|s| text(s, "section") == name)
    }

    fn written(&self, name: &str) -> &str {
        let written = self.section(name).map_or("", |s| text(s, "text"));
        if written.trim().is_empty() { UNWRITTEN } else { written }
    }

    /// Those who answer for something, each once, in the order in which they come.
    fn roles(&self) -> Vec<&str> {
        let mut out: Vec<&str> = Vec::new();
        for responsible in items(&self.body["security_plan"], "sections").map(|s| text(s, "responsible")).filter(|r| !r.trim().is_empty()) {
            if !out.contains(&responsible) {
                out.push(responsible);
            }
        }
        out
    }

    fn role(&self, responsible: &str) -> Option<String> {
        self.roles().iter().position(|r| *r == responsible).map(|n| format!("role-{}", n + 1))
    }

    /// The framework as the source of its controls: a resource of the document itself.
    fn framework(&self, resource: &str) -> Value {
        let framework = text(&self.body["assessment"], "framework");
        json!({ "resources": [{
            "uuid": resource,
            "title": framework,
            "description": "The framework that the assessment names; its requirements are the controls of this document.",
            "props": [prop("framework", said(framework))],
        }] })
    }

    /// The system security plan.
    #[must_use]
    pub fn ssp(&self) -> Value {
        let (body, system) = (self.body, &self.body["system"]);
        let (profile, component, plan) = (self.uuid("framework"), self.uuid("system"), &self.body["plan"]);
        let planned: Vec<&str> = items(plan, "items").map(|i| text(i, "requirement")).collect();
        let implemented = |r: &Value| {
            let id = text(r, "id");
            let mut by = json!({
                "component-uuid": component,
                "uuid": self.uuid(&format!("by/{id}")),
                "description": self.written(id),
            });
            if let Some(state) = implemented(r["claimed"].as_str(), planned.contains(&id)) {
                by["implementation-status"] = json!({ "state": state });
            }
            let mut requirement = json!({
                "uuid": self.uuid(&format!("implemented/{id}")),
                "control-id": token("req", id),
                "props": [prop("requirement", id), prop("status", r["claimed"].as_str().unwrap_or("unassessed"))],
                "by-components": [by],
            });
            let role = self.section(id).and_then(|s| self.role(text(s, "responsible")));
            put(&mut requirement, "responsible-roles", role.into_iter().map(|role| json!({ "role-id": role })).collect());
            requirement
        };
        let mut metadata = self.metadata("System security plan");
        let roles = self.roles().into_iter().enumerate().map(|(n, title)| json!({ "id": format!("role-{}", n + 1), "title": title }));
        put(&mut metadata, "roles", roles.collect());
        let mut characteristics = json!({
            "system-ids": [{ "identifier-type": "urn:countersign:oscal", "id": text(system, "id") }],
            "system-name": said(text(system, "name")),
            "description": said(text(system, "scope")),
            "system-information": { "information-types": [{
                "uuid": self.uuid("information"),
                "title": "Controlled unclassified information",
                "description": "What SP 800-171 protects.",
            }] },
            "status": { "state": "operational" },
            "authorization-boundary": { "description": said(text(system, "boundary")) },
        });
        let codes = texts(system, "cage_codes").into_iter().map(|code| prop("cage-code", &code));
        let general = ["environment", "connections", "responsibilities", "upkeep"];
        let general = general.into_iter().filter(|name| self.section(name).is_some()).map(|name| {
            let mut prop = prop(name, "see remarks");
            prop["remarks"] = self.written(name).into();
            prop
        });
        put(&mut characteristics, "props", codes.chain(general).collect());
        json!({ "system-security-plan": {
            "uuid": self.uuid("ssp"),
            "metadata": metadata,
            "import-profile": { "href": format!("#{profile}") },
            "system-characteristics": characteristics,
            "system-implementation": {
                "users": [{ "uuid": self.uuid("users"), "title": "People who use the system" }],
                "components": [{
                    "uuid": component,
                    "type": "this-system",
                    "title": said(text(system, "name")),
                    "description": said(text(system, "scope")),
                    "status": { "state": "operational" },
                }],
            },
            "control-implementation": {
                "description": format!("How {} implements {}.", text(system, "name"), text(&body["assessment"], "framework")),
                "implemented-requirements": items(body, "requirements").map(implemented).collect::<Vec<_>>(),
            },
            "back-matter": self.framework(&profile),
        } })
    }

    /// The system as a component with what the plan says that it implements.
    #[must_use]
    pub fn component(&self) -> Value {
        let (body, system) = (self.body, &self.body["system"]);
        let source = self.uuid("framework");
        let written = |r: &Value| {
            let id = text(r, "id");
            let section = self.section(id).filter(|s| !text(s, "text").trim().is_empty())?;
            Some(json!({
                "uuid": self.uuid(&format!("component/{id}")),
                "control-id": token("req", id),
                "description": text(section, "text"),
                "props": [prop("requirement", id)],
            }))
        };
        let requirements: Vec<Value> = items(body, "requirements").filter_map(written).collect();
        let mut component = json!({
            "uuid": self.uuid("system"),
            "type": "system",
            "title": said(text(system, "name")),
            "description": said(text(system, "scope")),
        });
        if !requirements.is_empty() {
            component["control-implementations"] = json!([{
                "uuid": self.uuid("component/implementation"),
                "source": format!("#{source}"),
                "description": format!("What {} implements of {}.", text(system, "name"), text(&body["assessment"], "framework")),
                "implemented-requirements": requirements,
            }]);
        }
        json!({ "component-definition": {
            "uuid": self.uuid("component-definition"),
            "metadata": self.metadata("Component definition"),
            "components": [component],
            "back-matter": self.framework(&source),
        } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_implemented_that_was_not_found_to_be() {
        assert_eq!([implemented(None, true), implemented(Some("not_met"), false)], [None, None]);
        assert_eq!([implemented(Some("not_met"), true), implemented(Some("met"), true)], [Some("planned"), Some("implemented")]);
        assert_eq!([implemented(Some("partial"), false), implemented(Some("not_applicable"), false)], [Some("partial"), Some("not-applicable")]);
    }
}
