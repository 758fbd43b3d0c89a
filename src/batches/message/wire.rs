//! Messages, replies and what is kept of batches as JSON: written and read by hand, because derived code for all of it would be a tenth of the
//! Worker.

use serde_json::{Map, Value};

use super::{Ask, Closing, Lease, LineError, NewBatch, Record, ResultRow, Rows, Status, Taken, Work};
use crate::admission::record::Region;
use crate::campaigns::message::Asked;

/// An object of these members.
pub fn object(members: Vec<(&'static str, Value)>) -> Value {
    let mut map = Map::new();
    for (name, value) in members {
        map.insert(name.to_owned(), value);
    }
    Value::Object(map)
}

/// A member that is a text.
pub fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// A member that is a whole number.
pub fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.as_u64()
}

/// A member that is true; what is absent is not.
pub fn flag(value: &Value, name: &str) -> bool {
    value.get(name) == Some(&Value::Bool(true))
}

fn listed<T>(value: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.get(name)?.as_array()?.iter().map(read).collect()
}

fn written_list<T>(values: &[T], write: impl Fn(&T) -> Value) -> Value {
    Value::Array(values.iter().map(write).collect())
}

/// A row of numbers.
fn row(value: &Value) -> Option<Vec<u64>> {
    value.as_array()?.iter().map(Value::as_u64).collect()
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

fn region(value: &Value) -> Option<Region> {
    value.get("region").and_then(Value::as_str).and_then(Region::named)
}

fn written_region(region: Option<Region>) -> Value {
    region.map(Region::jurisdiction).into()
}

impl Ask {
    /// The message as JSON: `{"ask": name, …}`.
    pub fn written(&self) -> Value {
        let members = match self {
            Self::BeginFile => vec![("ask", "begin_file".into())],
            Self::PutParts { file, parts } => {
                let parts = written_list(parts, |(lines, bytes, sealed)| Value::from(vec![*lines, *bytes, wide(*sealed)]));
                vec![("ask", "put_parts".into()), ("file", file.as_str().into()), ("parts", parts)]
            }
            Self::EndFile { file, kept_ms } => {
                vec![("ask", "end_file".into()), ("file", file.as_str().into()), ("kept_ms", (*kept_ms).into())]
            }
            Self::File { id } => vec![("ask", "file".into()), ("id", id.as_str().into())],
            Self::Files { purpose, after, limit, ascending } => vec![
                ("ask", "files".into()),
                ("purpose", purpose.as_deref().into()),
                ("after", after.as_deref().into()),
                ("limit", (*limit).into()),
                ("ascending", (*ascending).into()),
            ],
            Self::DeleteFile { id } => vec![("ask", "delete_file".into()), ("id", id.as_str().into())],
            Self::Rows { file, after } => vec![("ask", "rows".into()), ("file", file.as_str().into()), ("after", (*after).into())],
            Self::CreateBatch(asked) => vec![("ask", "create_batch".into()), ("batch", asked.written())],
            Self::Batch { id } => vec![("ask", "batch".into()), ("id", id.as_str().into())],
            Self::Batches { after, limit } => {
                vec![("ask", "batches".into()), ("after", after.as_deref().into()), ("limit", (*limit).into())]
            }
            Self::Cancel { id } => vec![("ask", "cancel".into()), ("id", id.as_str().into())],
            Self::Lease { batch, part, lease_ms } => {
                vec![("ask", "lease".into()), ("id", batch.as_str().into()), ("part", (*part).into()), ("lease_ms", (*lease_ms).into())]
            }
            Self::Plan { batch, parts, errors } => vec![
                ("ask", "plan".into()),
                ("id", batch.as_str().into()),
                ("parts", written_list(parts, |(part, lines)| Value::from(vec![*part, *lines]))),
                ("errors", written_list(errors, LineError::written)),
            ],
            Self::Results { batch, part, lease, lease_ms, rows } => vec![
                ("ask", "results".into()),
                ("id", batch.as_str().into()),
                ("part", (*part).into()),
                ("lease", lease.as_str().into()),
                ("lease_ms", (*lease_ms).into()),
                ("rows", written_list(rows, |row| Value::from(vec![row.line, u64::from(row.ok), row.size, wide(row.sealed)]))),
            ],
            Self::GiveBack { batch, part, lease, wait_ms } => vec![
                ("ask", "give_back".into()),
                ("id", batch.as_str().into()),
                ("part", (*part).into()),
                ("lease", lease.as_str().into()),
                ("wait_ms", (*wait_ms).into()),
            ],
            Self::Stop { batch, code, message, unreadable } => vec![
                ("ask", "stop".into()),
                ("id", batch.as_str().into()),
                ("code", code.as_str().into()),
                ("message", message.as_str().into()),
                ("unreadable", (*unreadable).into()),
            ],
            Self::Tick { off_peak } => vec![("ask", "tick".into()), ("off_peak", (*off_peak).into())],
            Self::Campaign(asked) => vec![("ask", "campaign".into()), ("asked", asked.written())],
            Self::Erase { all } => vec![("ask", "erase".into()), ("all", (*all).into())],
            Self::Remember { tenant, region } => {
                vec![("ask", "remember".into()), ("tenant", tenant.as_str().into()), ("region", written_region(*region))]
            }
            Self::Remembered => vec![("ask", "remembered".into())],
            Self::Forget { tenant, before_ms } => {
                vec![("ask", "forget".into()), ("tenant", tenant.as_str().into()), ("before_ms", (*before_ms).into())]
            }
        };
        object(members)
    }

    /// Reads a message; none when it is none, or lacks something.
    pub fn read(value: &Value) -> Option<Self> {
        let id = || text(value, "id");
        let file = || text(value, "file");
        let part = || number(value, "part");
        Some(match value.get("ask")?.as_str()? {
            "begin_file" => Self::BeginFile,
            "put_parts" => {
                let part = |value: &Value| match *row(value)? {
                    [lines, bytes, sealed] => Some((lines, bytes, size(sealed))),
                    _ => None,
                };
                Self::PutParts { file: file()?, parts: listed(value, "parts", part)? }
            }
            "end_file" => Self::EndFile { file: file()?, kept_ms: number(value, "kept_ms")? },
            "file" => Self::File { id: id()? },
            "files" => Self::Files {
                purpose: text(value, "purpose"),
                after: text(value, "after"),
                limit: number(value, "limit")?,
                ascending: flag(value, "ascending"),
            },
            "delete_file" => Self::DeleteFile { id: id()? },
            "rows" => Self::Rows { file: file()?, after: number(value, "after") },
            "create_batch" => Self::CreateBatch(NewBatch::read(value.get("batch")?)?),
            "batch" => Self::Batch { id: id()? },
            "batches" => Self::Batches { after: text(value, "after"), limit: number(value, "limit")? },
            "cancel" => Self::Cancel { id: id()? },
            "lease" => Self::Lease { batch: id()?, part: part()?, lease_ms: number(value, "lease_ms")? },
            "plan" => {
                let part = |value: &Value| match *row(value)? {
                    [part, lines] => Some((part, lines)),
                    _ => None,
                };
                Self::Plan { batch: id()?, parts: listed(value, "parts", part)?, errors: listed(value, "errors", LineError::read)? }
            }
            "results" => {
                let result = |value: &Value| match *row(value)? {
                    [line, ok, bytes, sealed] => Some(ResultRow { line, ok: ok == 1, size: bytes, sealed: size(sealed) }),
                    _ => None,
                };
                Self::Results {
                    batch: id()?,
                    part: part()?,
                    lease: text(value, "lease")?,
                    lease_ms: number(value, "lease_ms")?,
                    rows: listed(value, "rows", result)?,
                }
            }
            "give_back" => Self::GiveBack { batch: id()?, part: part()?, lease: text(value, "lease")?, wait_ms: number(value, "wait_ms")? },
            "stop" => Self::Stop {
                batch: id()?,
                code: text(value, "code")?,
                message: text(value, "message")?,
                unreadable: flag(value, "unreadable"),
            },
            "tick" => Self::Tick { off_peak: flag(value, "off_peak") },
            "campaign" => Self::Campaign(Asked::read(value.get("asked")?)?),
            "erase" => Self::Erase { all: flag(value, "all") },
            "remember" => Self::Remember { tenant: text(value, "tenant")?, region: region(value) },
            "remembered" => Self::Remembered,
            "forget" => Self::Forget { tenant: text(value, "tenant")?, before_ms: number(value, "before_ms")? },
            _ => return None,
        })
    }
}

impl NewBatch {
    fn written(&self) -> Value {
        object(vec![
            ("tenant", self.tenant.as_str().into()),
            ("region", written_region(self.region)),
            ("key", self.key.as_str().into()),
            ("endpoint", self.endpoint.as_str().into()),
            ("input_file", self.input_file.as_str().into()),
            ("window", self.window.as_str().into()),
            ("window_ms", self.window_ms.into()),
            ("kept_ms", self.kept_ms.into()),
            ("starts_ms", self.starts_ms.into()),
        ])
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            tenant: text(value, "tenant")?,
            region: region(value),
            key: text(value, "key")?,
            endpoint: text(value, "endpoint")?,
            input_file: text(value, "input_file")?,
            window: text(value, "window")?,
            window_ms: number(value, "window_ms")?,
            kept_ms: number(value, "kept_ms")?,
            starts_ms: number(value, "starts_ms"),
        })
    }
}

impl LineError {
    /// As clients read it.
    pub fn written(&self) -> Value {
        object(vec![
            ("code", self.code.as_str().into()),
            ("message", self.message.as_str().into()),
            ("param", self.param.as_deref().into()),
            ("line", self.line.into()),
        ])
    }

    fn read(value: &Value) -> Option<Self> {
        let (code, message) = (text(value, "code")?, text(value, "message")?);
        Some(Self { code, message, param: text(value, "param"), line: number(value, "line") })
    }
}

impl Closing {
    fn written(&self) -> Value {
        object(vec![("end", self.end.name().into()), ("code", self.code.as_str().into()), ("message", self.message.as_str().into())])
    }

    fn read(value: &Value) -> Option<Self> {
        let end = Status::named(value.get("end")?.as_str()?)?;
        Some(Self { end, code: text(value, "code")?, message: text(value, "message")? })
    }
}

impl Record {
    /// As it is kept, and told.
    pub fn written(&self) -> Value {
        object(vec![
            ("id", self.id.as_str().into()),
            ("asked", self.asked.written()),
            ("status", self.status.name().into()),
            ("created_ms", self.created_ms.into()),
            ("expires_ms", self.expires_ms.into()),
            ("in_progress_ms", self.in_progress_ms.into()),
            ("finalizing_ms", self.finalizing_ms.into()),
            ("cancelling_ms", self.cancelling_ms.into()),
            ("ended_ms", self.ended_ms.into()),
            ("output_file", self.output_file.as_deref().into()),
            ("error_file", self.error_file.as_deref().into()),
            ("total", self.total.into()),
            ("completed", self.completed.into()),
            ("failed", self.failed.into()),
            ("errors", written_list(&self.errors, LineError::written)),
            ("closing", self.closing.as_ref().map_or(Value::Null, Closing::written)),
            ("paused_ms", self.paused_ms.into()),
        ])
    }

    /// Reads it; none when it is of another version.
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            id: text(value, "id")?,
            asked: NewBatch::read(value.get("asked")?)?,
            status: Status::named(value.get("status")?.as_str()?)?,
            created_ms: number(value, "created_ms")?,
            expires_ms: number(value, "expires_ms")?,
            in_progress_ms: number(value, "in_progress_ms"),
            finalizing_ms: number(value, "finalizing_ms"),
            cancelling_ms: number(value, "cancelling_ms"),
            ended_ms: number(value, "ended_ms"),
            output_file: text(value, "output_file"),
            error_file: text(value, "error_file"),
            total: number(value, "total")?,
            completed: number(value, "completed")?,
            failed: number(value, "failed")?,
            errors: listed(value, "errors", LineError::read)?,
            closing: value.get("closing").and_then(Closing::read),
            paused_ms: number(value, "paused_ms")?,
        })
    }
}

impl Lease {
    /// As it is told.
    pub fn written(&self) -> Value {
        object(vec![
            ("lease", self.lease.as_str().into()),
            ("batch", self.batch.written()),
            ("parts", self.parts.into()),
            ("first_line", self.first_line.into()),
            ("done", self.done.clone().into()),
        ])
    }

    /// Reads it; none when there is nothing to do.
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            lease: text(value, "lease")?,
            batch: Record::read(value.get("batch")?)?,
            parts: number(value, "parts")?,
            first_line: number(value, "first_line")?,
            done: row(value.get("done")?)?,
        })
    }
}

impl Taken {
    /// As it is told.
    pub fn written(&self) -> Value {
        object(vec![("closing", self.closing.as_ref().map_or(Value::Null, Closing::written)), ("stop", self.stop.into())])
    }

    /// Reads it.
    pub fn read(value: &Value) -> Self {
        Self { closing: value.get("closing").and_then(Closing::read), stop: flag(value, "stop") }
    }
}

impl Work {
    /// As the queue has it.
    pub fn written(&self) -> Value {
        object(vec![
            ("tenant", self.tenant.as_str().into()),
            ("region", written_region(self.region)),
            ("batch", self.batch.as_str().into()),
            ("part", self.part.into()),
        ])
    }

    /// Reads it; none when it is none.
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self { tenant: text(value, "tenant")?, region: region(value), batch: text(value, "batch")?, part: number(value, "part")? })
    }
}

impl Rows {
    /// As they are told.
    pub fn written(&self) -> Value {
        let rows = written_list(&self.rows, |(number, sealed)| Value::from(vec![*number, wide(*sealed)]));
        object(vec![("of", self.of.as_str().into()), ("rows", rows), ("more", self.more.into())])
    }

    /// Reads them; none when there is no such file.
    pub fn read(value: &Value) -> Option<Self> {
        let pair = |value: &Value| match *row(value)? {
            [number, sealed] => Some((number, size(sealed))),
            _ => None,
        };
        Some(Self { of: text(value, "of")?, rows: listed(value, "rows", pair)?, more: flag(value, "more") })
    }
}
