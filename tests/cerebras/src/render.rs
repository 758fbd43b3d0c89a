//! Answers as JSON text. Written by hand: absent fields are left out, and the order is the one that was recorded.

use std::io::Write;

use bytes::Bytes;

use crate::answer::{Choice, Reply};
use crate::request::Endpoint;
use crate::seed::{Dice, digest};
use crate::tokens;
use crate::tools::ToolCall;

/// Writes into a vector, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        let _ = write!($out, $($arg)*);
    };
}

/// A string in quotes.
pub fn quote(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}

/// The body of an answer that isn't streamed.
pub fn whole(reply: &Reply) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    put!(out, "{{\"id\":\"{}\",\"choices\":[", reply.id);
    for (number, choice) in reply.choices.iter().enumerate() {
        out.extend_from_slice(if number == 0 { b"{" } else { b",{" });
        finish(&mut out, choice.finish.as_deref());
        put!(out, "\"index\":{number},");
        match reply.endpoint {
            Endpoint::Chat => message(&mut out, choice, reply),
            Endpoint::Text => {
                let text = choice.content.as_deref().unwrap_or("");
                out.extend_from_slice(b"\"text\":");
                quote(&mut out, text);
                if let Some(top) = reply.logprobs {
                    out.extend_from_slice(b",\"logprobs\":");
                    text_logprobs(&mut out, text, 0, top, reply.seed);
                }
            }
        }
        out.push(b'}');
    }
    let object = if reply.endpoint == Endpoint::Chat { "chat.completion" } else { "text_completion" };
    out.push(b']');
    tail(&mut out, reply, object);
    out.push(b',');
    usage(&mut out, reply);
    out.push(b'}');
    out.into()
}

/// `"finish_reason":"…",` if there is one.
pub fn finish(out: &mut Vec<u8>, reason: Option<&str>) {
    if let Some(reason) = reason {
        out.extend_from_slice(b"\"finish_reason\":");
        quote(out, reason);
        out.push(b',');
    }
}

fn message(out: &mut Vec<u8>, choice: &Choice, reply: &Reply) {
    out.extend_from_slice(b"\"message\":{");
    for (name, text) in [("content", &choice.content), ("reasoning", &choice.reasoning), ("refusal", &choice.refusal)] {
        if let Some(text) = text {
            put!(out, "\"{name}\":");
            quote(out, text);
            out.push(b',');
        }
    }
    if !choice.calls.is_empty() {
        out.extend_from_slice(b"\"tool_calls\":");
        calls(out, &choice.calls, false);
        out.push(b',');
    }
    out.extend_from_slice(b"\"role\":\"assistant\"}");
    if let (Some(top), Some(content)) = (reply.logprobs, &choice.content) {
        out.extend_from_slice(b",\"logprobs\":");
        chat_logprobs(out, content, top, reply.seed);
    }
}

/// Tool calls; numbered in streams.
pub fn calls(out: &mut Vec<u8>, calls: &[ToolCall], numbered: bool) {
    out.push(b'[');
    for (number, call) in calls.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        put!(out, "{{\"id\":\"{}\",\"type\":\"function\",\"function\":{{\"name\":", call.id);
        quote(out, &call.name);
        out.extend_from_slice(b",\"arguments\":");
        quote(out, &call.arguments);
        out.push(b'}');
        if numbered {
            put!(out, ",\"index\":{number}");
        }
        out.push(b'}');
    }
    out.push(b']');
}

/// What follows the choices in answers and in chunks.
pub fn tail(out: &mut Vec<u8>, reply: &Reply, object: &str) {
    put!(
        out,
        ",\"created\":{},\"model\":\"{}\",\"system_fingerprint\":\"{}\",\"object\":\"{object}\"",
        reply.created as u64,
        reply.model,
        reply.fingerprint
    );
}

/// `"usage":{…},"time_info":{…}`.
pub fn usage(out: &mut Vec<u8>, reply: &Reply) {
    let used = &reply.usage;
    put!(
        out,
        "\"usage\":{{\"total_tokens\":{},\"completion_tokens\":{},\"completion_tokens_details\":\
         {{\"accepted_prediction_tokens\":{},\"rejected_prediction_tokens\":{},\"reasoning_tokens\":{}}},\
         \"prompt_tokens\":{},\"prompt_tokens_details\":{{\"cached_tokens\":{}",
        used.prompt + used.completion,
        used.completion,
        used.accepted,
        used.rejected,
        used.reasoning,
        used.prompt,
        used.cached
    );
    match used.images {
        Some(images) => {
            put!(out, ",\"image_tokens\":{images}}},\"image_tokens\":{images}}}");
        }
        None => out.extend_from_slice(b"}}"),
    }
    // As a machine of some 3000 tokens a second would take.
    let queue = 0.0001 + (reply.seed % 1000) as f64 * 1e-6;
    let prompt = 0.001 + used.prompt as f64 * 2e-5;
    let completion = used.completion as f64 / 3000.0;
    let total = queue + prompt + completion + 0.0015;
    put!(
        out,
        ",\"time_info\":{{\"queue_time\":{queue:.6},\"prompt_time\":{prompt:.6},\"completion_time\":{completion:.6},\
         \"total_time\":{total:.6},\"created\":{:.4}}}",
        reply.created
    );
}

/// A token's log probability: the same wherever a text is cut into chunks.
fn logprob(piece: &str, seed: u64) -> f64 {
    let mut dice = Dice::new(digest(piece.as_bytes()) ^ seed);
    -(dice.below(2000) as f64) / 2000.0 * if dice.chance(1, 5) { 2.0 } else { 0.1 }
}

/// `{"content":[…]}` of chat answers.
pub fn chat_logprobs(out: &mut Vec<u8>, text: &str, top: usize, seed: u64) {
    out.extend_from_slice(b"{\"content\":[");
    for (number, piece) in tokens::pieces(text).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        let sure = logprob(piece, seed);
        out.push(b'{');
        token(out, piece, sure);
        out.extend_from_slice(b",\"top_logprobs\":[");
        for rank in 0..top {
            out.extend_from_slice(if rank == 0 { b"{" } else { b",{" });
            if rank == 0 {
                token(out, piece, sure);
            } else {
                token(out, &format!(" option{rank}"), sure - 2.0 - rank as f64);
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}");
}

fn token(out: &mut Vec<u8>, piece: &str, sure: f64) {
    out.extend_from_slice(b"\"token\":");
    quote(out, piece);
    put!(out, ",\"logprob\":{sure:.6},\"bytes\":{:?}", piece.as_bytes());
}

/// `{"text_offset":…}` of text completions; `offset` is where this part of the text begins.
pub fn text_logprobs(out: &mut Vec<u8>, text: &str, offset: usize, top: usize, seed: u64) {
    let list = |out: &mut Vec<u8>, name: &str, item: &dyn Fn(&mut Vec<u8>, usize, &str)| {
        put!(out, "\"{name}\":[");
        let mut at = offset;
        for (number, piece) in tokens::pieces(text).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            item(out, at, piece);
            at += piece.chars().count();
        }
        out.push(b']');
    };
    out.push(b'{');
    list(out, "text_offset", &|out, at, _| {
        put!(out, "{at}");
    });
    out.push(b',');
    list(out, "token_logprobs", &|out, _, piece| {
        put!(out, "{:.6}", logprob(piece, seed));
    });
    out.push(b',');
    list(out, "tokens", &|out, _, piece| quote(out, piece));
    out.push(b',');
    list(out, "top_logprobs", &|out, _, piece| {
        out.push(b'{');
        for rank in 0..top {
            let (name, sure) = if rank == 0 { (piece.to_owned(), 0.0) } else { (format!(" option{rank}"), 2.0 + rank as f64) };
            if rank > 0 {
                out.push(b',');
            }
            quote(out, &name);
            put!(out, ":{:.6}", logprob(piece, seed) - sure);
        }
        out.push(b'}');
    });
    out.push(b'}');
}
