//! `/v1/analytics`: how requests went, over time: a tenant's own, or everybody's for who administers.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::query::{self, Query};
use super::tell;
use crate::Gateway;
use crate::admission::record::Scope;
use crate::admission::{self, operator};
use crate::boundary::{Answered, Call};
use crate::error::Error;
use crate::telemetry::analytics::{MOST_ROWS, TOO_MANY_ROWS, assumptions, instant};
use crate::telemetry::message::Message;
use crate::telemetry::roi;

/// Answers with what was counted.
///
/// # Errors
/// Those of the query and of admission, and 503 when the archive cannot be reached.
pub async fn answer(gateway: &Gateway, call: &Call, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &query::OF_ANALYTICS)?;
    let mut wanted = query::analytics(&query, call.head.now_ms)?;
    wanted.tenant = whose(gateway, call, &query, tenant).await?;
    let counted: Map<String, Value> = ask(gateway, call, &Message::Analytics(wanted.clone())).await?;
    if counted.get("error").and_then(Value::as_str) == Some(TOO_MANY_ROWS) {
        let message = format!(
            "The answer would have more than {MOST_ROWS} rows. Group by fewer labels, ask for a shorter time or a longer `interval`, or for one \
             `tenant`."
        );
        return Err(Error::invalid(TOO_MANY_ROWS, "group_by", message));
    }
    let mut told = Map::new();
    for (name, value) in [
        ("object", json!("analytics")),
        ("from", json!(instant(wanted.from_ms))),
        ("to", json!(instant(wanted.to_ms))),
        ("interval", json!(wanted.interval)),
        ("group_by", json!(wanted.group_by)),
        ("tenant", json!(wanted.tenant)),
        ("assumptions", assumptions()),
    ] {
        told.insert(name.to_owned(), value);
    }
    told.extend(counted);
    Ok(tell(gateway, call, 200, &Value::Object(told)))
}

/// Answers with a report of return on investment.
///
/// # Errors
/// As [`answer`].
pub async fn roi(gateway: &Gateway, call: &Call, query: Option<&str>, tenant: Option<&str>) -> Result<Answered, Error> {
    let query = Query::read(query, &query::OF_RETURN)?;
    let stated = query::stated(&query)?;
    let mut wanted = query::analytics(&query, call.head.now_ms)?;
    wanted.tenant = whose(gateway, call, &query, tenant).await?;
    let counted: Value = ask(gateway, call, &Message::Analytics(wanted.clone())).await?;
    let mut told = Map::new();
    for (name, value) in [
        ("object", json!("return_on_investment")),
        ("from", json!(instant(wanted.from_ms))),
        ("to", json!(instant(wanted.to_ms))),
        ("tenant", json!(wanted.tenant)),
    ] {
        told.insert(name.to_owned(), value);
    }
    told.extend(roi::report(counted.get("totals").unwrap_or(&Value::Null), stated));
    Ok(tell(gateway, call, 200, &Value::Object(told)))
}

/// Whose counts are asked for: those of a key's tenant, or, for who administers, of one or of all.
async fn whose(gateway: &Gateway, call: &Call, query: &Query, in_path: Option<&str>) -> Result<Option<String>, Error> {
    let wanted = query.tenant()?;
    let other = || {
        let message = "This is the data of another tenant. Use a key of that tenant, or leave `tenant` out.";
        Error::new(403, "wrong_tenant", message).about("tenant").final_word()
    };
    if operator::administers(gateway.config()?, &call.head) {
        return match (wanted, in_path) {
            (Some(wanted), Some(path)) if wanted != path => Err(other()),
            _ => Ok(wanted.or(in_path).map(str::to_owned)),
        };
    }
    let caller = admission::admit(gateway, call, Scope::Usage, in_path).await?;
    if wanted.is_some_and(|wanted| wanted != caller.tenant_name()) {
        return Err(other());
    }
    if caller.end_user(None).is_some() {
        let message = "A browser token of an end user may not see what the whole tenant has done. Ask with a key.";
        return Err(Error::new(403, "wrong_user", message).about("authorization").final_word());
    }
    Ok(Some(caller.tenant_name().to_owned()))
}

/// Asks the archive, which first hears what this isolate has not told yet.
///
/// # Errors
/// 503 when it cannot be reached, and when there is none.
pub async fn ask<R: DeserializeOwned>(gateway: &Gateway, call: &Call, message: &Message) -> Result<R, Error> {
    if !gateway.binds.telemetry {
        let message = "Nothing is counted: there is no binding TELEMETRY. Add the Durable Object to wrangler.toml.";
        return Err(Error::new(503, "no_telemetry", message).about("TELEMETRY").final_word());
    }
    gateway.telemetry.tell(call, call.head.now_ms).await;
    call.telemetry(message, Vec::new())
        .await
        .map_err(|_| Error::new(503, "telemetry_unreachable", "What was counted cannot be reached right now. Try again."))
}
