//! The policies as people read them: who may do what in words and as a table, and the settings of every file.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::http::App;
use crate::policy::{ActRule, Role};

/// Files shown as tables of settings; `access.toml` is shown in words.
const FILES: [&str; 7] = ["password", "session", "throttle", "uploads", "headers", "retention", "review"];
/// The groups of acts, in the order they are shown.
const GROUPS: [&str; 11] = ["sign_in", "account", "people", "evidence", "assessment", "contacts", "messages", "intake", "trail", "identity", "system"];

/// The page.
#[derive(Debug, Serialize)]
pub struct PoliciesPage {
    hash: String,
    source: String,
    groups: Vec<Group>,
    roles: Vec<String>,
    matrix: Vec<Line>,
    facts: Vec<File>,
}

#[derive(Debug, Serialize)]
struct Group {
    title: String,
    acts: Vec<ShownAct>,
}

#[derive(Debug, Serialize)]
struct ShownAct {
    action: String,
    who: Vec<String>,
    conditions: Vec<String>,
    fresh: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    action: String,
    cells: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct File {
    key: &'static str,
    file: String,
    hash: String,
    rows: Vec<Row>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    name: String,
    value: String,
    meaning: String,
}

/// Everything in force.
#[must_use]
pub fn policies(app: &App) -> PoliciesPage {
    let groups = GROUPS.iter().map(|category| group(app, category)).filter(|g| !g.acts.is_empty()).collect();
    let matrix = app.policy.rules().map(|(name, rule)| Line { action: name.to_owned(), cells: Role::ALL.iter().map(|r| cell(rule, *r)).collect() }).collect();
    let facts = FILES
        .into_iter()
        .map(|key| File {
            key,
            file: format!("{key}.toml"),
            hash: app.policies.hash_of(key),
            rows: rows(key, app.policies.texts.get(key).map_or("", String::as_str)),
        })
        .collect();
    PoliciesPage {
        hash: app.policies.hash(),
        source: match &app.policies.folder {
            Some(folder) => app.text("policies-source-folder", &[("folder", folder)]),
            None => app.text("policies-source-embedded", &[]),
        },
        groups,
        roles: Role::ALL.iter().map(|r| app.text(&format!("role-{r}"), &[])).collect(),
        matrix,
        facts,
    }
}

fn group(app: &App, category: &str) -> Group {
    let who = |name: &String| match name.as_str() {
        "anyone" => app.text("circle-anyone", &[]),
        "person" => app.text("circle-person", &[]),
        role => app.text(&format!("role-{role}"), &[]),
    };
    let acts = app.policy.rules().filter(|(_, rule)| rule.category == category).map(|(name, rule)| ShownAct {
        action: name.to_owned(),
        who: rule.allow.iter().map(who).collect(),
        conditions: rule.unless.iter().map(|c| app.policy.because(c).to_owned()).collect(),
        fresh: rule.fresh,
    });
    Group { title: app.text(&format!("policy-group-{}", category.replace('_', "-")), &[]), acts: acts.collect() }
}

fn cell(rule: &ActRule, role: Role) -> &'static str {
    let allowed = rule.allow.iter().any(|a| matches!(a.as_str(), "anyone" | "person") || a == role.name());
    match (allowed, rule.unless.is_empty()) {
        (false, _) => "no",
        (true, true) => "yes",
        (true, false) => "if",
    }
}

/// The settings of one file, with the comment above each as its meaning.
fn rows(file: &str, text: &str) -> Vec<Row> {
    let Ok(table) = text.parse::<toml::Table>() else { return Vec::new() };
    let mut flat = Vec::new();
    flatten("", &table, &mut flat);
    // Of the password profiles only the one in force is shown.
    let profile = table.get("use").and_then(toml::Value::as_str).map(|name| format!("profile.{name}."));
    let comments = comments(text);
    flat.into_iter()
        .filter(|(name, _)| file != "password" || name == "use" || profile.as_ref().is_some_and(|p| name.starts_with(p)))
        .map(|(name, value)| Row { meaning: comments.get(&name).cloned().unwrap_or_default(), name, value })
        .collect()
}

fn flatten(prefix: &str, table: &toml::Table, out: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&name, inner, out),
            value => out.push((name, shown(value))),
        }
    }
}

fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        toml::Value::Integer(n) => n.to_string(),
        toml::Value::Float(n) => n.to_string(),
        toml::Value::Boolean(b) => b.to_string(),
        toml::Value::Datetime(at) => at.to_string(),
        toml::Value::Table(_) => String::new(),
    }
}

/// The comment lines directly above each key. The lines at the head of a file speak of the whole file.
fn comments(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let (mut section, mut above) = (String::new(), Vec::new());
    for line in text.lines().skip_while(|l| l.starts_with('#')) {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            above.push(comment.trim().to_owned());
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, _)) = line.split_once('=')
            && !above.is_empty()
        {
            let key = key.trim();
            out.insert(if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }, above.join(" "));
        }
        above.clear();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_flat_and_carry_the_comment_above_them() {
        let text = "# The file.\na = 1\n\n[part]\n# What b means,\n# in two lines.\nb = [\"x\", \"y\"]\nc = true\n";
        let row = |name: &str, value: &str, meaning: &str| Row { name: name.into(), value: value.into(), meaning: meaning.into() };
        assert_eq!(rows("session", text), [row("a", "1", ""), row("part.b", "x, y", "What b means, in two lines."), row("part.c", "true", "")]);
    }

    #[test]
    fn of_the_password_profiles_only_the_one_in_force_is_shown() {
        let text = include_str!("../../policies/password.toml");
        let names: Vec<String> = rows("password", text).into_iter().map(|r| r.name).collect();
        assert!(names.contains(&"profile.countersign.min_chars".to_owned()) && !names.iter().any(|n| n.contains("nist")));
    }

    #[test]
    fn every_category_of_the_policy_is_a_group() {
        let file: toml::Table = include_str!("../../policies/access.toml").parse().expect("the embedded policy parses");
        for (name, rule) in file["act"].as_table().expect("acts") {
            let category = rule["category"].as_str().expect("a category");
            assert!(GROUPS.contains(&category), "{name}: {category}");
        }
    }

    #[test]
    fn every_act_category_and_code_has_its_text() {
        let texts = crate::http::texts::Texts::english();
        let file: toml::Table = include_str!("../../policies/access.toml").parse().expect("the embedded policy parses");
        for name in file["act"].as_table().expect("acts").keys() {
            assert!(texts.has(&format!("action-{}", name.replace(['.', '_'], "-"))), "{name}");
        }
        let codes = "method bad_cookie plain_http credential_in_query too_many bad_token two_credentials internal timeout not_json malformed too_large \
            broken_body erased not_a_form csrf not_utf8 too_many_fields doubled_field sign_in wrong too_many_tries locked state last_admin too_many_of \
            busy unavailable integrity_fault unwitnessed no_room not_found fresh forbidden invalid bad_request media_type no_checkpoint";
        for code in codes.split_whitespace() {
            assert!(texts.has(&format!("error-code-{code}")), "{code}");
        }
        for group in GROUPS {
            assert!(texts.has(&format!("policy-group-{}", group.replace('_', "-"))), "{group}");
        }
        for file in FILES {
            assert!(texts.has(&format!("policy-{file}")), "{file}");
        }
    }
}
