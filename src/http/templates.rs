//! Renders embedded templates: strict about undefined values, escaping everything, deciding nothing.

use fluent_bundle::{FluentArgs, FluentValue};
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{AutoEscape, Environment, HtmlEscape, State, UndefinedBehavior};
use serde::Serialize;
use std::sync::Arc;

use super::assets::Assets;
use super::nav;
use super::texts::Texts;
use crate::core::clock::Micros;
use crate::core::fault::{Context as _, Fault};
use crate::policy::Role;

#[expect(unused_qualifications, reason = "the embedded list is generated")]
fn embedded() -> Environment<'static> {
    let mut environment = Environment::new();
    minijinja_embed::load_templates!(&mut environment);
    environment
}

/// The templates with their filters and functions.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    /// The texts, for messages made in Rust.
    pub texts: Arc<Texts>,
    nav: nav::Rendered,
}

impl Templates {
    /// Loads everything that is embedded.
    #[must_use]
    pub fn new(texts: Arc<Texts>) -> Self {
        let mut environment = embedded();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // One callback for everything: only plain texts, of mails and of exports, are not HTML.
        environment.set_auto_escape_callback(|name| if name.ends_with(".txt") { AutoEscape::None } else { AutoEscape::Html });
        let for_t = texts.clone();
        environment.add_function("t", move |key: &str, kwargs: Kwargs| translate(&for_t, key, &kwargs));
        let icons = Assets::new().hrefs().icons().to_owned();
        let for_outcome = texts.clone();
        environment.add_function("outcome", move |outcome: &str| tag(outcome_kind(outcome), &for_outcome.get(&format!("outcome-{outcome}"), &[])));
        environment.add_function("tag", tag);
        environment.add_function("icon", move |name: &str| icon(&icons, name));
        environment.add_filter("when", when);
        environment.add_filter("bytes", bytes);
        environment.add_filter("number", number);
        Self { environment, texts, nav: nav::Rendered::default() }
    }

    /// Renders `name` with `page`'s fields laid over `base`'s.
    ///
    /// # Errors
    /// When the template is absent or asks for something the page does not give.
    pub fn render(&self, name: &str, base: impl Serialize, page: impl Serialize) -> Result<String, Fault> {
        let context = minijinja::context! { ..Value::from(minijinja::value::Serde(page)), ..Value::from(minijinja::value::Serde(base)) };
        self.environment.get_template(name).context("find a template")?.render(context).context("render a page")
    }

    /// The navigation of somebody with `roles` at `path`.
    ///
    /// # Errors
    /// As [`Templates::render`].
    pub fn nav(&self, roles: &[Role], path: &str) -> Result<Value, Fault> {
        nav::html(self, &self.nav, roles, path)
    }

    /// Names of all templates.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.environment.templates().map(|(name, _)| name.to_owned()).collect()
    }
}

/// One icon of the sprite, hidden from assistive technology.
fn icon(sprite: &str, name: &str) -> Result<Value, minijinja::Error> {
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
        return Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, "an icon's name is lower case and dashes"));
    }
    Ok(Value::from_safe_string(format!("<svg class=\"icon\" aria-hidden=\"true\" focusable=\"false\"><use href=\"{sprite}#{name}\"/></svg>")))
}

/// A tag; `kind` is empty, `good`, `warn`, `bad` or `plain`.
fn tag(kind: &str, text: &str) -> Value {
    let (kind, text) = (HtmlEscape(kind), HtmlEscape(text));
    Value::from_safe_string(format!("<span class=\"tag {kind}\">{text}</span>"))
}

fn outcome_kind(outcome: &str) -> &'static str {
    match outcome {
        "done" => "good",
        "failed" | "unknown" | "throttled" => "warn",
        "denied" | "error" => "bad",
        _ => "",
    }
}

fn translate(texts: &Texts, key: &str, kwargs: &Kwargs) -> Result<Value, minijinja::Error> {
    if let Some(text) = texts.plain(key) {
        return Ok(Value::from(text.clone()));
    }
    let mut args = FluentArgs::new();
    for name in kwargs.args() {
        let value: Value = kwargs.get(name)?;
        let number = value.kind() == ValueKind::Number;
        let text = value.to_string();
        let value = if number { text.parse::<f64>().map_or_else(|_| FluentValue::from(text), FluentValue::from) } else { FluentValue::from(text) };
        args.set(name.to_owned(), value);
    }
    Ok(Value::from(texts.format(key, &args)))
}

/// `<time datetime="…Z">2026-11-21 11:00 CET</time>` in the viewer's zone.
fn when(state: &State<'_, '_>, at: Micros) -> Value {
    let zone = state.lookup("time_zone").and_then(|z| z.as_str().map(str::to_owned)).unwrap_or_else(|| "UTC".into());
    let (utc, local) = both_times(at, &zone);
    Value::from_safe_string(format!("<time datetime=\"{utc}\">{local}</time>"))
}

/// An instant as RFC 3339 UTC, and as people of `zone` read it, with the zone named.
#[must_use]
pub fn both_times(at: Micros, zone: &str) -> (String, String) {
    let Ok(instant) = jiff::Timestamp::from_microsecond(at) else { return (String::new(), "?".into()) };
    let there = match zone {
        "UTC" => TimeZone::UTC,
        zone => TimeZone::get(zone).unwrap_or(TimeZone::UTC),
    };
    let info = there.to_offset_info(instant);
    let (utc, local) = (jiff::tz::Offset::UTC.to_datetime(instant), info.offset().to_datetime(instant));
    let (date, time) = (utc.date(), utc.time());
    let utc = format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", date.year(), date.month(), date.day(), time.hour(), time.minute(), time.second());
    let (date, time) = (local.date(), local.time());
    let local = format!("{:04}-{:02}-{:02} {:02}:{:02} {}", date.year(), date.month(), date.day(), time.hour(), time.minute(), info.abbreviation());
    (utc, local)
}

/// `12 345`: a thin space that does not break between thousands.
#[must_use]
pub fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(2 * digits.len());
    if n < 0 {
        out.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `12.3 MB`, powers of 1000 as disks and browsers count.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n * 10;
    let mut unit = 0;
    while value >= 10_000 && unit + 1 < UNITS.len() {
        value /= 1000;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{}.{} {}", value / 10, value % 10, UNITS[unit]) }
}
