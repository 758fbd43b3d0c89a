//! `/v1/files`: the files of batches: uploaded, listed, given out, deleted. What they say is encrypted on its way into the tenant's store.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::query::{Query, wrong};
use super::route::FileTarget;
use super::{add_common, tell};
use crate::Gateway;
use crate::admission::record::Scope;
use crate::admission::{self, Caller};
use crate::batches::lines::{Cutter, Part};
use crate::batches::message::{Ask, Rows};
use crate::batches::multipart::{Event as Piece, Form};
use crate::batches::run::Shop;
use crate::batches::{KEPT_SECONDS, LARGEST_FILE, LONGEST_LINE, MOST_LINES, written};
use crate::boundary::{Answered, Call, ReadHeader, Sealing};
use crate::error::Error;
use crate::ledger::message::{Event, Note};
use crate::protocol::headers::Lines;
use crate::protocol::json::typed;

/// How many pieces of a refused upload are taken before its connection may break: 4 MB.
const MOST_DRAINED: u8 = 16;
/// How many bytes of parts go to the store at once.
const SENT_BYTES: usize = 1_000_000;
/// The longest value of a field that is no file, in bytes.
const LONGEST_FIELD: usize = 512;
/// The shortest time that a file is kept, in seconds.
const SHORTEST_KEPT: u64 = 3600;
/// The most files in one answer, and how many unless the caller says otherwise.
const MOST_FILES: u64 = 10_000;
const USUAL_FILES: u64 = 1_000;
/// How many files are asked for at once: each has a name that is opened.
const PAGE: u64 = 500;

/// A caller whose files and batches are asked for.
pub struct Owner<'c> {
    gateway: &'c Gateway,
    /// Who calls.
    pub caller: Caller,
    call: &'c Call,
}

impl<'c> Owner<'c> {
    /// Admits a caller, and checks that there is what files need.
    ///
    /// # Errors
    /// Those of admission; 500 naming the binding or secret that is missing, 403 for a key whose calls may not be kept.
    pub async fn admitted(gateway: &'c Gateway, call: &'c Call, scope: Scope, tenant: Option<&str>) -> Result<Self, Error> {
        let caller = admission::admit(gateway, call, scope, tenant).await?;
        if !gateway.binds.store {
            let message =
                "Files, batches and campaigns need the Durable Object STORE and the queue BATCHES. Add both bindings to wrangler.toml.";
            return Err(Error::new(500, "no_store_binding", message).about("STORE").final_word());
        }
        if caller.tenant.seals.is_none() {
            let message = "Files, batches and campaigns are kept encrypted, and there is no EDGE_SECRET. Set it (`openssl rand -hex 32`).";
            return Err(Error::new(500, "no_edge_secret", message).about("EDGE_SECRET").final_word());
        }
        if !caller.stores() {
            let message = "Files, batches and campaigns keep what they are given, and nothing of this key's calls may be kept (`store: false`). Use another key.";
            return Err(refusal(403, "batch_needs_store", "api_key", message));
        }
        Ok(Self { gateway, caller, call })
    }

    /// The tenant's store.
    pub fn shop(&self) -> Shop<'_> {
        Shop { call: self.call, tenant: self.caller.tenant_name(), region: self.caller.region() }
    }

    /// The keys that its files are encrypted with.
    ///
    /// # Errors
    /// There are none.
    pub fn sealing(&self) -> Result<Sealing<'_>, Error> {
        self.caller.sealing().ok_or_else(unsealed)
    }

    /// Encrypts a small thing under the name of what it belongs to.
    pub async fn sealed(&self, name: &str, value: &Value) -> Result<Vec<u8>, Error> {
        let text = value.to_string().into_bytes();
        let sealed = self.call.seal_all(vec![(format!("{name} head"), &text)], self.sealing()?).await;
        sealed.map(|all| all.concat()).ok_or_else(unsealed)
    }

    /// Opens what [`Self::sealed`] has encrypted: for each its name and its bytes. What was erased says nothing.
    pub async fn opened(&self, heads: Vec<(String, usize)>, bytes: Vec<u8>) -> Result<Vec<Value>, Error> {
        let sizes: Vec<usize> = heads.iter().map(|(_, size)| *size).collect();
        let names = heads.into_iter().filter(|(_, size)| *size > 0).map(|(name, size)| (format!("{name} head"), size)).collect();
        let opened = self.call.unseal_all(names, bytes, self.sealing()?).await.unwrap_or_default();
        let mut opened = opened.into_iter();
        let read = |bytes: Vec<u8>| std::str::from_utf8(&bytes).ok().and_then(|text| typed::read(text).ok()).unwrap_or(Value::Null);
        Ok(sizes.into_iter().map(|size| if size == 0 { Value::Null } else { opened.next().map_or(Value::Null, read) }).collect())
    }

    /// How long something may be kept that is to be kept so many seconds, in ms.
    pub fn kept_ms(&self, seconds: u64) -> u64 {
        let longest = self.caller.tenant.record.retention.cache.map_or(u64::MAX, |span| span.0);
        seconds.saturating_mul(1000).min(longest)
    }

    /// Notes something for the audit.
    pub fn post(&self, what: &str, details: Value) {
        let event = Event { what: what.to_owned(), who: self.caller.record.id.clone(), user: None, details };
        self.gateway.note(self.caller.tenant_name(), self.caller.region(), Note::Event(event), Vec::new());
    }
}

/// A refusal that a repeated call would meet again. One function for all of them, which are many.
#[inline(never)]
pub fn refusal<T: Into<Cow<'static, str>>>(status: u16, code: &'static str, param: &'static str, message: T) -> Error {
    let mut error = Error::new(status, code, message);
    error.param.push_str(param);
    error.final_word()
}

fn unsealed() -> Error {
    Error::new(500, "not_sealed", "The file could not be encrypted. Try again.")
}

/// How long files of results, or a file, are to be kept: `{"anchor": "created_at", "seconds": …}`.
///
/// # Errors
/// 400 for another anchor, or for too long or too short a time.
pub fn kept_seconds(anchor: Option<&str>, seconds: Option<u64>, field: &str) -> Result<u64, Error> {
    if anchor.is_some_and(|anchor| anchor != "created_at") {
        return Err(wrong(&format!("{field}[anchor]"), "must be created_at"));
    }
    let seconds = seconds.unwrap_or(KEPT_SECONDS);
    if (SHORTEST_KEPT..=KEPT_SECONDS).contains(&seconds) {
        return Ok(seconds);
    }
    Err(wrong(&format!("{field}[seconds]"), &format!("must be a whole number from {SHORTEST_KEPT} to {KEPT_SECONDS}")))
}

/// Answers for files.
///
/// # Errors
/// Those of admission, of the form and of the store.
pub async fn answer(
    gateway: &Gateway,
    call: &Call,
    method: &str,
    target: &FileTarget,
    query: Option<&str>,
    tenant: Option<&str>,
) -> Result<Answered, Error> {
    let owner = match Owner::admitted(gateway, call, Scope::Batches, tenant).await {
        Err(error) if method == "POST" => {
            drain(call).await;
            return Err(error);
        }
        admitted => admitted?,
    };
    match (target, method) {
        (FileTarget::All, "POST") => upload(gateway, call, &owner).await,
        (FileTarget::All, _) => {
            let query = Query::read(query, &["purpose", "after", "limit", "order"])?;
            let listed = list(&owner, &query).await?;
            Ok(tell(gateway, call, 200, &listed))
        }
        (FileTarget::One(id), "DELETE") => {
            let (said, _) = owner.shop().ask(&Ask::DeleteFile { id: id.clone() }, Vec::new()).await?;
            match said.get("error").and_then(Value::as_str) {
                None => {
                    owner.post("file_deleted", json!({"file": id}));
                    Ok(tell(gateway, call, 200, &json!({"id": id, "object": "file", "deleted": true})))
                }
                Some("in_use") => {
                    let message = "A batch is working on this file. Cancel it, or wait for its end.";
                    Err(refusal(409, "file_in_use", "file_id", message))
                }
                Some(_) => Err(unknown(id)),
            }
        }
        (FileTarget::One(id), _) => {
            let known = one(&owner, id).await?;
            Ok(tell(gateway, call, 200, &known))
        }
        (FileTarget::Content(id), _) => content(gateway, call, &owner, id).await,
    }
}

fn unknown(id: &str) -> Error {
    let message = format!("There is no file {id}. It was deleted, has expired, or never was: `GET /v1/files` lists those that there are.");
    refusal(404, "file_not_found", "file_id", message)
}

async fn one(owner: &Owner<'_>, id: &str) -> Result<Value, Error> {
    let reply = owner.shop().ask(&Ask::File { id: id.to_owned() }, Vec::new()).await?;
    files(owner, reply).await?.0.pop().ok_or_else(|| unknown(id))
}

/// Files as clients read them, and whether there are more.
async fn files(owner: &Owner<'_>, (reply, bytes): (Value, Vec<u8>)) -> Result<(Vec<Value>, bool), Error> {
    let known = reply.get("files").and_then(Value::as_array).cloned().unwrap_or_default();
    let head = |file: &Value| {
        let size = file.get("head").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        (file.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(), size)
    };
    let heads = owner.opened(known.iter().map(head).collect(), bytes).await?;
    let shown = known.iter().zip(&heads).map(|(file, head)| written::file(file, head)).collect();
    Ok((shown, reply.get("more") == Some(&Value::Bool(true))))
}

async fn list(owner: &Owner<'_>, query: &Query) -> Result<Value, Error> {
    let limit = query.limit(USUAL_FILES, MOST_FILES)?;
    let ascending = match query.get("order") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return Err(wrong("order", "must be asc or desc")),
    };
    let purpose = query.get("purpose").map(str::to_owned);
    let mut after = query.get("after").map(str::to_owned);
    let mut data: Vec<Value> = Vec::new();
    loop {
        let left = limit.saturating_sub(u64::try_from(data.len()).unwrap_or(u64::MAX));
        let ask = Ask::Files { purpose: purpose.clone(), after, limit: left.min(PAGE), ascending };
        let (page, more) = files(owner, owner.shop().ask(&ask, Vec::new()).await?).await?;
        let none = page.is_empty();
        data.extend(page);
        after = data.last().and_then(|file| file.get("id")).and_then(Value::as_str).map(str::to_owned);
        if none || !more || u64::try_from(data.len()).is_ok_and(|count| count >= limit) {
            return Ok(written::page(data, more));
        }
    }
}

/// Gives out what a file says, row by row.
async fn content(gateway: &Gateway, call: &Call, owner: &Owner<'_>, id: &str) -> Result<Answered, Error> {
    let mut lines = Lines::default();
    lines.add("content-type", "application/jsonl");
    add_common(gateway, call, None, &mut lines);
    if call.head.method() == "HEAD" {
        one(owner, id).await?;
        return Ok(call.respond(200, &lines, None));
    }
    let mut begun = None;
    let mut after = None;
    loop {
        let read = rows(owner, id, after).await;
        let (answered, bytes, last, more) = match (read, begun.take()) {
            (Ok((bytes, last, more)), Some(answered)) => (answered, bytes, last, more),
            // Small ones go out in one piece.
            (Ok((bytes, _, false)), None) => return Ok(call.respond(200, &lines, Some(bytes))),
            (Ok((bytes, last, more)), None) => (call.open_stream(200, &lines), bytes, last, more),
            (Err(error), None) => return Err(error),
            (Err(_), Some(answered)) => {
                // Half a file must not look whole.
                call.end(None, true).await;
                return Ok(answered);
            }
        };
        if !call.write(bytes).await {
            return Ok(answered);
        }
        if !more {
            call.end(None, false).await;
            return Ok(answered);
        }
        begun = Some(answered);
        after = last;
    }
}

async fn rows(owner: &Owner<'_>, id: &str, after: Option<u64>) -> Result<(Vec<u8>, Option<u64>, bool), Error> {
    let (reply, bytes) = owner.shop().ask(&Ask::Rows { file: id.to_owned(), after }, Vec::new()).await?;
    let reply = Rows::read(&reply).ok_or_else(|| unknown(id))?;
    let last = reply.rows.last().map(|(row, _)| *row);
    let names = reply.rows.iter().map(|(row, size)| (format!("{} {row}", reply.of), *size)).collect();
    let opened = owner.call.unseal_all(names, bytes, owner.sealing()?).await.ok_or_else(|| {
        let message = "The file can no longer be read: the tenant's stored data was erased, or EDGE_SECRET was replaced.";
        refusal(410, "file_unreadable", "file_id", message)
    })?;
    Ok((opened.concat(), last, reply.more))
}

/// A file that comes.
struct Coming<'u, 'c> {
    owner: &'u Owner<'c>,
    id: String,
    cutter: Cutter,
    waiting: Vec<Part>,
    parts: u64,
    lines: u64,
    size: u64,
}

impl Coming<'_, '_> {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.size > LARGEST_FILE {
            let message = format!("The file is larger than {LARGEST_FILE} bytes. Split it.");
            return Err(refusal(413, "file_too_large", "file", message));
        }
        let full = self.cutter.feed(bytes).map_err(|_| {
            let line = self.lines.saturating_add(1);
            let message = format!("A line behind line {line} is longer than {LONGEST_LINE} bytes. Each line holds one request.");
            refusal(400, "line_too_long", "file", message)
        })?;
        self.lines = full.iter().fold(self.lines, |lines, part| lines.saturating_add(part.lines));
        self.waiting.extend(full);
        if self.waiting.iter().map(|part| part.bytes.len()).sum::<usize>() >= SENT_BYTES { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), Error> {
        if self.lines > MOST_LINES {
            let message = format!("The file has more than {MOST_LINES} lines. Split it.");
            return Err(refusal(400, "too_many_lines", "file", message));
        }
        let parts = std::mem::take(&mut self.waiting);
        if parts.is_empty() {
            return Ok(());
        }
        let values =
            (self.parts.saturating_add(1)..).zip(&parts).map(|(number, part)| (format!("{} {number}", self.id), part.bytes.as_slice()));
        let sealed = self.owner.call.seal_all(values.collect(), self.owner.sealing()?).await.ok_or_else(unsealed)?;
        let size = |part: &Part| u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        let told = parts.iter().zip(&sealed).map(|(part, sealed)| (part.lines, size(part), sealed.len())).collect();
        let (said, _) = self.owner.shop().ask(&Ask::PutParts { file: self.id.clone(), parts: told }, sealed.concat()).await?;
        self.parts = said.get("parts").and_then(Value::as_u64).ok_or_else(broken)?;
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Error> {
        if let Some(part) = std::mem::take(&mut self.cutter).finish() {
            self.lines = self.lines.saturating_add(part.lines);
            self.waiting.push(part);
        }
        self.send().await
    }
}

fn broken() -> Error {
    refusal(400, "broken_body", "body", "The upload broke off, or took longer than an hour. Send it again.")
}

/// Takes some of an upload that is refused, and lets it go: a client that is still sending would not read the answer.
async fn drain(call: &Call) {
    for _ in 0..MOST_DRAINED {
        if !matches!(call.piece().await, Ok(Some(_))) {
            return;
        }
    }
}

async fn upload(gateway: &Gateway, call: &Call, owner: &Owner<'_>) -> Result<Answered, Error> {
    if call.head.header(ReadHeader::ContentEncoding).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        let message = "The body of this request may not be compressed.";
        return Err(refusal(415, "unsupported_content_encoding", "content-encoding", message));
    }
    let form = Form::of(call.head.header(ReadHeader::ContentType).unwrap_or_default()).ok_or_else(|| {
        let message = "The body must be a form with a file: `multipart/form-data` with `file` and `purpose`.";
        refusal(415, "unsupported_media_type", "content-type", message)
    })?;
    let (begun, _) = owner.shop().ask(&Ask::BeginFile, Vec::new()).await?;
    let id = begun.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut coming = Coming { owner, id: id.clone(), cutter: Cutter::default(), waiting: Vec::new(), parts: 0, lines: 0, size: 0 };
    match taken(call, form, &mut coming).await {
        Ok(()) => {}
        Err(error) => {
            drain(call).await;
            // It is removed within an hour if this fails.
            let _removed = owner.shop().ask(&Ask::DeleteFile { id }, Vec::new()).await;
            return Err(error);
        }
    }
    owner.post("file_created", json!({"file": id, "bytes": coming.size, "lines": coming.lines}));
    let known = one(owner, &id).await?;
    Ok(tell(gateway, call, 200, &known))
}

/// Takes the form to its end, and the file into the store.
async fn taken(call: &Call, mut form: Form, coming: &mut Coming<'_, '_>) -> Result<(), Error> {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    let mut filename: Option<String> = None;
    let mut in_file = false;
    while let Some(piece) = call.piece().await.map_err(|_| broken())? {
        for event in form.feed(&piece).map_err(|_| malformed())? {
            match event {
                Piece::Field { name, filename: given } if name == "file" => {
                    if filename.is_some() {
                        return Err(refusal(400, "wrong_value", "file", "`file` stands twice: upload one file at a time."));
                    }
                    filename = Some(given.unwrap_or_else(|| "file.jsonl".to_owned()));
                    in_file = true;
                }
                Piece::Field { name, .. } => {
                    if !["purpose", "expires_after[anchor]", "expires_after[seconds]"].contains(&&*name) {
                        let shown: String = name.chars().take(64).collect();
                        let message = format!("The field `{shown}` is not known here. Use file, purpose and expires_after.");
                        return Err(Error::invalid("unknown_field", shown, message));
                    }
                    fields.push((name, Vec::new()));
                    in_file = false;
                }
                Piece::Bytes(bytes) if in_file => coming.take(&bytes).await?,
                Piece::Bytes(bytes) => {
                    if let Some((name, value)) = fields.last_mut() {
                        value.extend(bytes);
                        if value.len() > LONGEST_FIELD {
                            return Err(wrong(name, "is too long"));
                        }
                    }
                }
                Piece::End => in_file = false,
            }
        }
    }
    if !form.is_done() {
        return Err(malformed());
    }
    let text = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
    };
    let Some(filename) = filename else { return Err(missing("file")) };
    match text("purpose").as_deref() {
        Some("batch") => {}
        None => return Err(missing("purpose")),
        Some(_) => return Err(wrong("purpose", "must be batch: files are for batches here")),
    }
    let seconds = match text("expires_after[seconds]") {
        Some(text) => Some(text.parse().map_err(|_| wrong("expires_after[seconds]", "must be a whole number"))?),
        None => None,
    };
    let kept = kept_seconds(text("expires_after[anchor]").as_deref(), seconds, "expires_after")?;
    coming.finish().await?;
    let owner = coming.owner;
    let kept_ms = owner.kept_ms(kept);
    let filename: String = filename.chars().take(255).collect();
    let head = owner.sealed(&coming.id, &json!({"filename": filename})).await?;
    let (said, _) = owner.shop().ask(&Ask::EndFile { file: coming.id.clone(), kept_ms }, head).await?;
    if said.get("error").is_some() { Err(broken()) } else { Ok(()) }
}

fn missing(field: &'static str) -> Error {
    Error::invalid("missing_field", field, format!("`{field}` is missing in the form: give it."))
}

fn malformed() -> Error {
    refusal(400, "broken_form", "body", "The body is not the form that its content type says, or broke off. Send it again.")
}
