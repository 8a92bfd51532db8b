//! Every string a person reads, through one function. Fluent files of `locales/`, embedded; a missing key shows itself as
//! its own name and fails the suite.

use std::collections::HashMap;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use fluent_syntax::ast::Entry;

mod files {
    include!(concat!(env!("OUT_DIR"), "/locales.rs"));
}

/// The texts of one language.
pub struct Texts {
    bundle: FluentBundle<FluentResource>,
    /// Those without arguments, put together once.
    plain: HashMap<String, Arc<str>>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texts(en)")
    }
}

impl Texts {
    /// The English texts.
    ///
    /// # Panics
    /// When an embedded file is malformed; the suite loads them all.
    #[must_use]
    pub fn english() -> Self {
        let language: unic_langid::LanguageIdentifier = "en".parse().expect("`en` is a language");
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Isolation marks would end up inside attributes and mails.
        bundle.set_use_isolating(false);
        for (name, text) in files::EN {
            let resource = FluentResource::try_new((*text).to_owned()).unwrap_or_else(|(_, errors)| panic!("locales/en/{name}: {errors:?}"));
            bundle.add_resource(resource).unwrap_or_else(|errors| panic!("locales/en/{name}: {errors:?}"));
        }
        let mut plain = HashMap::new();
        for (_, text) in files::EN {
            // A resource of its own: the bundle does not list what it holds.
            let Ok(resource) = FluentResource::try_new((*text).to_owned()) else { continue };
            for entry in resource.entries() {
                let Entry::Message(message) = entry else { continue };
                let Some(pattern) = bundle.get_message(message.id.name).and_then(|m| m.value()) else { continue };
                let mut errors = Vec::new();
                let text = bundle.format_pattern(pattern, None, &mut errors);
                if errors.is_empty() {
                    plain.insert(message.id.name.to_owned(), text.into());
                }
            }
        }
        Self { bundle, plain }
    }

    /// The text of `key` when it takes no arguments.
    #[must_use]
    pub fn plain(&self, key: &str) -> Option<&Arc<str>> {
        self.plain.get(key)
    }

    /// Is there a text of this name?
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// The text of `key` with its arguments put in.
    #[must_use]
    pub fn get(&self, key: &str, args: &[(&str, &str)]) -> String {
        if let Some(text) = self.plain(key) {
            return text.as_ref().to_owned();
        }
        let mut fluent = FluentArgs::new();
        for (name, value) in args {
            fluent.set(*name, FluentValue::try_number(value));
        }
        self.format(key, &fluent)
    }

    /// The same with prepared arguments.
    #[must_use]
    pub fn format(&self, key: &str, args: &FluentArgs<'_>) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|m| m.value()) else {
            tracing::warn!(key, "a text is missing");
            return key.to_owned();
        };
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::warn!(key, ?errors, "a text lacks an argument");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_are_those_without_arguments() {
        let texts = Texts::english();
        for (key, text) in &texts.plain {
            assert_eq!(texts.format(key, &FluentArgs::new()), **text, "{key}");
        }
        assert!(texts.plain("nav-home").is_some());
        assert!(texts.has("home-waiting") && texts.plain("home-waiting").is_none(), "it takes a count");
    }
}
