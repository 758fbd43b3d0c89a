//! `/v1/audit`: the entries of a tenant's audit, a page in JSON or all of them in lines, and whether their chain is whole.

use serde::Deserialize;
use serde_json::{Value, json};

use super::administration::{self, Ledger};
use super::query::{self, Format, OF_AUDIT, PAGE, Query};
use super::{add_common, tell};
use crate::Gateway;
use crate::admission::OWN_LEDGER;
use crate::admission::record::Scope;
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::ledger::message::{AuditQuery, Message};
use crate::protocol::headers::Lines;

/// The most bytes of an answer in lines: it is gathered before it goes out, and an isolate has 128 MB for everything.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A page of a ledger.
#[derive(Debug, Deserialize)]
struct Page {
    entries: Vec<Value>,
    next: Option<u64>,
}

/// Answers with entries of the audit, or with the result of its check.
///
/// # Errors
/// Those of the query, of admission, and of the ledger.
pub async fn answer(gateway: &Gateway, call: &Call, verify: bool, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, if verify { &["tenant"] } else { &OF_AUDIT })?;
    // What has no tenant is in the gateway's own audit, which an administrator can name.
    let whose = if query.get("tenant") == Some(OWN_LEDGER) { Some(OWN_LEDGER) } else { query.tenant()? };
    let ledger = administration::owner(gateway, call, Scope::Audit, tenant, whose).await?;
    if verify {
        let result: Value = ledger.ask(&Message::Verify).await?;
        return Ok(tell(gateway, call, 200, &result));
    }
    let (wanted, format) = query::audit(&query, Some(&call.header("accept")))?;
    match format {
        Format::Page => {
            let Page { entries, next } = ledger.ask(&Message::Audit(wanted)).await?;
            Ok(tell(gateway, call, 200, &json!({"object": "list", "data": entries, "next": next})))
        }
        Format::Lines => lines(gateway, call, &ledger, wanted).await,
    }
}

async fn lines(gateway: &Gateway, call: &Call, ledger: &Ledger<'_>, wanted: AuditQuery) -> Result<Answered, Error> {
    let (mut left, mut after, mut text) = (wanted.limit, Some(wanted.after), String::new());
    while let Some(behind) = after.filter(|_| left > 0 && text.len() < MOST_BYTES) {
        let query = AuditQuery { after: behind, limit: left.min(PAGE), ..wanted.clone() };
        let Page { entries, next } = ledger.ask(&Message::Audit(query)).await?;
        for entry in &entries {
            text.push_str(&entry.to_string());
            text.push('\n');
        }
        left = left.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        // A page that leads nowhere is the last.
        after = next.filter(|next| *next > behind);
    }
    let mut lines = Lines::default();
    lines.add("content-type", "application/x-ndjson");
    if let Some(after) = after {
        lines.add("x-next-after", &after.to_string());
    }
    add_common(gateway, call, None, &mut lines);
    Ok(call.respond(200, &lines, (call.head.method() != "HEAD").then(|| text.into_bytes())))
}
