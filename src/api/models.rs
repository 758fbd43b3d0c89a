//! `/v1/models`, `/v1/models/{id}` and the public catalogue: Cerebras's own, with aliases resolved.

use super::add_common;
use super::route::ModelTarget;
use crate::Gateway;
use crate::admission::{self, record::Scope};
use crate::boundary::{Answered, Call};
use crate::cloud::answer;
use crate::cloud::call::{Question, ask};
use crate::cloud::deadline::Deadline;
use crate::cloud::health::breaker::Mark;
use crate::cloud::health::quota::Tokens;
use crate::error::Error;
use crate::protocol::headers::Lines;

/// Answers with what Cerebras says of its models.
///
/// # Errors
/// Those of admission and of the call.
pub async fn answer(
    gateway: &Gateway,
    call: &Call,
    method: &str,
    target: &ModelTarget,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<Answered, Error> {
    let config = gateway.config()?;
    // The catalogue is public at Cerebras too; everything else is asked for with the gateway's own key.
    if !target.public || !admission::open(gateway, config) {
        admission::admit(gateway, call, Scope::Models, tenant).await?;
    }
    let mut path = if target.public { "/public/v1/models" } else { "/v1/models" }.to_owned();
    if let Some(name) = &target.name {
        path.push('/');
        path.push_str(config.models.resolve(name).id);
    }
    // The one parameter that the resource knows.
    let format = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("format=")));
    if let Some(format) = format.filter(|format| format.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        path.push_str("?format=");
        path.push_str(format);
    }
    let deadline = Deadline::read(config, &call.head)?;
    let question = Question {
        method: "GET",
        target: &path,
        chain: None,
        body: &|_| None,
        tokens: &|_| Tokens::default(),
        streaming: false,
        aside: false,
        whose: Mark::default(),
        deadline,
    };
    let reply = ask(gateway, config, call, question).await?;
    let mut lines = Lines::default();
    lines.add("content-type", &reply.arrival.content_type);
    add_common(gateway, call, answer::request_id(&reply.arrival), &mut lines);
    let status = reply.arrival.status;
    let body = match status {
        _ if method == "HEAD" => Some(Vec::new()),
        400.. => Some(answer::error_body(&reply.arrival)?.into_owned()),
        _ => None,
    };
    Ok(call.pass(status, &lines, body))
}
