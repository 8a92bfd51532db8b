//! `access.toml`: parsed, checked against the acts of the program, and asked.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Deserialize;

use super::{Act, Actor, Denied, Need, On, Permit, Resource as _, Role, Who};

/// Circles wider than a role that `allow` may name.
const CIRCLES: [&str; 4] = ["anyone", "person", "console", "system"];
/// The closed set of conditions.
const CONDITIONS: [&str; 5] = ["oneself", "author", "not_owner", "last_admin", "outside_window"];

/// Why a policy cannot be used. Each sentence names the place.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Not TOML of the right shape.
    #[error("access.toml: {0}")]
    Parse(#[from] toml::de::Error),
    /// Well-formed, but wrong; every fault is listed.
    #[error("access.toml: {}", .0.join("; "))]
    Wrong(Vec<String>),
}

/// One act's rule, as the policy pages show it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActRule {
    /// The group it is shown in.
    pub category: String,
    /// The act in words.
    pub says: String,
    /// Roles and circles that may.
    pub allow: Vec<String>,
    /// Conditions that stand against it.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Password and code must be recent.
    #[serde(default)]
    pub fresh: bool,
    /// Looking at this is not an entry of its own.
    #[serde(default)]
    pub quiet: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleText {
    says: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fresh_secs: i64,
    because: BTreeMap<String, String>,
    role: BTreeMap<String, RoleText>,
    act: BTreeMap<String, ActRule>,
}

/// The policy in force.
#[derive(Debug)]
pub struct Policy {
    file: File,
}

impl Policy {
    /// Parses `text` and checks it against the acts of the program.
    ///
    /// # Errors
    /// See [`AccessError`]; all faults at once.
    pub fn parse(text: &str, acts: &[&str]) -> Result<Self, AccessError> {
        let file: File = toml::from_str(text)?;
        let mut faults = Vec::new();
        let known = |a: &str| CIRCLES.contains(&a) || a.parse::<Role>().is_ok();
        for (name, rule) in &file.act {
            if !acts.contains(&name.as_str()) {
                faults.push(format!("the act `{name}` does not exist"));
            }
            faults.extend(rule.allow.iter().filter(|a| !known(a)).map(|a| format!("`{name}` allows `{a}`, which is no role")));
            faults.extend(
                rule.unless.iter().filter(|c| !file.because.contains_key(*c)).map(|c| format!("`{name}` names the condition `{c}`, which has no sentence")),
            );
        }
        faults.extend(acts.iter().filter(|a| !file.act.contains_key(**a)).map(|a| format!("the act `{a}` has no rule")));
        faults.extend(file.because.keys().filter(|c| !CONDITIONS.contains(&c.as_str())).map(|c| format!("the condition `{c}` does not exist")));
        faults.extend(Role::ALL.iter().filter(|r| !file.role.contains_key(r.name())).map(|r| format!("the role `{r}` has no text")));
        faults.extend(file.role.keys().filter(|r| r.parse::<Role>().is_err()).map(|r| format!("`{r}` is no role")));
        if !(60..=3600).contains(&file.fresh_secs) {
            faults.push("`fresh_secs` must lie between 60 and 3600".into());
        }
        if faults.is_empty() { Ok(Self { file }) } else { Err(AccessError::Wrong(faults)) }
    }

    /// May `actor` do `A` to `on`? The only maker of a permit.
    ///
    /// # Errors
    /// [`Denied`], which says what is missing and can be recorded.
    #[expect(clippy::result_large_err, reason = "a refusal carries what its entry needs, and is rare")]
    pub fn permit<A: Act>(&self, actor: &Actor, on: &A::On) -> Result<Permit<A>, Denied> {
        let on = on.on();
        match self.ask(actor, A::NAME, &on) {
            Ok(category) => Ok(Permit { actor: actor.clone(), category: category.to_owned(), on, act: PhantomData }),
            Err(need) => {
                let category = self.file.act.get(A::NAME).map_or_else(String::new, |r| r.category.clone());
                Err(Denied { actor: actor.clone(), action: A::NAME, category, on, need })
            }
        }
    }

    /// Would `permit` say yes? For hiding what would be refused; decides nothing.
    #[must_use]
    pub fn can<A: Act>(&self, actor: &Actor, on: &A::On) -> bool {
        matches!(self.ask(actor, A::NAME, &on.on()), Ok(_) | Err(Need::Fresh))
    }

    fn ask(&self, actor: &Actor, action: &str, on: &On) -> Result<&str, Need> {
        let Some(rule) = self.file.act.get(action) else { return Err(Need::Role(Vec::new())) };
        let circle = match &actor.who {
            Who::Person { .. } => "person",
            Who::Stranger => "anyone",
            Who::Console => "console",
            Who::System => "system",
        };
        let allowed = rule.allow.iter().any(|a| a == "anyone" || a == circle || actor.roles.iter().any(|r| r.name() == a));
        if !allowed {
            return Err(if actor.who == Who::Stranger { Need::SignIn } else { Need::Role(rule.allow.clone()) });
        }
        if let Some(scopes) = &actor.scopes
            && !scopes.iter().any(|s| s == action)
        {
            return Err(Need::Scope(action.to_owned()));
        }
        if let Some(name) = rule.unless.iter().find(|c| stands_against(c, actor, on)) {
            return Err(Need::Condition { name: name.clone(), because: self.file.because.get(name).cloned().unwrap_or_default() });
        }
        if rule.fresh && !actor.fresh {
            return Err(Need::Fresh);
        }
        Ok(&rule.category)
    }

    /// How long a full authentication counts as recent, in seconds.
    #[must_use]
    pub fn fresh_secs(&self) -> i64 {
        self.file.fresh_secs
    }

    /// Every rule, by act.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &ActRule)> {
        self.file.act.iter().map(|(name, rule)| (name.as_str(), rule))
    }

    /// A role in words.
    #[must_use]
    pub fn role_says(&self, role: Role) -> &str {
        self.file.role.get(role.name()).map_or("", |r| r.says.as_str())
    }

    /// A condition's sentence.
    #[must_use]
    pub fn because(&self, condition: &str) -> &str {
        self.file.because.get(condition).map_or("", String::as_str)
    }

    /// The acts a holder of `roles` may be given as scopes of a token.
    #[must_use]
    pub fn scopes_of(&self, roles: &[Role]) -> Vec<&str> {
        self.rules().filter(|(_, rule)| rule.allow.iter().any(|a| roles.iter().any(|r| r.name() == a))).map(|(name, _)| name).collect()
    }
}

/// An unknown condition stands against the act: closed by default.
fn stands_against(condition: &str, actor: &Actor, on: &On) -> bool {
    let me = actor.person();
    match condition {
        "oneself" => me.is_some_and(|me| on.kind == "person" && on.id.as_deref() == Some(me.as_str())),
        "author" => me.is_some() && on.author.as_ref() == me,
        "not_owner" => me.is_none() || on.owner.as_ref() != me,
        "last_admin" => on.last_admin,
        "outside_window" => on.outside_window,
        _ => true,
    }
}
