//! Ids: a prefix that names the kind and a UUIDv7 in hex, such as
//! `usr_0192f0c1a2b37c4d8e5f60718293a4b5`.
//! What must stay true: every kind of id is listed here and made by `id!` alone,
//! ids of one process sort by the time of minting, and text that is no id of
//! the kind never becomes one.

/// Hex digits after the prefix.
pub const HEX_CHARS: usize = 32;

/// Why a text is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("is not an id of this kind; it begins with `{expected}_`")]
    Prefix { expected: &'static str },
    #[error("is not an id; after `{expected}_` come {HEX_CHARS} digits from 0-9 and a-f")]
    Digits { expected: &'static str },
}

/// Calls the given macro once for every kind of id, with its type and prefix,
/// so that another layer can implement its own traits for all of them.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_id {
    ($then:ident) => {
        $then!(PersonId, "usr");
        $then!(SessionId, "ses");
        $then!(EventId, "evt");
        $then!(LinkId, "lnk");
        $then!(TokenId, "tok");
        $then!(EvidenceId, "evd");
        $then!(MessageId, "msg");
        $then!(JobId, "job");
        $then!(NoticeId, "ntc");
        $then!(KeyId, "key");
        $then!(RequestId, "req");
        $then!(ReviewId, "rvw");
        $then!(ViewId, "viw");
        $then!(FrameworkId, "fwk");
        $then!(SystemId, "sys");
        $then!(AssessmentId, "asm");
        $then!(TrackerId, "trk");
        $then!(RecordId, "rec");
        $then!(CommentId, "cmt");
        $then!(ContactId, "con");
        $then!(ListId, "lst");
        $then!(ConsentId, "cns");
        $then!(StopId, "stp");
        $then!(ImportId, "imp");
        $then!(InboundId, "inb");
        $then!(ThreadId, "thr");
        $then!(ThreadNoteId, "thn");
        $then!(CannedId, "can");
        $then!(MediaId, "med");
        $then!(RetentionId, "rtn");
        $then!(HoldId, "hld");
        $then!(PruneId, "prn");
        $then!(SealId, "sel");
        $then!(GrantId, "grn");
        $then!(PlanId, "poa");
        $then!(OperationalId, "opa");
        $then!(AffirmationId, "aff");
        $then!(TemplateId, "tpl");
        $then!(CampaignId, "cmp");
        $then!(RecipientId, "rcp");
        $then!(IntakeId, "itk");
        $then!(NoteId, "itn");
        $then!(DisclosureId, "itd");
        $then!(ExportId, "itx");
        $then!(RoutingId, "rtg");
        $then!(WebhookId, "whk");
        $then!(SegmentId, "sgm");
        $then!(FileId, "itf");
    };
}

macro_rules! id {
    ($name:ident, $prefix:literal) => {
        #[doc = concat!("An id that begins with `", $prefix, "_`.")]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id of the given time; with a counter, ids of one millisecond sort by its low 12 bits.
            pub fn mint(ms: u64, counter: Option<u16>, random: [u8; 10]) -> Self {
                Self(minted($prefix, ms, counter, random))
            }

            pub fn parse(text: &str) -> Result<Self, IdError> {
                checked($prefix, text)?;
                Ok(Self(text.to_owned()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                checked($prefix, &text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

for_each_id!(id);

/// The layout of RFC 9562, 5.7: 48 bits of time, the version, 12 bits, the variant, 62 bits.
fn minted(prefix: &str, ms: u64, counter: Option<u16>, random: [u8; 10]) -> String {
    let random = random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let tail = random & ((1 << 62) - 1);
    let middle = counter.map_or((random >> 62) & 0xFFF, |counter| u128::from(counter) & 0xFFF);
    let time = u128::from(ms) & ((1 << 48) - 1);
    let bits = time << 80 | 7 << 76 | middle << 64 | 0b10 << 62 | tail;
    format!("{prefix}_{bits:032x}")
}

fn checked(prefix: &'static str, text: &str) -> Result<(), IdError> {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(IdError::Prefix { expected: prefix })?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() == HEX_CHARS && digits.bytes().all(is_hex) { Ok(()) } else { Err(IdError::Digits { expected: prefix }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    const ID: &str = "usr_0192f0c1a2b37c4d8e5f60718293a4b5";

    #[test]
    fn an_id_is_minted_in_the_layout_of_uuid_version_7() {
        let id = PersonId::mint(0x0123_4567_89AB, None, [0xFF; 10]);
        assert_eq!(id.as_str(), "usr_0123456789ab7fffbfffffffffffffff");
        let id = PersonId::mint(0x0123_4567_89AB, None, [0; 10]);
        assert_eq!(id.as_str(), "usr_0123456789ab70008000000000000000");
        let id = PersonId::mint(u64::MAX, Some(0xFABC), [0; 10]);
        assert_eq!(id.as_str(), "usr_ffffffffffff7abc8000000000000000");
    }

    #[test]
    fn ids_of_one_millisecond_sort_by_their_counter() {
        let ids: Vec<_> = (0..4096).map(|n| EventId::mint(9, Some(n), [0x5A; 10])).collect();
        assert!(ids.is_sorted());
        assert!(EventId::mint(10, Some(0), [0; 10]) > ids[4095]);
    }

    #[test]
    fn text_of_another_kind_or_shape_is_refused() {
        for text in ["", "usr", "usr_", "evt_0192f0c1a2b37c4d8e5f60718293a4b5", "USR_0192", "usr-0192", " usr_0", &ID[4..]] {
            assert!(PersonId::parse(text).is_err(), "{text:?}");
        }
        for digits in [
            "0192f0c1a2b37c4d8e5f60718293a4b",
            "0192f0c1a2b37c4d8e5f60718293a4b55",
            "0192F0C1A2B37C4D8E5F60718293A4B5",
            "0192f0c1a2b37c4d8e5f60718293a4bg",
            "0192f0c1a2b37c4d8e5f60718293a4b ",
            "../../../../../../../../etc/pass",
            "0192f0c1a2b37c4d8e5f60718293a4é",
        ] {
            let text = format!("usr_{digits}");
            assert_eq!(PersonId::parse(&text), Err(IdError::Digits { expected: "usr" }), "{text:?}");
        }
        assert_eq!(PersonId::parse("msg_1"), Err(IdError::Prefix { expected: "usr" }));
    }

    #[test]
    fn an_id_travels_through_text_and_json_unchanged() {
        let id: PersonId = ID.parse().expect("an id");
        assert_eq!(id.to_string(), ID);
        assert_eq!(String::from(id.clone()), ID);
        let json = serde_json::to_string(&id).expect("an id is a JSON string");
        assert_eq!(json, format!("\"{ID}\""));
        assert_eq!(serde_json::from_str::<PersonId>(&json).expect("an id"), id);
    }

    #[test]
    fn json_that_is_no_id_is_refused_with_the_reason() {
        let error = serde_json::from_str::<PersonId>("\"evt_1\"").expect_err("another kind");
        assert!(error.to_string().contains("it begins with `usr_`"), "{error}");
        assert!(serde_json::from_str::<PersonId>("1").is_err());
    }

    #[test]
    fn no_two_kinds_share_a_prefix() {
        let mut prefixes = HashSet::new();
        let mut kinds = 0;
        macro_rules! count {
            ($name:ident, $prefix:literal) => {
                kinds += 1;
                assert_eq!($name::PREFIX, $prefix);
                assert_eq!($prefix.len(), 3);
                prefixes.insert($name::PREFIX);
            };
        }
        for_each_id!(count);
        assert_eq!((prefixes.len(), kinds), (48, 48));
    }

    proptest! {
        #[test]
        fn every_minted_id_parses_and_sorts_by_time(
            ms in 0..1_u64 << 48,
            later in 0..1_u64 << 48,
            counter in any::<Option<u16>>(),
            random in any::<[u8; 10]>(),
        ) {
            let id = MessageId::mint(ms, counter, random);
            prop_assert_eq!(MessageId::parse(id.as_str()), Ok(id.clone()));
            prop_assert_eq!(&id.as_str()[16..17], "7");
            prop_assert!(matches!(&id.as_str()[20..21], "8" | "9" | "a" | "b"));
            if ms < later {
                prop_assert!(id < MessageId::mint(later, None, [0; 10]));
            }
        }
    }
}
