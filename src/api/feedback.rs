//! `/v1/feedback`: what people say of answers; and `/v1/learned`: what that has taught, to be seen and reset.

use serde::Deserialize;
use serde_json::{Value, json};

use super::administration::{self, Ledger};
use super::query::Query;
use super::{experiments, tell};
use crate::Gateway;
use crate::admission::record::Scope;
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::learning::feedback::{Feedback, Gained};
use crate::learning::score_model::Post;
use crate::ledger::feedback::What;
use crate::ledger::message::Message;
use crate::protocol::json::typed;
use crate::telemetry::register::{Labels, of_table};

/// The largest body, in bytes: two texts of a post, and an instruction.
const LARGEST_BODY: u32 = 128 * 1024;
/// How many answers are listed at the most, and how many unless the caller says otherwise.
const MOST_LISTED: u64 = 1000;
const USUALLY_LISTED: u64 = 100;

/// Takes feedback, or lists the last of it.
///
/// # Errors
/// Those of admission, of the body, and of the ledger; 404 for an answer that the tenant was not given.
pub async fn answer(gateway: &Gateway, call: &Call, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant", "brand", "limit"])?;
    let limit = query.limit(USUALLY_LISTED, MOST_LISTED)?;
    let (ledger, holder) = administration::owner_and_holder(gateway, call, Scope::Feedback, tenant, query.tenant()?).await?;
    if call.head.method() != "POST" {
        if holder.is_some() {
            let message = "A browser token gives feedback, and does not list it. Ask with a key.";
            return Err(Error::new(403, "key_needed", message).about("api_key").final_word());
        }
        let data: Value = ledger.ask(&Message::Said { brand: query.get("brand").map(str::to_owned), limit }).await?;
        return Ok(tell(gateway, call, 200, &json!({"object": "list", "data": data})));
    }
    let body = administration::bytes(call, LARGEST_BODY).await?;
    let (id, said) = Feedback::read(&body, call.now_ms())?;
    // What is noted of an answer is on its way to the ledger for a moment; the answer that was given just now is known there after it.
    for (tenant, region) in gateway.outbox.flush(call).await {
        experiments::renew(gateway, call, tenant, region).await;
    }
    let reply: Value = ledger.ask(&Message::Feedback { id, holder, said: Box::new(said) }).await?;
    gateway.score_models.borrow_mut().forget(&ledger.tenant);
    let text = |name: &str| reply.get(name).and_then(Value::as_str);
    match text("error") {
        None => {
            let mut shown = reply.get("answer").cloned().unwrap_or_default();
            count(gateway, call, &ledger.tenant, &reply);
            if reply.get("copy") == Some(&Value::Bool(true)) {
                experiments::renew(gateway, call, ledger.tenant.clone(), ledger.region).await;
            }
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("object".to_owned(), json!("feedback"));
            }
            let new = reply.get("new") == Some(&Value::Bool(true));
            Ok(tell(gateway, call, if new { 201 } else { 200 }, &shown))
        }
        Some("wrong_value") => {
            let (param, message) = (text("param").unwrap_or_default().to_owned(), text("message").unwrap_or_default().to_owned());
            Err(Error::invalid("wrong_value", param, message))
        }
        Some("too_many_revisions") => {
            let message = "So much was said of this answer that no more is taken. Figures may come less often.";
            Err(Error::new(409, "too_many_revisions", message).about("id").final_word())
        }
        Some(_) => {
            let message = "The tenant was given no answer of this id within the last 30 days, or it was not to be kept (`store: false`). Give the \
                           `id` of a completion, a post, an order or a moderation, or the `x-request-id` that an answer came with.";
            Err(Error::new(404, "unknown_answer", message).about("id").final_word())
        }
    }
}

/// Shows what was learnt, or forgets it.
///
/// # Errors
/// Those of admission and of the ledger.
pub async fn learned(gateway: &Gateway, call: &Call, method: &str, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &["tenant"])?;
    let (ledger, holder) = administration::owner_and_holder(gateway, call, Scope::Feedback, tenant, query.tenant()?).await?;
    if holder.is_some() {
        let message = "What a tenant has learnt is shown to its keys alone. Ask with a key.";
        return Err(Error::new(403, "key_needed", message).about("api_key").final_word());
    }
    let mut shown: Value = if method == "DELETE" {
        let forgotten = ledger.ask(&Message::Unlearn { who: ledger.who.clone() }).await?;
        gateway.score_models.borrow_mut().forget(&ledger.tenant);
        forgotten
    } else {
        ledger.ask(&Message::Learned).await?
    };
    if let Some(shown) = shown.as_object_mut() {
        shown.shift_remove("ok");
        shown.insert("object".to_owned(), json!("learned"));
    }
    Ok(tell(gateway, call, 200, &shown))
}

/// How many approved answers of a brand are looked at.
const MOST_EXAMPLES: u64 = 1000;

/// The approved answers of a brand, the last told first.
///
/// # Errors
/// Those of the ledger.
pub async fn said(ledger: &Ledger<'_>, brand: &str) -> Result<Vec<(Option<Post>, Feedback)>, Error> {
    #[derive(Deserialize)]
    struct Row {
        answer: What,
        said: Feedback,
    }
    let rows: Vec<Row> = ledger.ask(&Message::Said { brand: Some(brand.to_owned()), limit: MOST_EXAMPLES }).await?;
    Ok(rows.into_iter().map(|row| (row.answer.post, row.said)).collect())
}

/// Counts what a word adds: ratings, publications and engagement, by the answer's model, platform and arm.
fn count(gateway: &Gateway, call: &Call, tenant: &str, reply: &Value) {
    let said = |name: &str| reply.get(name).map(Value::to_string).unwrap_or_default();
    let Ok(gained) = typed::read::<Gained>(&said("gained")) else { return call.log_failure("feedback", "count") };
    let of = reply.get("answer").and_then(|answer| answer.get("answer")).map(Value::to_string).unwrap_or_default();
    let what: What = typed::read(&of).unwrap_or_default();
    let Ok(config) = gateway.config() else { return call.log_failure("feedback", "count") };
    let variant = if what.experiment.is_empty() { String::new() } else { format!("{}:{}", what.experiment, what.arm) };
    let labels = Labels {
        tenant: tenant.to_owned(),
        endpoint: "feedback".to_owned(),
        // What was noted may be of a model that the table never had, or has no more.
        model: of_table(&config.models, &what.model).to_owned(),
        platform: what.post.map(|post| post.platform).unwrap_or_default(),
        variant,
        source: String::new(),
    };
    gateway.telemetry.add(call.head.now_ms, &labels, |series| gained.count(series));
}
