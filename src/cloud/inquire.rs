//! An inquiry carried out: reserved in the tenant's ledger, asked, and settled, like a call of the caller's own.

use serde_json::Value;

use super::call::{Question, ask};
use super::chain::{Chain, Needs};
use super::deadline::Deadline;
use super::health::breaker::Mark;
use super::inquiry::{Inquired, Inquiry, Unfit, late, refused};
use crate::Gateway;
use crate::admission::Caller;
use crate::admission::account::{Account, Outcome};
use crate::admission::reservation::Wanted;
use crate::boundary::Call;
use crate::config::Config;
use crate::error::Error;
use crate::protocol::request::{CompletionRequest, Endpoint};
use crate::protocol::sse;
use crate::protocol::usage::Usage;

/// On whose behalf something is asked.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The isolate's.
    pub gateway: &'a Gateway,
    /// The configuration.
    pub config: &'a Config,
    /// The request that it serves.
    pub call: &'a Call,
    /// Whose limits, budget and usage it counts for.
    pub caller: &'a Caller,
}

/// What one asking brought.
struct Asked {
    content: Result<Value, Unfit>,
    usage: Usage,
    model: String,
    elapsed_ms: u32,
}

/// Asks, and has the answer read by `read`, which may say what is wrong with it. An answer that does not fit is asked for once more, naming
/// the fault. May be called several times within a request, before and after its own call to Cerebras. Whether the caller's key may call
/// the model is the asker's to check ([`Caller::may_call`]).
///
/// # Errors
/// What the ledger refuses (402, 429, 503), and 429, 502 and 504 for what Cerebras does.
pub async fn inquire<T>(asker: Asker<'_>, inquiry: &Inquiry, read: impl Fn(Value) -> Result<T, String>) -> Result<Inquired<T>, Error> {
    let mut fault: Option<String> = None;
    let (mut usage, mut elapsed_ms) = (Usage::default(), 0_u32);
    loop {
        let asked = once(asker, inquiry, fault.as_deref()).await?;
        usage.prompt_tokens = usage.prompt_tokens.saturating_add(asked.usage.prompt_tokens);
        usage.completion_tokens = usage.completion_tokens.saturating_add(asked.usage.completion_tokens);
        elapsed_ms = elapsed_ms.saturating_add(asked.elapsed_ms);
        match (asked.content.and_then(|value| read(value).map_err(Unfit::Wrong)), &fault) {
            (Ok(content), _) => return Ok(Inquired { content, usage, model: asked.model, elapsed_ms }),
            (Err(Unfit::Wrong(wrong)), None) => fault = Some(wrong),
            (Err(unfit), _) => return Err(unfit.into()),
        }
    }
}

async fn once(asker: Asker<'_>, inquiry: &Inquiry, fault: Option<&str>) -> Result<Asked, Error> {
    let Asker { gateway, config, call, caller } = asker;
    let model = config.models.resolve(&inquiry.model);
    let body = inquiry.body(model, fault);
    let request = CompletionRequest::read(&body, Endpoint::Chat)?;
    let input_tokens = request.input_tokens();
    let chain =
        Chain::of(&config.models, model, Needs { pictures: !inquiry.pictures.is_empty(), input_tokens }, |id| caller.may(config, id));
    let user = caller.end_user(inquiry.user.as_deref());
    let kept = inquiry.kept && caller.stores();
    let mut account = Account::of_inquiry(asker, user, kept, &body);
    let wanted = Wanted { caller, request: &request, model, chain, input_tokens, user, kept };
    account.reserve(&wanted).await?;
    let question = Question {
        method: "POST",
        target: Endpoint::Chat.path(),
        chain: Some(chain),
        body: &|asked| Some(inquiry.body(asked, fault)),
        tokens: &|asked| wanted.tokens(asked),
        streaming: false,
        aside: true,
        whose: Mark::of(caller.tenant_name()),
        deadline: Deadline::read(config, &call.head)?.within(inquiry.within_ms, call.now_ms()),
    };
    let reply = match ask(gateway, config, call, question).await {
        Ok(reply) => reply,
        Err(error) => {
            account.release(model.id, error.status);
            let within_ms = inquiry.within_ms.min(config.first_byte_ms).min(config.total_ms);
            return Err(if error.status == 504 { late(within_ms) } else { error });
        }
    };
    let status = reply.arrival.status;
    if status != 200 {
        account.release(reply.model, status);
        return Err(refused(status));
    }
    let answer = &reply.arrival.body;
    let said = inquiry.read(answer);
    if said.content == Err(Unfit::Unreadable) {
        account.release(reply.model, 502);
        return Err(Unfit::Unreadable.into());
    }
    let estimate = Usage { prompt_tokens: input_tokens, completion_tokens: sse::spelled_tokens(answer) };
    let content_type = reply.arrival.content_type.as_str();
    let identity = said.identity;
    account.settle(Outcome { model: reply.model, status, usage: said.usage, estimate, content_type, body: answer, identity }).await;
    let usage = said.usage.unwrap_or(estimate);
    Ok(Asked { content: said.content, usage, model: reply.model.to_owned(), elapsed_ms: reply.elapsed_ms })
}
