//! `countersign user …`: console acts on people.

use serde_json::Value;

use super::args::{Named, UserCommand};
use super::console::{Ask, call};
use super::{Failure, out};
use crate::config::Inputs;

pub(super) async fn run(inputs: &Inputs, command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Create { username, name, email, roles, json } => {
            let made = call(inputs, &Ask::UserCreate { username, name, email, roles }).await?;
            print(json, &made, |v| format!("created {} ({})\nsingle-use link: {}", text(v, "username"), text(v, "id"), text(v, "link")))
        }
        UserCommand::List { json } => {
            let people = call(inputs, &Ask::UserList).await?;
            print(json, &people, table)
        }
        UserCommand::Disable(Named { username, json }) => {
            let done = call(inputs, &Ask::UserDisable { username }).await?;
            print(json, &done, |v| format!("{} is disabled; sessions and tokens ended", text(v, "username")))
        }
        UserCommand::Enable(Named { username, json }) => {
            let done = call(inputs, &Ask::UserEnable { username }).await?;
            print(json, &done, |v| format!("{} is enabled", text(v, "username")))
        }
        UserCommand::Unlock(Named { username, json }) => {
            let done = call(inputs, &Ask::UserUnlock { username }).await?;
            print(json, &done, |v| format!("{} is unlocked", text(v, "username")))
        }
        UserCommand::ResetPassword(Named { username, json }) => {
            let done = call(inputs, &Ask::UserResetPassword { username }).await?;
            print(json, &done, |v| format!("single-use link for {}: {}", text(v, "username"), text(v, "link")))
        }
        UserCommand::ResetTotp(Named { username, json }) => {
            let done = call(inputs, &Ask::UserResetTotp { username }).await?;
            print(json, &done, |v| format!("{} enrols a new authenticator at the next sign-in", text(v, "username")))
        }
    }
}

fn print(json: bool, value: &Value, words: impl Fn(&Value) -> String) -> Result<(), Failure> {
    if json { out::json(value) } else { out::line(&words(value)) }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("?")
}

fn table(people: &Value) -> String {
    let rows = people.as_array().map(Vec::as_slice).unwrap_or_default();
    let width = rows.iter().map(|p| text(p, "username").chars().count()).max().unwrap_or(8).max(8);
    let mut lines = vec![format!("{:width$}  {:9}  roles", "username", "state")];
    for person in rows {
        let roles: Vec<_> = person["roles"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str).collect();
        lines.push(format!("{:width$}  {:9}  {}", text(person, "username"), text(person, "state"), roles.join(", ")));
    }
    lines.join("\n")
}
