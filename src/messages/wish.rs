//! What the sender of a message asks for beyond what it says: no more messages, messages again, to know who this is. Pure.
//! Must stay true: who asks for no more in any common wording is heard; a text that only holds such words by the way is not.

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// To know who this is.
    Help,
}

/// Texts that ask for no more when nothing but them is said, without what stands between their letters.
const STOP: [&str; 34] = [
    "stop",
    "stopall",
    "unsubscribe",
    "unsub",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "stop2quit",
    "stopquit",
    "stoptoquit",
    "removeme",
    "losemynumber",
    "deletemynumber",
    "dontcontactme",
    "stopthesemessages",
    "ioptout",
    "stopplease",
    "pleasestop",
    "optmeout",
    "stopit",
    "stopsending",
    "stopmessages",
    "stopthemessages",
    "stoptexts",
    "stopthetexts",
    "stopnow",
    "stopstop",
    "stopthis",
    "donttext",
    "donottext",
    "donotmessage",
    "dontmessage",
];
/// Words that in this order ask for no more, also within a longer text.
const PLAIN: [&str; 26] = [
    "stop texting",
    "stop messaging",
    "stop sending me",
    "stop sending these",
    "stop sending messages",
    "stop sending texts",
    "stop contacting",
    "quit texting",
    "quit messaging",
    "unsubscribe me",
    "want to unsubscribe",
    "dont text me",
    "do not text me",
    "dont message me",
    "do not message me",
    "dont contact me",
    "do not contact me",
    "dont write to me",
    "no more texts",
    "no more text messages",
    "no more messages",
    "lose my number",
    "delete my number",
    "remove my number",
    "off your list",
    "off this list",
];
/// The same where nothing is being filled in: they can mean something else.
const LOOSE: [&str; 7] = ["opt me out", "opt out", "remove me", "leave me alone", "please stop", "take me off", "stop please"];
/// Words that turn the next ones round.
const NOT: [&str; 7] = ["dont", "not", "never", "didnt", "wont", "cannot", "cant"];
/// Words of a text that is looked through.
const WORDS_MAX: usize = 16;
/// Characters of a text that is looked at.
const CHARS_MAX: usize = 200;

impl Wish {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Help => "help",
        }
    }

    /// Reads a text: one of the words that count everywhere, whatever its case and what stands around it, or a sentence that
    /// can mean nothing else.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let word: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(40).collect();
        match word.as_str() {
            "start" | "unstop" | "yes" => Some(Self::Start),
            "help" | "info" => Some(Self::Help),
            word if STOP.contains(&word) => Some(Self::Stop),
            _ => says(text, &PLAIN).then_some(Self::Stop),
        }
    }

    /// The same where the text answers no question: whoever says in passing that they want out is believed.
    #[must_use]
    pub fn guessed(text: &str) -> Option<Self> {
        Self::of(text).or_else(|| says(text, &LOOSE).then_some(Self::Stop))
    }
}

/// Does a short text hold one of these phrases, not turned round by the word before?
fn says(text: &str, phrases: &[&str]) -> bool {
    if text.chars().count() > CHARS_MAX {
        return false;
    }
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '`'))
        // What ends a sentence or a part of one is a word of its own, so that no phrase reaches across it.
        .flat_map(|c| match c {
            '.' | ',' | ';' | ':' | '!' | '?' | '\n' => [' ', '.', ' '],
            c if c.is_alphanumeric() => ['\0', c, '\0'],
            _ => ['\0', ' ', '\0'],
        })
        .filter(|c| *c != '\0')
        .flat_map(char::to_lowercase)
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    if words.iter().filter(|word| **word != ".").count() > WORDS_MAX {
        return false;
    }
    phrases.iter().any(|phrase| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words.windows(phrase.len()).enumerate().any(|(at, window)| window == phrase && (at == 0 || !NOT.contains(&words[at - 1])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_whatever_stands_around_the_word() {
        for stop in ["STOP", " stop. ", "Stop all", "opt-out", "Unsubscribe!", "stop = quit", "REVOKE", "STOP2QUIT", "end", "please stop", "Remove me"] {
            assert_eq!(Wish::of(stop), Some(Wish::Stop), "{stop}");
        }
        for start in ["START", "unstop", "Yes"] {
            assert_eq!(Wish::of(start), Some(Wish::Start), "{start}");
        }
        for help in ["help", "INFO?"] {
            assert_eq!(Wish::of(help), Some(Wish::Help), "{help}");
        }
        for none in ["", "I will stop by at nine", "the end of the road", "cancel my appointment on Monday", "yes, at nine"] {
            assert_eq!(Wish::of(none), None, "{none}");
            assert_eq!(Wish::guessed(none), None, "{none}");
        }
    }

    #[test]
    fn sentences_that_ask_for_no_more_are_understood() {
        for stop in [
            "please stop texting me",
            "Unsubscribe me!!",
            "Hey. Don't text me anymore",
            "don\u{2019}t contact me again",
            "I want to unsubscribe from this",
            "NO MORE TEXTS",
            "take me off your list please",
            "Lose my number, thanks",
            "stop sending me these",
            "please stop sending messages",
            "Stop sending texts to this number",
        ] {
            assert_eq!(Wish::of(stop), Some(Wish::Stop), "{stop}");
        }
        for loose in ["can you opt me out?", "leave me alone", "Hi, please stop. Thanks", "remove me now"] {
            assert_eq!((Wish::of(loose), Wish::guessed(loose)), (None, Some(Wish::Stop)), "{loose}");
        }
    }

    #[test]
    fn plain_opt_outs_are_heard_when_nothing_else_is_said() {
        for stop in [
            "Stop sending",
            "stop messages",
            "STOP TEXTS",
            "stop the texts!",
            "stop the messages",
            "Stop now.",
            "STOP STOP",
            "stop this",
            "don't text",
            "don\u{2019}t text",
            "do not text",
            "dont message",
            "Do not message",
        ] {
            assert_eq!(Wish::of(stop), Some(Wish::Stop), "{stop}");
        }
        for none in ["the bus will stop now and then", "do not text her before nine", "I get to the stop. This is near you"] {
            assert_eq!(Wish::guessed(none), None, "{none}");
        }
    }

    #[test]
    fn words_that_only_sound_like_it_are_left_alone() {
        for none in [
            "please don't stop texting me",
            "I did not opt out",
            "when does the bus stop",
            "I never asked you to stop, texting is fine",
            "the doctor said to quit smoking",
            "I had to cancel",
            "can you call me instead",
        ] {
            assert_eq!(Wish::guessed(none), None, "{none}");
        }
        let long = format!("{} please stop texting me", "word ".repeat(20));
        assert_eq!(Wish::guessed(&long), None, "a long letter is for a person to read");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,300}") {
            let _ = (Wish::of(&text), Wish::guessed(&text));
        }
    }
}
