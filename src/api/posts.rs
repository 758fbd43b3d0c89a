//! `/v1/posts` and what stands below it: the door, and the answer, whole or as a stream of progress with the answer at its end. `posting.rs`
//! does the work.

use std::rc::Rc;

use serde_json::{Value, json};

use super::administration::Ledger;
use super::participation::{Part, take_part};
use super::posting::{Desk, event};
use super::understanding::{Door, read_body};
use super::{add_common, administration, brands, feedback};
use crate::Gateway;
use crate::admission;
use crate::admission::record::Scope;
use crate::boundary::{Answered, Call};
use crate::cloud::inquire::Asker;
use crate::content::order::{Order, Task};
use crate::error::Error;
use crate::learning::examples;
use crate::learning::score_model::{Learnt, Model};
use crate::ledger::message::Message;
use crate::protocol::headers::Lines;
use crate::telemetry::timing::Timing;
use crate::understanding::{Mode, vectors};

/// The name under which scores of the gateway's own are counted.
const SCORE_MODEL: &str = "maya-edge-score";

/// The name under which is remembered what an order was answered with when no model was asked; empty where one should have been.
const fn own_model(task: Task) -> &'static str {
    match task {
        Task::Score => SCORE_MODEL,
        Task::Preview => "maya-edge-preview",
        Task::Audio => "maya-edge-audio",
        _ => "",
    }
}

/// The largest body with pictures, in bytes: theirs, and what stands beside them.
const LARGEST: u32 = 5 * 1024 * 1024;

/// Answers an order.
///
/// # Errors
/// Those of admission, of the body and of the brand; what the ledger or a guardrail refuses. What Cerebras does is none: what its answers are
/// not good for is made by rule, and marked.
pub async fn answer(gateway: &Gateway, call: &Call, task: Task, tenant: Option<&str>) -> Result<Answered, Error> {
    let config = gateway.config()?;
    let caller = admission::admit(gateway, call, Scope::Content, tenant).await?;
    let door = Door {
        asker: Asker { gateway, config, call, caller: &caller },
        body: if task.takes_pictures() { administration::bytes(call, LARGEST).await? } else { read_body(call).await? },
    };
    let mut order = Order::read(task, &door.body)?;
    let part = match &order.experiment {
        Some(id) => Some(take_part(gateway, call, &caller, id, order.user.as_deref(), door.keeps(order.stored)).await?),
        None => None,
    };
    if let Some(part) = &part {
        order.vary(part.arm()?);
    }
    let brand = match &order.brand {
        Some(id) => {
            let ledger = Ledger { call, who: caller.record.id.clone(), tenant: caller.tenant_name().to_owned(), region: caller.region() };
            let mut brand = brands::of_tenant(&ledger, id).await?;
            if !matches!(task, Task::Score | Task::Preview | Task::Audio) {
                brand.approved = examples::approved(&feedback::said(&ledger, id).await?);
            }
            Some(brand)
        }
        None => None,
    };
    let mut desk = Desk::new(&door, &order, brand);
    desk.check()?;
    if order.steps.score || task == Task::Score {
        desk.learnt(learnt(&door.asker).await);
    }
    let mut lines = Lines::default();
    if let Some(part) = &part {
        part.say(&mut lines);
    }
    if order.stream {
        lines.add("content-type", "text/event-stream; charset=utf-8");
        add_common(gateway, call, None, &mut lines);
        let answered = call.open_stream(200, &lines);
        let last = match desk.work().await {
            Ok(answer) => {
                let mut answer = answer;
                remember(&door, &order, &desk);
                conclude(&desk, door.asker, part.as_ref(), &mut answer);
                if let Some(fields) = answer.as_object_mut() {
                    fields.insert("type".to_owned(), json!("result"));
                }
                let mut last = event("result", &answer);
                last.extend_from_slice(b"data: [DONE]\n\n");
                last
            }
            // As every broken stream ends: with the error, and without `[DONE]`.
            Err(error) => format!("data: {{{}}}\n\n", error.frame_members()).into_bytes(),
        };
        call.end(Some(last), false).await;
        return Ok(answered);
    }
    let mut answer = desk.work().await?;
    remember(&door, &order, &desk);
    conclude(&desk, door.asker, part.as_ref(), &mut answer);
    let body = answer.to_string().into_bytes();
    if task == Task::Score && order.mode != Mode::Never {
        door.note(SCORE_MODEL, order.user.as_deref(), order.stored, vectors::count([order.subject.as_str()]), &body);
    }
    lines.add("content-type", "application/json");
    if let Some((elapsed_ms, model)) = desk.asked() {
        let mut timing = Timing::default();
        timing.upstream(elapsed_ms);
        lines.add("server-timing", &timing.header());
        lines.add("x-maya-model", model);
    }
    if let Some(guarding) = desk.guarding() {
        guarding.say(&mut lines);
    }
    add_common(gateway, call, None, &mut lines);
    Ok(call.respond(200, &lines, Some(body)))
}

/// Notes what was given: each post, and the answer as a whole by the id in its body and the id that it comes with.
fn remember(door: &Door<'_>, order: &Order, desk: &Desk<'_>) {
    let mut answers = desk.given();
    let mut whole = desk.whole();
    if whole.model.is_empty() {
        own_model(order.task).clone_into(&mut whole.model);
    }
    let call = door.asker.call;
    answers.extend(whole.under(&desk.id(), &call.settled_id(), call.head.now_ms));
    door.remember(order.user.as_deref(), order.stored, answers);
}

/// What the tenant's feedback has taught of scores, as the isolate remembers it or the ledger tells it. An order does not fail for it: without,
/// the rules stand as they are, and the answer says so.
pub async fn learnt(asker: &Asker<'_>) -> Option<Rc<Model>> {
    let Asker { gateway, call, caller, .. } = *asker;
    let (tenant, now_ms) = (caller.tenant_name(), call.head.now_ms);
    let remembered = gateway.score_models.borrow().get(tenant, now_ms);
    if remembered.is_some() || !gateway.binds.ledger {
        return remembered;
    }
    let model = match call.ledger::<Learnt>(tenant, caller.region(), &Message::Learnt, Vec::new()).await {
        Ok((learnt, _)) => Rc::new(learnt.model()?),
        Err(_) => {
            call.log_failure("ledger", "what was learnt: not told");
            return None;
        }
    };
    gateway.score_models.borrow_mut().put(tenant.to_owned(), model.clone(), now_ms);
    Some(model)
}

/// Tells of the order's part in an experiment, in its answer and among the notes. It has failed when every post is a stand-in.
fn conclude(desk: &Desk<'_>, asker: Asker<'_>, part: Option<&Part>, answer: &mut Value) {
    let Some(part) = part else { return };
    let posts = answer.get("posts").and_then(Value::as_array);
    let failed = posts.is_some_and(|posts| posts.iter().all(|post| post.get("degraded") == Some(&Value::Bool(true))))
        || answer.get("degraded") == Some(&Value::Bool(true));
    let scores: Vec<f64> = posts.into_iter().flatten().filter_map(|post| post.get("score").and_then(Value::as_f64)).collect();
    #[expect(clippy::cast_precision_loss, reason = "sixty posts at the most")]
    let score = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64);
    part.note_order(asker, failed, desk.cost(), score);
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("experiment".to_owned(), part.told());
    }
}
