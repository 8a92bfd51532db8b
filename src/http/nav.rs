//! The navigation: what a person's roles let them reach. Rendered once for each set of roles and place, since every page has it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use minijinja::Value;
use serde::Serialize;

use super::templates::Templates;
use crate::core::fault::Fault;
use crate::policy::Role;

/// One entry of the navigation.
#[derive(Debug)]
struct Entry {
    key: &'static str,
    href: &'static str,
    icon: &'static str,
    /// Who sees it; nobody named is everybody.
    roles: &'static [Role],
}

const fn entry(key: &'static str, href: &'static str, icon: &'static str, roles: &'static [Role]) -> Entry {
    Entry { key, href, icon, roles }
}

const SECTIONS: [(&str, &[Entry]); 3] = [
    (
        "work",
        &[
            entry("home", "/", "home", &[]),
            entry("evidence", "/evidence", "evidence", &[Role::Contributor, Role::Compliance]),
            entry("assess", "/assess", "check", &[Role::Contributor, Role::Compliance]),
            entry("seals", "/seals", "seal", &[Role::Contributor, Role::Compliance, Role::Assessor]),
            entry("contacts", "/contacts", "people", &[Role::Messaging]),
            entry("messages", "/messages", "message", &[Role::Messaging]),
            entry("inbox", "/inbox", "phone", &[Role::Messaging]),
            entry("campaigns", "/campaigns", "campaign", &[Role::Messaging, Role::Compliance]),
            entry("intake", "/intake", "intake", &[Role::Intake]),
        ],
    ),
    (
        "proof",
        &[entry("audit", "/audit", "audit", &[Role::Compliance, Role::Admin]), entry("policies", "/policies", "policy", &[Role::Compliance, Role::Admin])],
    ),
    (
        "administration",
        &[
            entry("people", "/admin/users", "people", &[Role::Admin]),
            entry("tags", "/tags", "filter", &[Role::Compliance, Role::Admin]),
            entry("gateways", "/admin/gateways", "message", &[Role::Admin]),
            entry("status", "/status", "status", &[Role::Admin]),
            entry("config", "/config", "config", &[Role::Admin]),
        ],
    ),
];

/// What was rendered, by roles and the entry that is current: never more than there are of both.
#[derive(Debug, Default)]
pub(super) struct Rendered(Mutex<HashMap<(u8, &'static str), Value>>);

#[derive(Serialize)]
struct Nav {
    nav: Vec<Section>,
}

#[derive(Serialize)]
struct Section {
    section_key: &'static str,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    key: &'static str,
    href: &'static str,
    icon: &'static str,
    current: bool,
}

/// The key of the entry that `path` lies under.
fn current(path: &str) -> &'static str {
    let under = |href: &str| if href == "/" { path == "/" } else { path.strip_prefix(href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) };
    SECTIONS.iter().flat_map(|(_, entries)| *entries).find(|e| under(e.href)).map_or("", |e| e.key)
}

/// The navigation of somebody with `roles` at `path`, as safe HTML.
pub(super) fn html(templates: &Templates, rendered: &Rendered, roles: &[Role], path: &str) -> Result<Value, Fault> {
    let bits = Role::ALL.iter().enumerate().filter(|(_, role)| roles.contains(role)).fold(0_u8, |bits, (n, _)| bits | 1 << n);
    let current = current(path);
    if let Some(ready) = rendered.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(bits, current)) {
        return Ok(ready.clone());
    }
    let seen = |e: &&Entry| e.roles.is_empty() || e.roles.iter().any(|r| roles.contains(r));
    let item = |e: &Entry| Item { key: e.key, href: e.href, icon: e.icon, current: e.key == current };
    let sections = SECTIONS.iter().map(|(key, entries)| Section { section_key: key, items: entries.iter().filter(seen).map(item).collect() });
    let nav = Nav { nav: sections.filter(|s| !s.items.is_empty()).collect() };
    let made = Value::from_safe_string(templates.render("parts/nav.html", serde_json::json!({}), nav)?);
    rendered.0.lock().unwrap_or_else(PoisonError::into_inner).insert((bits, current), made.clone());
    Ok(made)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::http::texts::Texts;

    #[test]
    fn the_current_entry_is_the_one_the_path_lies_under() {
        for (path, key) in [("/", "home"), ("/audit", "audit"), ("/audit/7", "audit"), ("/auditor", ""), ("/account", ""), ("/admin/users/x", "people")] {
            assert_eq!(current(path), key, "{path}");
        }
    }

    #[test]
    fn each_set_of_roles_has_its_own() {
        let (templates, rendered) = (Templates::new(Arc::new(Texts::english())), Rendered::default());
        let nav = |roles: &[Role], path: &str| html(&templates, &rendered, roles, path).expect("it renders").to_string().replace("&#x2f;", "/");
        for _ in 0..2 {
            assert!(nav(&[Role::Admin], "/").contains("/admin/users"));
            assert!(!nav(&[Role::Messaging], "/").contains("/admin/users"));
            assert!(nav(&[Role::Admin], "/audit").contains("href=\"/audit\" aria-current=\"page\""));
            assert!(!nav(&[Role::Admin], "/").contains("href=\"/audit\" aria-current"));
        }
    }
}
