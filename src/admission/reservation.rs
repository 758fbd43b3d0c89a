//! What a call reserves in its tenant's ledger before it is made, and how the ledger's word is said to the caller.

use crate::cloud::chain::Chain;
use crate::cloud::health::quota::Tokens;
use crate::cloud::models::{MicroDollars, Resolved};
use crate::error::Error;
use crate::ledger::message::{Idempotency, Reserve, Spending, Standing, Word};
use crate::ledger::price;
use crate::ledger::terms::Terms;
use crate::protocol::headers::Lines;
use crate::protocol::request::CompletionRequest;
use crate::protocol::usage::Usage;

use super::Caller;
use super::keys::hex;

/// The longest `Retry-After` that is said, in seconds.
const LONGEST_WAIT: u64 = 60;

/// What a reservation is made for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// What is asked.
    pub request: &'a CompletionRequest<'a>,
    /// The model that is asked.
    pub model: Resolved<'a>,
    /// It, and those that may stand in for it.
    pub chain: Chain<'a>,
    /// What the prompt has, estimated, in tokens.
    pub input_tokens: u64,
    /// The end user.
    pub user: Option<&'a str>,
    /// Whether the call may be kept.
    pub kept: bool,
}

impl Wanted<'_> {
    /// The most that the call can use of a model.
    fn usage(&self, model: Resolved<'_>) -> Usage {
        let most = model.row.and_then(|row| row.max_output_tokens);
        Usage { prompt_tokens: self.input_tokens, completion_tokens: self.request.output_tokens(model.cap_tokens, most) }
    }

    /// What the call wants of a model's quota. The prompt may have fewer tokens than is reserved for it: a call that Cerebras would have
    /// taken must not be held back for an estimate.
    pub fn tokens(&self, model: Resolved<'_>) -> Tokens {
        let usage = self.usage(model);
        Tokens { surely: usage.completion_tokens.saturating_add(usage.prompt_tokens / 2), at_most: usage.total() }
    }

    /// The reservation: the most that the call can use, and the most that it can cost with any of the models.
    pub fn reserve(&self, id: String, idempotency: Option<Idempotency>, lease_ms: u64) -> Reserve {
        let Self { caller, model, chain, user, kept, .. } = *self;
        let mut costs = chain.models().map(|model| price::at_most(model.row, self.usage(model)));
        Reserve {
            id,
            key: caller.record.id.clone(),
            managed: caller.managed,
            user: user.map(str::to_owned),
            unkept: !kept,
            model: counted(model.id).to_owned(),
            tokens: self.usage(model).total(),
            // A model without a price is not asked in another's place under a budget: the ledger refuses what has no price.
            cost: costs.try_fold(MicroDollars::default(), |most, cost| cost.map(|cost| most.max(cost))),
            terms: terms(caller),
            idempotency,
            lease_ms,
        }
    }
}

/// The longest name of a model that is counted under, in bytes.
const LONGEST_MODEL: usize = 128;

/// The name under which a model is counted. A caller can name any, as long as a body: what is longer than models are called counts as
/// what it begins with.
pub fn counted(model: &str) -> &str {
    let end = (0..=LONGEST_MODEL).rev().find(|end| model.is_char_boundary(*end)).unwrap_or_default();
    model.get(..end).unwrap_or(model)
}

/// The terms that the ledger does not have itself: those of a configured key, and those of a token.
fn terms(caller: &Caller) -> Vec<(String, Terms)> {
    let record = &caller.record;
    let of_key = (!caller.managed).then(|| (record.id.clone(), Terms { limits: record.limits.clone(), budget: record.budget }));
    let of_token =
        caller.token.as_ref().map(|claims| (format!("token.{}", claims.jti), Terms { limits: claims.limits.clone(), budget: None }));
    of_key.into_iter().chain(of_token).filter(|(_, terms)| *terms != Terms::default()).collect()
}

/// What makes a call the same as an earlier one: the key's id, a token's end user, the resource and the caller's `Idempotency-Key`,
/// and the body.
///
/// # Errors
/// 400 for a key that is longer than 255 characters.
pub fn idempotency(caller: &Caller, path: &str, key: &str, body: &[u8]) -> Result<Idempotency, Error> {
    use sha2::{Digest, Sha256};
    if key.len() > 255 {
        return Err(Error::invalid("wrong_value", "idempotency-key", "`Idempotency-Key` is longer than 255 characters. Use a UUID."));
    }
    // Two end users of one key who happen to choose the same are two.
    let named = [caller.record.id.as_str(), caller.end_user(None).unwrap_or_default(), path, key].join("\n");
    Ok(Idempotency { key: hex(&Sha256::digest(named)), body: hex(&Sha256::digest(body)) })
}

/// The headers of a granted call: its limits, and the budget that it has passed a threshold of.
pub fn say_granted(word: &Word, lines: &mut Lines) {
    let Word::Granted { limits, soft } = word else { return };
    for (name, value) in limit_headers(limits) {
        lines.add(name, &value);
    }
    if let Some(soft) = soft {
        lines.add("x-maya-budget", &budget_header(soft));
    }
}

/// A refusal as the caller sees it; none when the call may be made or was answered before.
pub fn refusal(word: &Word) -> Option<Error> {
    Some(match word {
        Word::Granted { .. } | Word::Answered { .. } => return None,
        Word::Limited { limits, by, after_ms } => {
            let mut error = limited(limits.get(*by), *after_ms);
            for (name, value) in limit_headers(limits) {
                error = error.with(name, value);
            }
            error
        }
        Word::Spent(spending) => {
            let Spending { period, owner, threshold, .. } = spending;
            let whose = if owner == "tenant" { "tenant" } else { "key" };
            let message = format!(
                "The {whose}'s budget of {} micro-dollars for the {period} does not hold this call. Ask for less, raise it, or wait for the next {period}.",
                threshold.0
            );
            Error::new(402, "budget_exceeded", message).about("quota").final_word().with("x-maya-budget", budget_header(spending))
        }
        Word::Unpriced => {
            let message =
                "Nobody knows what this model costs, and a budget holds. Give its prices in MODELS, or use a model that has them.";
            Error::new(402, "unknown_price", message).about("model").final_word()
        }
        Word::Revoked => super::revoked(),
        Word::InFlight => {
            let message = "A call with this Idempotency-Key is being answered. Try again when it has ended.";
            Error::new(409, "idempotency_in_flight", message).about("idempotency-key").with("retry-after", "1".to_owned())
        }
        Word::OtherBody => {
            let message = "This Idempotency-Key was used with another body. Use a new key for a new call.";
            Error::new(422, "idempotency_key_reused", message).about("idempotency-key").final_word()
        }
    })
}

fn limited(by: Option<&Standing>, after_ms: Option<u64>) -> Error {
    let (measure, amount, window_ms) = by.map_or(("requests", 0, 0), |limit| (limit.measure.as_str(), limit.amount, limit.window_ms));
    let code = match measure {
        "tokens" => "token_quota_exceeded",
        "micro_dollars" => "spend_quota_exceeded",
        _ => "request_quota_exceeded",
    };
    let what = measure.replace('_', "-");
    let span = crate::ledger::terms::Span(window_ms);
    match after_ms {
        Some(after_ms) => {
            let seconds = after_ms.div_ceil(1000).max(1);
            let message = format!("The limit of {amount} {what} in {span} is reached. Try again in {seconds} s.");
            Error::new(429, code, message).about("quota").with("retry-after", seconds.min(LONGEST_WAIT).to_string())
        }
        None => {
            let message = format!(
                "This call can never fit the limit of {amount} {what} in {span}. Ask for less, such as by a lower `max_completion_tokens`."
            );
            Error::new(429, code, message).about("quota").final_word()
        }
    }
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): each policy by a name of its own, its quota `q` in a
/// window of `w` seconds, and what remains `r` until all of it is free again in `t` seconds.
fn limit_headers(limits: &[Standing]) -> Vec<(&'static str, String)> {
    if limits.is_empty() {
        return Vec::new();
    }
    let mut policies = Vec::with_capacity(limits.len());
    let mut states = Vec::with_capacity(limits.len());
    for limit in limits {
        let Standing { measure, amount, window_ms, per, left, reset_ms } = limit;
        let (window, reset) = (window_ms.div_ceil(1000), reset_ms.div_ceil(1000));
        let whom = if per == "owner" { String::new() } else { format!("-{per}") };
        let name = format!("{measure}{whom}-{window}s").replace('_', "-");
        let unit = if measure == "requests" { String::new() } else { format!(";qu=\"{}\"", measure.replace('_', "-")) };
        policies.push(format!("\"{name}\";q={amount};w={window}{unit}"));
        states.push(format!("\"{name}\";r={left};t={reset}"));
    }
    vec![("ratelimit-policy", policies.join(", ")), ("ratelimit", states.join(", "))]
}

fn budget_header(spending: &Spending) -> String {
    let Spending { period, owner, spent, threshold, reset_ms } = spending;
    let owner: String = owner.chars().map(|character| if matches!(character, '"' | '\\') { '?' } else { character }).collect();
    format!("\"{period}\";owner=\"{owner}\";spent={};threshold={};t={}", spent.0, threshold.0, reset_ms.div_ceil(1000))
}
