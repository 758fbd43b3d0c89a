//! Batches: many calls in one file, made in the background (OpenAI's Files and Batch API).
//!
//! * [`multipart`] and [`lines`]: what an upload and a line say
//! * [`message`], [`store`], [`files`], [`work`]: a tenant's store: files, batches, the parts of them and who works on which
//! * [`outcome`] and [`written`]: what became of a line, and the line that tells it
//! * [`run`]: a part worked through, and what cron does
//! * [`object`]: the store's face towards `store.js`
//!
//! The store is the only one that sends to the queue, and a message names a part and nothing else. A part that nobody finishes within its
//! lease is sent again, so nothing depends on a message that was lost.

pub mod files;
pub mod lines;
pub mod message;
pub mod multipart;
pub mod object;
pub mod outcome;
pub mod run;
pub mod store;
pub mod work;
pub mod written;

/// The binding of the tenants' stores.
pub const STORE: &str = "STORE";
/// The binding of the queue of parts.
pub const QUEUE: &str = "BATCHES";

/// What a line may ask for: the resources that answer in one piece.
pub const ENDPOINTS: [&str; 12] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/posts",
    "/v1/posts/adapt",
    "/v1/posts/humanize",
    "/v1/posts/score",
    "/v1/posts/optimize",
    "/v1/posts/personalize",
    "/v1/posts/audio",
    "/v1/posts/video",
];

/// The largest file, in bytes: what Cloudflare takes in one request on every plan.
pub const LARGEST_FILE: u64 = 100_000_000;
/// The most lines of a file.
pub const MOST_LINES: u64 = 50_000;
/// The longest line, in bytes: a row of SQLite in a Durable Object holds 2 MB, and a part is a row.
pub const LONGEST_LINE: usize = 1_000_000;
/// The most lines of a part.
pub const PART_LINES: u64 = 25;
/// A part is full from so many bytes on.
pub const PART_BYTES: usize = 256 * 1024;
/// How long a file is kept, in seconds, unless its owner says otherwise, and at the longest: 30 days.
pub const KEPT_SECONDS: u64 = 30 * 24 * 3600;
