//! The conversation as a function: where it stands and what came in give where it stands then, what is kept, and what is said.
//! Must stay true: what is said is made of the flow's texts alone, so that nothing a person wrote goes out again; every text
//! ends in exactly one step; the number of wrong answers and of messages is bounded, and a person takes over beyond.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Flow, Language, word};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Whether the person agrees.
    Consent,
    /// The answer to the question of this place.
    Ask(usize),
    /// Nothing: everything was answered, or a person took over.
    Rest,
}

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What is waited for.
    pub phase: Phase,
    /// Whether to delete is asked in between.
    pub deleting: bool,
    /// Wrong answers in a row.
    pub wrong: u32,
    /// Messages so far.
    pub messages: u32,
}

/// What a step was; entries carry the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// The conversation began.
    Begun,
    /// The person agreed.
    Consented,
    /// An answer was kept.
    Answered,
    /// A question was left out.
    Skipped,
    /// The question before is asked again.
    WentBack,
    /// The same is asked again.
    AskedAgain,
    /// The answer could not be taken.
    Wrong,
    /// It was told that this is no emergency service.
    Warned,
    /// Whether to delete is asked.
    AskedDelete,
    /// Nothing is deleted after all.
    Kept,
    /// The last answer was kept.
    Completed,
    /// A person takes over.
    HandedOver,
    /// The person did not agree.
    Declined,
    /// The person ended it.
    Cancelled,
    /// The person has it deleted.
    Deleted,
}

impl Did {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Consented => "consented",
            Self::Answered => "answered",
            Self::Skipped => "skipped",
            Self::WentBack => "went_back",
            Self::AskedAgain => "asked_again",
            Self::Wrong => "wrong",
            Self::Warned => "warned",
            Self::AskedDelete => "asked_delete",
            Self::Kept => "kept",
            Self::Completed => "completed",
            Self::HandedOver => "handed_over",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Deleted => "deleted",
        }
    }

    /// Everything goes, and the key with it.
    #[must_use]
    pub const fn shreds(self) -> bool {
        matches!(self, Self::Declined | Self::Cancelled | Self::Deleted)
    }
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Where it stands then.
    pub state: State,
    /// What it was.
    pub did: Did,
    /// The place of the question it was about.
    pub question: Option<usize>,
    /// What is kept as the answer to that question; empty when it was left out.
    pub keep: Option<String>,
    /// What is said.
    pub answer: String,
}

/// How a conversation begins.
#[must_use]
pub fn begin(flow: &Flow, language: &str) -> Turn {
    let state = State { phase: Phase::Consent, deleting: false, wrong: 0, messages: 1 };
    Turn { state, did: Did::Begun, question: None, keep: None, answer: flow.language(language).says("consent").to_owned() }
}

/// Does this text ask for deletion? It is heard after the conversation too.
#[must_use]
pub fn asks_delete(flow: &Flow, language: &str, text: &str) -> bool {
    Language::is(&flow.language(language).delete, &word(text))
}

struct At<'a> {
    flow: &'a Flow,
    language: &'a Language,
    state: State,
}

impl At<'_> {
    /// What is waited for, said again.
    fn waiting(&self) -> String {
        match self.state.phase {
            Phase::Consent => self.language.says("consent").to_owned(),
            Phase::Ask(n) => self.flow.questions().get(n).map_or("", |q| self.language.ask(&q.field)).to_owned(),
            Phase::Rest => self.language.says("done").to_owned(),
        }
    }

    fn question(&self) -> Option<usize> {
        match self.state.phase {
            Phase::Ask(n) => Some(n),
            Phase::Consent | Phase::Rest => None,
        }
    }

    fn turn(self, did: Did, answer: String) -> Turn {
        Turn { question: self.question(), state: self.state, did, keep: None, answer }
    }

    /// With a text before what is waited for.
    fn before(self, did: Did, key: &str) -> Turn {
        let answer = format!("{}\n{}", self.language.says(key), self.waiting());
        self.turn(did, answer)
    }

    fn rest(mut self, did: Did, key: &str) -> Turn {
        let question = self.question();
        self.state.phase = Phase::Rest;
        let answer = self.language.says(key).to_owned();
        Turn { question, ..self.turn(did, answer) }
    }

    /// The answer could not be taken; too often, and a person takes over.
    fn wrong(mut self, answer: String) -> Turn {
        self.state.wrong += 1;
        if self.state.wrong >= self.flow.wrong_max { self.rest(Did::HandedOver, "handover") } else { self.turn(Did::Wrong, answer) }
    }

    /// The answer to question `n` is kept, and the next is asked.
    fn kept(mut self, n: usize, did: Did, value: String, urgent: bool) -> Turn {
        self.state.wrong = 0;
        let last = n + 1 >= self.flow.questions().len();
        self.state.phase = if last { Phase::Rest } else { Phase::Ask(n + 1) };
        let mut answer = self.waiting();
        if urgent {
            answer = format!("{}\n{answer}", self.language.says("emergency"));
        }
        Turn { question: Some(n), keep: Some(value), ..self.turn(if last { Did::Completed } else { did }, answer) }
    }
}

/// The step that a text makes.
#[must_use]
pub fn step(flow: &Flow, language: &str, state: &State, text: &str, today: Date) -> Turn {
    let words = flow.language(language);
    let said = word(text);
    let is = |list: &[String]| Language::is(list, &said);
    let mut at = At { flow, language: words, state: state.clone() };
    at.state.messages = at.state.messages.saturating_add(1);
    if std::mem::take(&mut at.state.deleting) {
        return if is(&words.yes) {
            at.rest(Did::Deleted, "deleted")
        } else if at.state.phase == Phase::Rest {
            let answer = words.says("kept").to_owned();
            at.turn(Did::Kept, answer)
        } else {
            at.before(Did::Kept, "kept")
        };
    }
    if is(&words.delete) {
        at.state.deleting = true;
        let answer = words.says("delete_ask").to_owned();
        return at.turn(Did::AskedDelete, answer);
    }
    if at.state.phase == Phase::Rest {
        let answer = at.waiting();
        return at.turn(Did::AskedAgain, answer);
    }
    if is(&words.cancel) {
        return at.rest(Did::Cancelled, "cancelled");
    }
    if is(&words.help) || at.state.messages > flow.messages_max {
        return at.rest(Did::HandedOver, "handover");
    }
    if is(&words.emergency) {
        return at.before(Did::Warned, "emergency");
    }
    if is(&words.start) {
        let answer = at.waiting();
        return at.turn(Did::AskedAgain, answer);
    }
    match at.state.phase {
        Phase::Ask(n) if n < flow.questions().len() => answer(at, n, text, &said, today),
        Phase::Consent if is(&words.yes) => {
            at.state.phase = Phase::Ask(0);
            at.state.wrong = 0;
            let answer = at.waiting();
            Turn { question: None, ..at.turn(Did::Consented, answer) }
        }
        Phase::Consent if is(&words.no) => at.rest(Did::Declined, "declined"),
        Phase::Consent => {
            let answer = at.waiting();
            at.wrong(answer)
        }
        // The file has fewer questions than it had.
        Phase::Ask(_) | Phase::Rest => at.rest(Did::HandedOver, "handover"),
    }
}

fn answer(mut at: At<'_>, n: usize, text: &str, said: &str, today: Date) -> Turn {
    let (words, question) = (at.language, &at.flow.questions()[n]);
    if Language::is(&words.back, said) {
        let Some(before) = n.checked_sub(1) else { return at.before(Did::AskedAgain, "no_back") };
        at.state.phase = Phase::Ask(before);
        at.state.wrong = 0;
        let answer = at.waiting();
        return at.turn(Did::WentBack, answer);
    }
    if Language::is(&words.skip, said) {
        return if question.skip { at.kept(n, Did::Skipped, String::new(), false) } else { at.before(Did::AskedAgain, "no_skip") };
    }
    let name = at.flow.languages().find(|(_, language)| std::ptr::eq(*language, words)).map_or("", |(name, _)| name);
    match at.flow.read(question, name, text, today) {
        Ok(value) => at.kept(n, Did::Answered, value, words.is_urgent(said)),
        Err(key) => {
            let answer = words.wrong(key).to_owned();
            at.wrong(answer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::built_in;
    use proptest::prelude::*;

    fn today() -> Date {
        Date::constant(2026, 11, 22)
    }

    /// Says these one after the other.
    fn talk(texts: &[&str]) -> Vec<Turn> {
        let flows = built_in();
        let flow = flows.get("default").expect("there");
        let mut turns = vec![begin(flow, "en")];
        for text in texts {
            let turn = step(flow, "en", &turns.last().expect("begun").state, text, today());
            turns.push(turn);
        }
        turns
    }

    fn did(texts: &[&str]) -> Vec<&'static str> {
        talk(texts).iter().map(|t| t.did.name()).collect()
    }

    #[test]
    fn five_answers_make_a_record() {
        let turns = talk(&["Yes!", "Ruth Abernathy", "3/27/1984", "1 Main St", "asthma", "none, really"]);
        let kept: Vec<_> = turns.iter().filter_map(|t| Some((t.question?, t.keep.clone()?))).collect();
        let expected = [(0, "Ruth Abernathy"), (1, "1984-03-27"), (2, "1 Main St"), (3, "asthma"), (4, "none, really")];
        assert_eq!(kept, expected.map(|(n, t)| (n, t.to_owned())));
        assert_eq!(turns.last().map(|t| (t.did, t.state.phase.clone())), Some((Did::Completed, Phase::Rest)));
    }

    #[test]
    fn the_words_do_what_they_say() {
        assert_eq!(did(&["no"]), ["begun", "declined"]);
        assert_eq!(did(&["yes", "back", "Ruth Abernathy", "BACK"]), ["begun", "consented", "asked_again", "answered", "went_back"]);
        assert_eq!(did(&["yes", "skip"]), ["begun", "consented", "asked_again"], "a name is needed");
        assert_eq!(
            did(&["yes", "R. A.", "1984-03-27", "x", "skip", "Skip."]),
            ["begun", "consented", "answered", "answered", "answered", "skipped", "completed"]
        );
        assert_eq!(did(&["yes", "exit"]), ["begun", "consented", "cancelled"]);
        assert_eq!(did(&["yes", "person"]), ["begun", "consented", "handed_over"]);
        assert_eq!(did(&["yes", "delete", "yes"]), ["begun", "consented", "asked_delete", "deleted"]);
        assert_eq!(did(&["yes", "delete", "what?"]), ["begun", "consented", "asked_delete", "kept"]);
        assert_eq!(did(&["intake", "911"]), ["begun", "asked_again", "warned"]);
        assert_eq!(did(&["yes", "12", "34", "56"]), ["begun", "consented", "wrong", "wrong", "handed_over"]);
        let urgent = talk(&["yes", "R. A.", "1984-03-27", "x", "chest pain since noon"]).pop().expect("a turn");
        assert!(urgent.keep.is_some() && urgent.answer.contains("911"), "{urgent:?}");
        let after = talk(&["yes", "R. A.", "1984-03-27", "x", "skip", "skip", "delete", "yes"]).pop().expect("a turn");
        assert_eq!(after.did, Did::Deleted);
    }

    #[test]
    fn an_endless_talk_comes_to_a_person() {
        let many = vec!["911"; 70];
        assert!(did(&many).contains(&"handed_over"));
    }

    proptest! {
        /// Whatever comes in: one step, in bounds, and what is said is of the flow's texts alone.
        #[test]
        fn nothing_a_person_wrote_is_said(texts in proptest::collection::vec(prop_oneof![
            Just("yes".to_owned()), Just("back".to_owned()), Just("skip".to_owned()), Just("delete".to_owned()), Just("intake".to_owned()),
            Just("7 March 1984".to_owned()), "[A-Z][a-z]{3,9} Zq[a-z]{4,9}", ".{0,60}",
        ], 0..40)) {
            let flows = built_in();
            let flow = flows.get("default").expect("there");
            let words = flow.language("en");
            let mut all: Vec<&str> = words.text.values().chain(words.ask.values()).chain(words.wrong.values()).map(String::as_str).collect();
            all.sort_by_key(|text| std::cmp::Reverse(text.len()));
            let mut state = begin(flow, "en").state;
            for text in &texts {
                let turn = step(flow, "en", &state, text, today());
                let mut rest = turn.answer.clone();
                for known in &all {
                    rest = rest.replace(known, "");
                }
                prop_assert_eq!(rest.trim(), "", "{}", turn.answer);
                prop_assert!(turn.state.wrong <= flow.wrong_max);
                prop_assert_eq!(turn.state.messages, state.messages + 1);
                prop_assert!(turn.keep.is_none() || turn.question.is_some());
                if let Phase::Ask(n) = turn.state.phase {
                    prop_assert!(n < flow.questions().len());
                }
                let json = serde_json::to_string(&turn.state).expect("a state");
                prop_assert_eq!(&serde_json::from_str::<State>(&json).expect("a state"), &turn.state);
                state = turn.state;
            }
        }
    }
}
