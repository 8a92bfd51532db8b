//! Which gateway a message leaves by: rules that administrators set, a row each time, and the order in which the gateways of one
//! message are tried.
//! Must stay true: rules are never changed, so what names them says all of them; a message goes on to the next gateway only
//! when nothing was attempted at this one, or the attempt certainly sent nothing.

use super::gateway::{self, HTTPSMS, PHONE, SANDBOX, SMSGATE, TWILIO};
use super::{Error, Message, SetRules, sql};
use crate::config::Config;
use crate::core::fault::{Context as _, Fault};
use crate::core::id::{PersonId, RoutingId};
use crate::core::number::{Number, is_region};
use crate::db::{Db, Detail};
use crate::policy::Permit;

/// Gateways there are.
pub const GATEWAYS_MAX: usize = 5;
/// Every gateway the program knows.
pub const GATEWAYS: [&str; GATEWAYS_MAX] = [TWILIO, SMSGATE, HTTPSMS, PHONE, SANDBOX];
/// Rules of one set, and characters of all of them.
pub const RULES_MAX: usize = 50;
pub const RULES_CHARS_MAX: usize = 4_000;
/// What a campaign's choice begins with that leaves by rules; their id follows.
pub const BY_RULES: &str = "rules:";

/// Whom a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    Everybody,
    /// Numbers of a country or region, such as `US`.
    Region(String),
    /// Numbers that begin so, such as `+49`.
    Prefix(String),
    /// What goes out on a channel: `sms`.
    Channel(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    whom: Whom,
    gateways: Vec<&'static str>,
}

/// Rules; the first that fits counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

/// What is wrong with rules, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Wrong {
    /// From 1.
    pub line: usize,
    /// A stable code: `form`, `whom`, `gateway`, `twice`, `many`.
    pub what: &'static str,
}

impl Rules {
    /// Reads lines such as `US: twilio > smsgate`. Empty lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let mut rules: Vec<Rule> = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), n + 1);
            let wrong = |what| Wrong { line: number, what };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (whom, names) = line.split_once(':').ok_or_else(|| wrong("form"))?;
            let whom = Whom::parse(whom.trim()).ok_or_else(|| wrong("whom"))?;
            let mut gateways = Vec::new();
            for name in names.split('>') {
                let known = GATEWAYS.into_iter().find(|known| *known == name.trim()).ok_or_else(|| wrong("gateway"))?;
                if gateways.contains(&known) {
                    return Err(wrong("twice"));
                }
                gateways.push(known);
            }
            if rules.iter().any(|rule| rule.whom == whom) {
                return Err(wrong("twice"));
            }
            if rules.len() == RULES_MAX {
                return Err(wrong("many"));
            }
            rules.push(Rule { whom, gateways });
        }
        Ok(Self(rules))
    }

    /// The gateways for a number, in order; empty when no rule fits.
    #[must_use]
    pub fn for_number(&self, e164: &str, region: &str, channel: &str) -> &[&'static str] {
        let fits = |rule: &&Rule| match &rule.whom {
            Whom::Everybody => true,
            Whom::Region(wanted) => wanted == region,
            Whom::Prefix(prefix) => e164.starts_with(prefix.as_str()),
            Whom::Channel(wanted) => wanted == channel,
        };
        self.0.iter().find(fits).map_or(&[], |rule| &rule.gateways)
    }
}

impl Whom {
    fn parse(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix('+') {
            let good = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            return good.then(|| Self::Prefix(text.to_owned()));
        }
        match text {
            "*" => Some(Self::Everybody),
            "sms" => Some(Self::Channel(text.to_owned())),
            region if region.len() == 2 && is_region(&region.to_ascii_uppercase()) => Some(Self::Region(region.to_ascii_uppercase())),
            _ => None,
        }
    }
}

crate::row! {
    /// Rules as stored.
    #[derive(Clone, Debug)]
    pub struct Routing {
        /// Id.
        pub id: RoutingId,
        /// Their lines.
        pub rules: String,
        /// Who set them.
        pub author: String,
        /// When.
        pub made_at: i64,
    }
}

/// The rules in force, once some were set.
///
/// # Errors
/// When the database fails.
pub async fn in_force(db: &Db) -> Result<Option<Routing>, Fault> {
    db.query(sql::ROUTING).optional().await.context("read the rules of gateways")
}

/// Sets rules. Campaigns keep those they were made with.
///
/// # Errors
/// When the database fails.
pub async fn set(db: &Db, permit: Permit<SetRules>, author: &PersonId, rules: &str) -> Result<RoutingId, Error> {
    let id = RoutingId::new(db.clock(), db.rng());
    let permit = permit.naming(&id);
    let mut tx = db.begin(&permit).await?;
    let now = tx.now();
    // The newest by id is the one in force: two at once follow each other.
    tx.query(sql::LOCK_ROUTING).execute().await?;
    tx.write(sql::INSERT_ROUTING).bind(&id).bind(rules).bind(author).bind(now).execute().await?;
    tx.commit(permit, Detail::ok().with("rules", rules)).await?;
    Ok(id)
}

/// The gateways that a message to this number leaves by, apart by blanks, by the rules in force; the first that is set up when
/// there are none. None when no rule fits, or there is no gateway: then it is held.
///
/// # Errors
/// When the database fails.
pub async fn by_rules(db: &Db, config: &Config, number: &Number) -> Result<Option<String>, Fault> {
    let rules = in_force(db).await?;
    pick(db, config, rules.as_ref(), number).await
}

/// The same by what a campaign chose: a gateway by its name, or the rules of an id.
///
/// # Errors
/// When the database fails, or there are no such rules.
pub async fn by_choice(db: &Db, config: &Config, choice: &str, number: &Number) -> Result<String, Fault> {
    let Some(id) = choice.strip_prefix(BY_RULES) else { return Ok(choice.to_owned()) };
    let rules: Option<Routing> = db.query(sql::ROUTING_OF).bind(id).optional().await.context("read the rules of a campaign")?;
    let rules = rules.ok_or_else(|| Fault::new("a campaign names rules that are not there"))?;
    Ok(pick(db, config, Some(&rules), number).await?.unwrap_or_else(|| gateway::NONE.to_owned()))
}

async fn pick(db: &Db, config: &Config, rules: Option<&Routing>, number: &Number) -> Result<Option<String>, Fault> {
    let set_up = gateway::names(config);
    let mut wanted: Vec<&str> = match rules {
        Some(rules) => {
            let rules = Rules::parse(&rules.rules).context("read stored rules of gateways")?;
            rules.for_number(number.e164(), number.region(), "sms").iter().copied().filter(|name| set_up.contains(name)).collect()
        }
        None => Vec::new(),
    };
    // Where there are rules, what fits none leaves by none.
    if rules.is_none() {
        wanted.extend(set_up.first());
    }
    let mut open = Vec::new();
    for name in &wanted {
        let stopped: i64 = db.query(sql::GATEWAY_STOPPED).bind(*name).scalar().await.context("read a gateway")?;
        if stopped == 0 {
            open.push(*name);
        }
    }
    // When all of them rest it waits at the first.
    let chosen = if open.is_empty() { wanted } else { open };
    Ok((!chosen.is_empty()).then(|| chosen.join(" ")))
}

/// The first of several gateways.
#[must_use]
pub fn first(route: &str) -> &str {
    route.split(' ').next().unwrap_or_default()
}

/// Where a message goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The gateway.
    pub gateway: String,
    /// How often all gateways of the route were asked; 0 while one was not.
    pub lap: i64,
}

fn names(message: &Message) -> Vec<&str> {
    message.route.as_deref().map_or_else(|| vec![message.gateway.as_str()], |route| route.split(' ').collect())
}

/// The next of a message's route after this one, the first again after the last.
#[must_use]
pub fn hop(message: &Message) -> Hop {
    let names = names(message);
    let at = names.iter().position(|name| *name == message.gateway).unwrap_or(0);
    let laps = message.attempts / i64::try_from(names.len()).unwrap_or(1).max(1);
    let next = (at + 1) % names.len();
    Hop { gateway: names[next].to_owned(), lap: if next > at { laps } else { laps.max(1) } }
}

/// The next of a message's route, when it was not asked yet.
#[must_use]
pub fn untried(message: &Message) -> Option<Hop> {
    let next = hop(message);
    (next.lap == 0).then_some(next)
}

/// The others of a message's route, in order after the one its turn is at.
pub fn others(message: &Message) -> impl Iterator<Item = &str> {
    let names = names(message);
    let at = names.iter().position(|name| *name == message.gateway).unwrap_or(0);
    let (before, after) = names.split_at(at);
    let rest: Vec<&str> = after.iter().skip(1).chain(before).copied().filter(|name| *name != message.gateway).collect();
    rest.into_iter()
}

/// Was a message refused for a reason that lies with the gateway, so that another one may take it?
#[must_use]
pub fn is_gateways_fault(reason: &str) -> bool {
    const TWILIOS: [&str; 9] = ["20003", "30002", "21606", "21612", "21608", "21212", "21659", "21408", "63007"];
    matches!(reason, "phone_key" | "http_401" | "http_402" | "http_403" | "no_credential")
        || reason.strip_prefix("twilio_").is_some_and(|code| TWILIOS.contains(&code))
        || ["smsgate_", "httpsms_"].iter().any(|of| matches!(reason.strip_prefix(of), Some("401" | "402" | "403")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = Rules::parse("# by country\nus: twilio > smsgate\n+4917: phone\nDE: httpsms\n\n*: sandbox").expect("rules");
        assert_eq!(rules.for_number("+14155552671", "US", "sms"), ["twilio", "smsgate"]);
        assert_eq!(rules.for_number("+491701234567", "DE", "sms"), ["phone"]);
        assert_eq!(rules.for_number("+493012345678", "DE", "sms"), ["httpsms"]);
        assert_eq!(rules.for_number("+447400123456", "GB", "sms"), ["sandbox"]);
        let some = Rules::parse("US: twilio").expect("rules");
        assert!(some.for_number("+447400123456", "GB", "sms").is_empty());
        assert_eq!(Rules::parse("sms: twilio").expect("rules").for_number("+1", "US", "sms"), ["twilio"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, line, what) in [
            ("twilio", 1, "form"),
            ("US: twilio\nUSA: twilio", 2, "whom"),
            ("ZZ: twilio", 1, "whom"),
            ("+0: twilio", 1, "whom"),
            ("*: twilio > carrier", 1, "gateway"),
            ("*:", 1, "gateway"),
            ("*: twilio > twilio", 1, "twice"),
            ("US: twilio\nus: phone", 2, "twice"),
        ] {
            assert_eq!(Rules::parse(text), Err(Wrong { line, what }), "{text}");
        }
        let many: String = (1..=51).map(|n| format!("+{n}: twilio\n")).collect();
        assert_eq!(Rules::parse(&many), Err(Wrong { line: 51, what: "many" }));
    }

    #[test]
    fn only_what_lies_with_the_gateway_has_another_one_asked() {
        for own in ["twilio_20003", "phone_key", "http_401", "smsgate_403", "httpsms_402"] {
            assert!(is_gateways_fault(own), "{own}");
        }
        for not in ["twilio_21211", "twilio_21610", "number_stopped", "erased", "http_404", "smsgate_400", "refused"] {
            assert!(!is_gateways_fault(not), "{not}");
        }
    }
}
