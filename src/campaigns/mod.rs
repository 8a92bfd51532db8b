//! Campaigns: one text to many, sent as somebody else approved it.
//! Must stay true: what is sent is what was approved (audience, text, time, sender, by their hash), and whatever is changed
//! voids the approval; a number gets it once; nothing is sent outside the recipient's hours, to who opted out, or twice.

pub mod api;
pub mod api_write;
pub mod audience;
mod campaign;
pub mod engine;
mod export;
pub mod hours;
mod samples;
pub mod sql;
mod template;
pub mod warden;
pub mod web;
mod web_act;
mod web_edit;
mod web_live;
mod web_result;
mod web_template;
pub mod wording;

pub use campaign::{COUNTED, Happened, New, approve, begin, cancel, counts, create, create_once, edit, find, history, page, pause, reject, resume, submit};
pub use samples::demo_samples;
pub use template::{
    Template, create as create_template, create_once as create_template_once, next as next_template, template, template_of, templates, versions,
};

use crate::core::fault::Fault;
use crate::core::id::{CampaignId, ContactId, EventId, ListId, MessageId, PersonId, RecipientId, SegmentId, TemplateId};
use crate::db::DbError;
use crate::policy::{On, Resource};
use crate::store::StoreError;
use crate::{contacts, messages, repeat};

/// Recipients of one campaign.
pub const RECIPIENTS_MAX: i64 = 100_000;
/// Lists of one campaign.
pub const LISTS_MAX: usize = 20;
/// Templates there may be.
pub const TEMPLATES_MAX: i64 = 500;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 100;
/// Messages in a minute.
pub const PER_MINUTE_MAX: i64 = 60_000;
/// Campaigns of one page, and recipients.
pub const PAGE_MAX: usize = 50;

crate::acts! {
    /// Make a template.
    MakeTemplate = "template.create" on On,
    /// Make its next version.
    NextTemplate = "template.edit" on On,
    /// Make a campaign.
    Create = "campaign.create" on On,
    /// Change one.
    Edit = "campaign.edit" on On,
    /// Put it up for review.
    Submit = "campaign.submit" on On,
    /// Take its recipients down.
    Gather = "campaign.gather" on On,
    /// Approve it.
    Approve = "campaign.approve" on On,
    /// Give it back.
    Reject = "campaign.reject" on On,
    /// Have it run.
    Begin = "campaign.begin" on On,
    /// Have it rest.
    Pause = "campaign.pause" on On,
    /// Have it go on.
    Resume = "campaign.resume" on On,
    /// End it early.
    Cancel = "campaign.cancel" on On,
    /// Record one of its messages.
    SendOne = "campaign.send" on On,
    /// Record that a recipient gets none.
    Skip = "campaign.skip" on On,
    /// Record its end.
    Finish = "campaign.finish" on On,
    /// See campaigns.
    See = "campaign.list" on On,
    /// Export what became of a campaign.
    Export = "campaign.export" on On,
}

crate::row! {
    /// A campaign as stored.
    #[derive(Clone, Debug)]
    pub struct Campaign {
        /// Id.
        pub id: CampaignId,
        /// Its name.
        pub name: String,
        /// Who changed it last.
        pub author_id: PersonId,
        /// The name they are shown by.
        pub author: String,
        /// Its text.
        pub template_id: TemplateId,
        /// And of that which version.
        pub template_version: i64,
        /// The ids of its lists and segments, apart by blanks.
        pub lists: String,
        /// The gateway it leaves by.
        pub gateway: String,
        /// When it begins by itself; never when not set.
        pub scheduled_at: Option<i64>,
        /// Messages in a minute, at most.
        pub per_minute: i64,
        /// 1 when only those get it who gave consent.
        pub needs_consent: i64,
        /// See [`STATES`].
        pub state: String,
        /// Why it stands there.
        pub reason: Option<String>,
        /// Rises with every change by a person.
        pub version: i64,
        /// How often its recipients were taken down.
        pub round: i64,
        /// How far they were taken down.
        pub gathered: String,
        /// How many get it.
        pub recipients: i64,
        /// How many do not.
        pub refused: i64,
        /// Parts of all messages together.
        pub segments: i64,
        /// Why so many do not get it, as JSON.
        pub reasons: String,
        /// The hash over its recipients.
        pub audience_sha256: String,
        /// The hash over everything.
        pub hash: Option<String>,
        /// What was approved.
        pub approved_hash: Option<String>,
        /// By whom.
        pub approved_by: Option<PersonId>,
        /// The name they are shown by.
        pub approver: Option<String>,
        /// When.
        pub approved_at: Option<i64>,
        /// The entry of that.
        pub approval_id: Option<EventId>,
        /// When it began.
        pub begun_at: Option<i64>,
        /// When it last began or went on.
        pub resumed_at: Option<i64>,
        /// When it ended.
        pub ended_at: Option<i64>,
        /// When made.
        pub made_at: i64,
        /// When changed.
        pub changed_at: i64,
    }
}

/// Where a campaign may stand.
pub const STATES: [&str; 9] = ["draft", "gathering", "review", "approved", "scheduled", "running", "paused", "cancelled", "done"];

crate::row! {
    /// Somebody who gets a campaign, or does not.
    #[derive(Clone, Debug)]
    pub struct Recipient {
        /// Id.
        pub id: RecipientId,
        /// The campaign.
        pub campaign_id: CampaignId,
        /// The blind index of the number.
        pub number_ix: String,
        /// The contact.
        pub contact_id: ContactId,
        /// And of that which version was approved.
        pub contact_version: i64,
        /// The number as it may be shown.
        pub masked: String,
        /// Where they are: see [`hours::place`].
        pub zones: String,
        /// Parts of their message.
        pub segments: i64,
        /// `pending`, `queued` or `refused`.
        pub state: String,
        /// Why not.
        pub reason: Option<String>,
        /// Their message.
        pub message_id: Option<MessageId>,
    }
}

/// Where recipients come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Who is on a list.
    List(ListId),
    /// Whom a filter fits.
    Segment(SegmentId),
}

impl Origin {
    /// The one of this id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        id.parse().map(Self::List).ok().or_else(|| id.parse().map(Self::Segment).ok())
    }

    /// Its id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::List(id) => id.as_str(),
            Self::Segment(id) => id.as_str(),
        }
    }
}

impl From<ListId> for Origin {
    fn from(id: ListId) -> Self {
        Self::List(id)
    }
}

impl Campaign {
    /// Its lists and segments.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        self.lists.split(' ').filter_map(Origin::parse).collect()
    }
}

impl Resource for Campaign {
    fn on(&self) -> On {
        On { author: Some(self.author_id.clone()), ..On::one("campaign", &self.id) }
    }
}

/// What a verb of this slice can be refused with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else changed it meanwhile, or its state does not allow it.
    #[error("it was changed meanwhile")]
    State,
    /// Who wrote it does not approve it.
    #[error("nobody approves their own work")]
    Own,
    /// There is no such thing (any more).
    #[error("there is no such thing")]
    NotFound,
    /// The name is taken.
    #[error("the name is taken")]
    Name,
    /// There are as many as there may be.
    #[error("there are too many")]
    TooMany,
    /// The request came before.
    #[error(transparent)]
    Repeat(#[from] repeat::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something inside.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Db(error.into())
    }
}

impl From<contacts::Error> for Error {
    fn from(error: contacts::Error) -> Self {
        match error {
            contacts::Error::Db(error) => Self::Db(error),
            other => Self::Fault(Fault::with("read contacts", other)),
        }
    }
}

impl From<messages::Error> for Error {
    fn from(error: messages::Error) -> Self {
        match error {
            messages::Error::Db(error) => Self::Db(error),
            other => Self::Fault(Fault::with("record a message", other)),
        }
    }
}
