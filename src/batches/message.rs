//! What a Worker and a tenant's store say to each other. Bytes that belong to a message or a reply go beside it; they are sealed, so a store
//! knows sizes, times and counts, and nothing of what a file says.
//!
//! `wire` has how all of it is written, and read again.

mod wire;

pub use wire::{flag, number, object, text};

use crate::admission::record::Region;
use crate::campaigns::message::Asked;

/// What a store is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A file is about to come.
    BeginFile,
    /// Further parts of a file that comes: for each its lines, its bytes, and its bytes as they lie beside the message.
    PutParts {
        /// The file.
        file: String,
        /// The parts, in order.
        parts: Vec<(u64, u64, usize)>,
    },
    /// A file has come. Beside: its name.
    EndFile {
        /// The file.
        file: String,
        /// For how long it is kept from its creation on, in ms.
        kept_ms: u64,
    },
    /// A file.
    File {
        /// Its id.
        id: String,
    },
    /// Files, the newest first unless said otherwise.
    Files {
        /// Those of a purpose.
        purpose: Option<String>,
        /// Those behind this one.
        after: Option<String>,
        /// How many.
        limit: u64,
        /// The oldest first.
        ascending: bool,
    },
    /// Removes a file, unless an open batch needs it.
    DeleteFile {
        /// Its id.
        id: String,
    },
    /// The rows of a file behind one, as many as fit.
    Rows {
        /// The file.
        file: String,
        /// The last row that is known; none at the beginning.
        after: Option<u64>,
    },
    /// A batch. Beside: what its owner has written to it.
    CreateBatch(NewBatch),
    /// A batch.
    Batch {
        /// Its id.
        id: String,
    },
    /// Batches, the newest first.
    Batches {
        /// Those behind this one.
        after: Option<String>,
        /// How many.
        limit: u64,
    },
    /// Ends a batch before its end.
    Cancel {
        /// Its id.
        id: String,
    },
    /// Takes a part to work on.
    Lease {
        /// The batch.
        batch: String,
        /// The part; 0 for the check of all lines.
        part: u64,
        /// For how long, in ms.
        lease_ms: u64,
    },
    /// How the check of the lines went.
    Plan {
        /// The batch.
        batch: String,
        /// The parts that have calls, with their number.
        parts: Vec<(u64, u64)>,
        /// What is wrong.
        errors: Vec<LineError>,
    },
    /// What became of some lines. Beside: the lines that tell it.
    Results {
        /// The batch.
        batch: String,
        /// The part.
        part: u64,
        /// The lease.
        lease: String,
        /// For how much longer the part is needed, in ms.
        lease_ms: u64,
        /// The lines.
        rows: Vec<ResultRow>,
    },
    /// Gives a part back before its end.
    GiveBack {
        /// The batch.
        batch: String,
        /// The part.
        part: u64,
        /// The lease.
        lease: String,
        /// How long to wait, in ms: the batch waits as long.
        wait_ms: u64,
    },
    /// Ends a batch that cannot go on: what is left of its lines gets this error.
    Stop {
        /// The batch.
        batch: String,
        /// For programs.
        code: String,
        /// For people.
        message: String,
        /// Whether the lines can no longer be read, so that none of them gets anything.
        unreadable: bool,
    },
    /// Sends what is overdue, and starts what waits for the hours if these are they.
    Tick {
        /// Whether these are the hours.
        off_peak: bool,
    },
    /// Something of campaigns.
    Campaign(Asked),
    /// Removes every file and result, and ends every batch.
    Erase {
        /// The batches too.
        all: bool,
    },
    /// To the gateway's own store: a tenant has an open batch.
    Remember {
        /// The tenant.
        tenant: String,
        /// Where its store is.
        region: Option<Region>,
    },
    /// To the gateway's own store: which tenants have open batches?
    Remembered,
    /// To the gateway's own store: a tenant had none.
    Forget {
        /// The tenant.
        tenant: String,
        /// When it had none, in ms since 1970.
        before_ms: u64,
    },
}

/// A batch that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch {
    /// Whose.
    pub tenant: String,
    /// Where its store is.
    pub region: Option<Region>,
    /// SHA-256 of the key that asks, in hexadecimal digits: the lines are its calls.
    pub key: String,
    /// What the lines ask for.
    pub endpoint: String,
    /// The file that they are in.
    pub input_file: String,
    /// How long it may take, as its owner wrote it.
    pub window: String,
    /// The same, in ms.
    pub window_ms: u64,
    /// How long its results are kept, in ms.
    pub kept_ms: u64,
    /// When the hours that it waits for begin at the latest, in ms since 1970, if it waits.
    pub starts_ms: Option<u64>,
}

/// What is wrong with a line, or with all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
    /// The line, counted from 1.
    pub line: Option<u64>,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// Its number in the file.
    pub line: u64,
    /// Whether it was answered as it should be.
    pub ok: bool,
    /// The bytes of the line that tells it.
    pub size: u64,
    /// The same, sealed: as they lie beside the message.
    pub sealed: usize,
}

/// How a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Its lines are being checked, or it waits for its hours.
    #[default]
    Validating,
    /// Its lines are being asked.
    InProgress,
    /// Its results are being put together.
    Finalizing,
    /// Every line was asked.
    Completed,
    /// It could not begin, or not go on.
    Failed,
    /// It is being cancelled.
    Cancelling,
    /// It was cancelled.
    Cancelled,
    /// Its time was over before its end.
    Expired,
}

impl Status {
    /// All of them.
    const ALL: [Self; 8] = [
        Self::Validating,
        Self::InProgress,
        Self::Finalizing,
        Self::Completed,
        Self::Failed,
        Self::Cancelling,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Its name, as OpenAI's clients know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether it will stay so.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
    }
}

/// How a batch ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// What it will be.
    pub end: Status,
    /// What the lines that were not asked get: for programs.
    pub code: String,
    /// And for people.
    pub message: String,
}

/// A batch, as its store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// What was asked for.
    pub asked: NewBatch,
    /// How it is.
    pub status: Status,
    /// When it was made, in ms since 1970; and so the others.
    pub created_ms: u64,
    /// When it must be at its end.
    pub expires_ms: u64,
    /// Since when its lines are asked.
    pub in_progress_ms: Option<u64>,
    /// Since when results are put together.
    pub finalizing_ms: Option<u64>,
    /// Since when it is being cancelled.
    pub cancelling_ms: Option<u64>,
    /// When it was at its end, whichever that is.
    pub ended_ms: Option<u64>,
    /// The file of answers.
    pub output_file: Option<String>,
    /// The file of errors.
    pub error_file: Option<String>,
    /// Its lines.
    pub total: u64,
    /// Those that were answered.
    pub completed: u64,
    /// Those that were not.
    pub failed: u64,
    /// What is wrong with its lines, or why it could not go on.
    pub errors: Vec<LineError>,
    /// How it ends before its end.
    pub closing: Option<Closing>,
    /// Until when it waits for room in a rate limit.
    pub paused_ms: u64,
}

/// A part as it is taken to be worked on; beside the reply, the sealed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The lease.
    pub lease: String,
    /// The batch.
    pub batch: Record,
    /// How many parts the file has.
    pub parts: u64,
    /// The number of the part's first line.
    pub first_line: u64,
    /// The lines whose results are there.
    pub done: Vec<u64>,
}

/// What a store says to results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How the batch ends before its end, if it does.
    pub closing: Option<Closing>,
    /// Whether somebody else has the part, or nobody needs it.
    pub stop: bool,
}

/// A message of the queue: what is to be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The tenant.
    pub tenant: String,
    /// Where its store is.
    pub region: Option<Region>,
    /// The batch.
    pub batch: String,
    /// The part.
    pub part: u64,
}

/// Rows of a file, as a store gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Whose they are: the file's, or the batch's whose results they are.
    pub of: String,
    /// For each its number, and its bytes as they lie beside.
    pub rows: Vec<(u64, usize)>,
    /// Whether there are more.
    pub more: bool,
}
