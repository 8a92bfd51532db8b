//! What a campaign says of its message whose turn has come, asked in the transaction that records the attempt.
//! Must stay true: a message leaves only while its campaign runs as it was approved, while its recipient has not withdrawn, and
//! in the recipient's hours; then it must arrive before these end.

use futures_util::future::BoxFuture;

use super::audience::{LastConsent, consented};
use super::{hours, sql};
use crate::core::clock::SECOND;
use crate::core::id::ContactId;
use crate::db::Tx;
use crate::messages::warden::{Verdict, Warden};
use crate::messages::{Attempt, Error, Message};

/// When a message of a campaign that rests is asked about again.
const REST: i64 = 5 * SECOND;

/// Asks the campaign of each message that belongs to one.
#[derive(Clone, Copy, Debug)]
pub struct OfCampaigns;

crate::row! {
    struct Claim {
        state: String,
        hash: Option<String>,
        approved_hash: Option<String>,
        needs_consent: i64,
        contact_id: ContactId,
        zones: String,
    }
}

impl Warden for OfCampaigns {
    fn ask<'a>(&'a self, tx: &'a mut Tx<Attempt>, message: &'a Message) -> BoxFuture<'a, Result<Verdict, Error>> {
        Box::pin(async move {
            let (Some(campaign), Some(recipient)) = (&message.campaign_id, &message.recipient_id) else { return Ok(Verdict::Go { until: None }) };
            let claim: Option<Claim> = tx.query(sql::CLAIM).bind(campaign.as_str()).bind(recipient.as_str()).optional().await?;
            let Some(claim) = claim else { return Ok(Verdict::Never("campaign_gone")) };
            let now = tx.now();
            match claim.state.as_str() {
                "running" => {}
                "paused" => return Ok(Verdict::Wait { until: now + REST }),
                _ => return Ok(Verdict::Never("campaign_cancelled")),
            }
            if claim.approved_hash.is_none() || claim.approved_hash != claim.hash {
                return Ok(Verdict::Never("not_approved"));
            }
            let last = tx.query(sql::LAST_CONSENT).bind(&claim.contact_id).optional::<LastConsent>().await?;
            if let Err(reason) = consented(last, claim.needs_consent > 0) {
                return Ok(Verdict::Never(reason));
            }
            Ok(match hours::at(&claim.zones, now) {
                hours::Hours::Open { until } => Verdict::Go { until: Some(until) },
                hours::Hours::Closed { until } => Verdict::Wait { until },
                hours::Hours::Never => Verdict::Never("zone_unknown"),
            })
        })
    }
}
