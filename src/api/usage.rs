//! `/v1/usage`: what a tenant has used, as its ledger counts it.

use serde_json::Value;

use super::query::{self, OF_USAGE, Query};
use super::{administration, tell};
use crate::Gateway;
use crate::admission::record::Scope;
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::ledger::message::Message;

/// Answers with what was used.
///
/// # Errors
/// Those of the query, of admission, and of the ledger.
pub async fn answer(gateway: &Gateway, call: &Call, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    // A query is read before the key is known, which tells nobody anything, so that a wrong `tenant` is one.
    let query = Query::read(query, &OF_USAGE)?;
    let (ledger, holder) = administration::owner_and_holder(gateway, call, Scope::Usage, tenant, query.tenant()?).await?;
    let mut wanted = query::usage(&query)?;
    if let Some(holder) = holder {
        if wanted.user.as_ref().is_some_and(|user| *user != holder) {
            let message = "A browser token tells the usage of its own end user. Leave `user` out, or ask with a key.";
            return Err(Error::new(403, "wrong_user", message).about("user").final_word());
        }
        wanted.user = Some(holder);
    }
    let usage: Value = ledger.ask(&Message::Usage(wanted)).await?;
    Ok(tell(gateway, call, 200, &usage))
}
