//! `/v1/embeddings`: vectors of texts, by the gateway's own model, in OpenAI's shape.

use super::add_common;
use super::understanding::{Door, read_body};
use crate::Gateway;
use crate::admission;
use crate::admission::record::Scope;
use crate::boundary::{Answered, Call};
use crate::cloud::inquire::Asker;
use crate::error::Error;
use crate::ledger::feedback::What;
use crate::protocol::headers::Lines;
use crate::understanding::vectors::{MODEL, Wanted};

/// Answers with a vector for each text.
///
/// # Errors
/// Those of admission and of the body.
pub async fn answer(gateway: &Gateway, call: &Call, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let caller = admission::admit(gateway, call, Scope::Edge, tenant).await?;
    let door = Door { asker: Asker { gateway, config, call, caller: &caller }, body: read_body(call).await? };
    let wanted = Wanted::read(&door.body)?;
    let (answer, tokens) = wanted.answer();
    let answer = answer.to_string().into_bytes();
    door.note(MODEL, wanted.user.as_deref(), wanted.stored, tokens, &answer);
    let what = What { model: MODEL.to_owned(), task: "embeddings".to_owned(), ..What::default() };
    door.remember(wanted.user.as_deref(), wanted.stored, vec![(call.settled_id(), what)]);
    let mut lines = Lines::default();
    lines.add("content-type", "application/json");
    lines.add("x-maya-model", MODEL);
    add_common(gateway, call, None, &mut lines);
    Ok(call.respond(200, &lines, Some(answer)))
}
