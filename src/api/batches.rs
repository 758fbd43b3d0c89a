//! `/v1/batches`: many calls in one file, made in the background. `batches/run.rs` makes them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::administration;
use super::files::{Owner, kept_seconds, refusal};
use super::query::{Query, wrong};
use super::route::BatchTarget;
use super::tell;
use crate::Gateway;
use crate::admission::OWN_LEDGER;
use crate::admission::record::Scope;
use crate::batches::message::{Ask, NewBatch, Record, flag, number};
use crate::batches::run::{Shop, until_hours_ms};
use crate::batches::{ENDPOINTS, written};
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::ledger::terms::Span;

/// The shortest and the longest time that a batch may take, in ms: a minute, and a week.
const SHORTEST_WINDOW: u64 = 60_000;
const LONGEST_WINDOW: u64 = 7 * 86_400_000;
/// The most batches in one answer, and how many unless the caller says otherwise.
const MOST_BATCHES: u64 = 100;
const USUAL_BATCHES: u64 = 20;
/// OpenAI's bounds of metadata: pairs, and bytes of a key and of a value.
const MOST_PAIRS: usize = 16;
const LONGEST_KEY: usize = 64;
const LONGEST_VALUE: usize = 512;

/// A batch as its owner asks for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    input_file_id: String,
    endpoint: String,
    completion_window: String,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    output_expires_after: Option<Map<String, Value>>,
    #[serde(default)]
    priority: Option<String>,
}

/// Answers for batches.
///
/// # Errors
/// Those of admission, of the body and of the store.
pub async fn answer(
    gateway: &Gateway,
    call: &Call,
    method: &str,
    target: &BatchTarget,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<Answered, Error> {
    let owner = Owner::admitted(gateway, call, Scope::Batches, tenant).await?;
    let shown = match (target, method) {
        (BatchTarget::All, "POST") => create(gateway, call, &owner).await?,
        (BatchTarget::All, _) => {
            let query = Query::read(query, &["after", "limit"])?;
            let ask = Ask::Batches { after: query.get("after").map(str::to_owned), limit: query.limit(USUAL_BATCHES, MOST_BATCHES)? };
            let (reply, bytes) = owner.shop().ask(&ask, Vec::new()).await?;
            let more = flag(&reply, "more");
            written::page(batches(&owner, &reply, bytes).await?, more)
        }
        (BatchTarget::One(id), _) => {
            let (reply, bytes) = owner.shop().ask(&Ask::Batch { id: id.clone() }, Vec::new()).await?;
            batches(&owner, &reply, bytes).await?.pop().ok_or_else(|| unknown(id))?
        }
        (BatchTarget::Cancel(id), _) => {
            let (reply, bytes) = owner.shop().ask(&Ask::Cancel { id: id.clone() }, Vec::new()).await?;
            match reply.get("error").and_then(Value::as_str) {
                None => {}
                Some("ended") => {
                    let message = "The batch has come to its end, and can no longer be cancelled.";
                    return Err(refusal(409, "batch_ended", "batch_id", message));
                }
                Some(_) => return Err(unknown(id)),
            }
            owner.post("batch_cancelled", json!({"batch": id}));
            batches(&owner, &reply, bytes).await?.pop().ok_or_else(|| unknown(id))?
        }
    };
    Ok(tell(gateway, call, 200, &shown))
}

fn unknown(id: &str) -> Error {
    let message = format!("There is no batch {id}. `GET /v1/batches` lists those of the last 90 days.");
    refusal(404, "batch_not_found", "batch_id", message)
}

/// Batches as clients read them, from what a store says of them.
async fn batches(owner: &Owner<'_>, told: &Value, bytes: Vec<u8>) -> Result<Vec<Value>, Error> {
    let (mut records, mut heads) = (Vec::new(), Vec::new());
    for known in told.get("batches").and_then(Value::as_array).into_iter().flatten() {
        let record = known.get("batch").and_then(Record::read).ok_or_else(|| {
            let message = "What the store has of the batch is of another version of the gateway. Deploy that again.";
            Error::new(500, "unreadable_batch", message)
        })?;
        let size = number(known, "head").and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        heads.push((head_name(&record.asked.input_file), size));
        records.push(record);
    }
    let heads = owner.opened(heads, bytes).await?;
    Ok(records.iter().zip(&heads).map(|(record, head)| written::batch(record, head)).collect())
}

/// Under which name a batch's metadata is encrypted. It has no id yet when it is.
fn head_name(input_file: &str) -> String {
    format!("{input_file} batch")
}

async fn create(gateway: &Gateway, call: &Call, owner: &Owner<'_>) -> Result<Value, Error> {
    let body: Body = administration::body(call).await?;
    if !ENDPOINTS.contains(&&*body.endpoint) {
        return Err(wrong("endpoint", &format!("must be one of {}", ENDPOINTS.join(", "))));
    }
    let Span(window_ms) = Span::parse(&body.completion_window).unwrap_or(Span(0));
    if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window_ms) {
        return Err(wrong("completion_window", "must be from 1m to 7d, such as 24h"));
    }
    let metadata = body.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let expiry = body.output_expires_after.unwrap_or_default();
    if expiry.iter().any(|(name, value)| !(name == "anchor" && value.is_string() || name == "seconds" && value.is_u64())) {
        return Err(wrong("output_expires_after", "must be {\"anchor\": \"created_at\", \"seconds\": …}"));
    }
    let (anchor, seconds) = (expiry.get("anchor").and_then(Value::as_str), expiry.get("seconds").and_then(Value::as_u64));
    let kept = kept_seconds(anchor, seconds, "output_expires_after")?;
    let priority = body.priority.as_deref().or_else(|| metadata.get("priority").and_then(Value::as_str));
    let now_ms = call.now_ms();
    let starts_ms = match priority {
        None | Some("normal") => None,
        Some("off_peak") => {
            let wait_ms = until_hours_ms(gateway.config()?, now_ms);
            if wait_ms >= window_ms {
                let message = "The off-peak hours begin after the completion window has ended. Allow a longer `completion_window`, or leave \
                               `priority` out.";
                return Err(refusal(400, "off_peak_too_late", "completion_window", message));
            }
            Some(now_ms.saturating_add(wait_ms))
        }
        Some(_) => return Err(wrong("priority", "must be normal or off_peak")),
    };
    let digest = owner.caller.digest.ok_or_else(|| {
        // A browser token never has the scope.
        refusal(403, "scope_missing", "api_key", "A batch is made with a key.")
    })?;
    let head = owner.sealed(&head_name(&body.input_file_id), &json!({"metadata": metadata})).await?;
    let shop = owner.shop();
    let asked = NewBatch {
        tenant: shop.tenant.to_owned(),
        region: shop.region,
        key: digest.hex(),
        endpoint: body.endpoint,
        input_file: body.input_file_id,
        window: body.completion_window,
        window_ms,
        kept_ms: owner.kept_ms(kept),
        starts_ms,
    };
    let (reply, bytes) = shop.ask(&Ask::CreateBatch(asked), head).await?;
    match reply.get("error").and_then(Value::as_str) {
        None => {}
        Some("wrong_purpose") => {
            return Err(Error::invalid(
                "wrong_purpose",
                "input_file_id",
                "The file is one of results. Use one that was uploaded for a batch.",
            ));
        }
        Some(_) => {
            let message = "There is no such file. Upload one to /v1/files with `purpose` batch, and give its id.";
            return Err(refusal(400, "file_not_found", "input_file_id", message));
        }
    }
    let shown = batches(owner, &reply, bytes).await?.pop().ok_or_else(|| unknown(""))?;
    // Cron starts what waits, and looks after what was left behind.
    let remember = Ask::Remember { tenant: shop.tenant.to_owned(), region: shop.region };
    Shop { call, tenant: OWN_LEDGER, region: None }.ask(&remember, Vec::new()).await?;
    owner.post("batch_created", json!({"batch": shown.get("id"), "file": shown.get("input_file_id"), "priority": shown.get("priority")}));
    Ok(shown)
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<(), Error> {
    if metadata.len() > MOST_PAIRS {
        return Err(wrong("metadata", &format!("must have at most {MOST_PAIRS} pairs")));
    }
    for (key, value) in metadata {
        let fits = key.len() <= LONGEST_KEY && value.as_str().is_some_and(|value| value.len() <= LONGEST_VALUE);
        if !fits {
            let message = format!("must have keys of at most {LONGEST_KEY} bytes, and texts of at most {LONGEST_VALUE} as values");
            return Err(wrong("metadata", &message));
        }
    }
    Ok(())
}
