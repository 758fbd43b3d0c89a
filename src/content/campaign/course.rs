//! How a campaign goes on: strategy, posts, a look at all of them, the end. Who works on what, what that may cost, what is tried again.
//!
//! Nothing here knows a text. A piece of work is leased for some time; what is not brought back by then is given to another, and the money
//! that it may have cost counts as spent. So the budget holds whatever is lost, and each slot ends once.

mod steps;

/// How often a slot is tried, and the strategy.
pub const TRIES: u8 = 3;
/// How many posts one worker writes at the same time: an invocation has six connections, and one is the store's and the ledger's.
pub const AT_ONCE: u64 = 5;
/// The most workers of a campaign.
const MOST_WORKERS: u64 = 8;
/// How long a message may wait in the queue before it counts as lost, in ms.
const SENT_MS: u64 = 30_000;
/// The wait before the second try, in ms; it is four times as long before each further one.
const AGAIN_MS: u64 = 2_000;
/// How long a campaign may take, in ms: a day.
pub const LONGEST_MS: u64 = 86_400_000;

/// How a campaign is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nobody has begun.
    #[default]
    Queued,
    /// It is being worked on.
    Running,
    /// It has come to its end, and there are posts.
    Completed,
    /// It has come to its end, and there are none; or it could not go on.
    Failed,
    /// Its owner has ended it.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it will stay so.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The strategy is asked for.
    #[default]
    Planning,
    /// Posts are written.
    Writing,
    /// All posts are looked at: which of them say the same?
    Reviewing,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Planning, Self::Writing, Self::Reviewing];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Writing => "writing",
            Self::Reviewing => "reviewing",
        }
    }
}

/// What has become of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Its post is to be written, or is being written while there is a lease.
    #[default]
    Waiting,
    /// There is a post.
    Ready,
    /// It was tried as often as it may be.
    Failed,
    /// The budget had no room for it.
    Skipped,
    /// The campaign was ended before.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Ready, Self::Failed, Self::Skipped, Self::Cancelled];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "queued",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A piece of work that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub id: String,
    /// Until when, in ms since 1970.
    pub until_ms: u64,
    /// What it may cost, in micro-dollars.
    pub held: u64,
}

/// One post of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// What has become of it.
    pub state: State,
    /// How often it was begun.
    pub tries: u8,
    /// Not to be begun before, in ms since 1970.
    pub not_before_ms: u64,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// What it has cost, in micro-dollars.
    pub spent: u64,
    /// Why it failed or was skipped, or why its post is not what was asked for.
    pub code: Option<String>,
    /// The post that it is to be written anew against.
    pub unlike: Option<usize>,
    /// Whether it was written anew.
    pub rewritten: bool,
    /// The earlier post that says the same.
    pub duplicate_of: Option<usize>,
    /// Whether there is a post.
    pub written: bool,
}

/// What came of a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// What was asked for.
    Done {
        /// What it cost, in micro-dollars; none when a price is unknown.
        cost: Option<u64>,
        /// Why it is not quite what was asked for.
        degraded: Option<String>,
    },
    /// Nothing that is of use.
    Failed {
        /// Why.
        code: String,
        /// Whether it may be better the next time.
        again: bool,
        /// What it cost, in micro-dollars; none when that is unknown, and may be all that was held.
        cost: Option<u64>,
    },
    /// There is no room in a rate limit for so many ms.
    Wait {
        /// How long.
        ms: u64,
        /// What it cost before that was found, in micro-dollars.
        cost: u64,
    },
    /// The key is no longer accepted.
    Refused,
}

/// A piece of work that is brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The slot.
    pub slot: usize,
    /// Its lease.
    pub lease: String,
    /// What came of it.
    pub landed: Landed,
}

/// What a worker is to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Ask for the strategy.
    Plan,
    /// Write these slots' posts.
    Write(Vec<usize>),
    /// Look at all posts.
    Review,
    /// Nothing for now.
    Rest,
    /// Nothing any more.
    Stop,
}

/// Something that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The status is another.
    Status,
    /// There is a strategy.
    Strategy,
    /// A slot has a post, or another one than before.
    Post(usize),
    /// A slot has ended without one.
    SlotFailed(usize),
    /// Some slots have come to an end.
    Progress,
}

/// How a campaign goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// The jurisdiction of the tenant's store, if it has one.
    pub region: Option<String>,
    /// SHA-256 of the key that asks, in hexadecimal digits: all calls are its calls.
    pub key: String,
    /// The most that it may cost, in micro-dollars.
    pub budget: Option<u64>,
    /// What is held for the strategy, and for a post, in micro-dollars: the most that one may cost.
    pub holds: (u64, u64),
    /// How long it is kept from its end on, in ms.
    pub kept_ms: u64,
    /// When it was made, in ms since 1970; and so the others.
    pub created_ms: u64,
    /// When somebody began.
    pub started_ms: Option<u64>,
    /// Since when posts are written.
    pub writing_ms: Option<u64>,
    /// When it came to its end.
    pub ended_ms: Option<u64>,
    /// How it is.
    pub status: Status,
    /// What is being done.
    pub phase: Phase,
    /// Who asks for the strategy, or looks at the posts.
    pub desk: Option<Lease>,
    /// How often that was begun.
    pub desk_tries: u8,
    /// Whether posts were written anew.
    pub revised: bool,
    /// What it has cost, in micro-dollars.
    pub spent: u64,
    /// Whether something had no known price: then `spent` is not all.
    pub unpriced: bool,
    /// Its posts.
    pub slots: Vec<Slot>,
    /// Why it failed: for programs, and for people.
    pub error: Option<(String, String)>,
    /// Until when it waits for room in a rate limit, in ms since 1970.
    pub paused_ms: u64,
    /// Until when messages to the queue count as under way.
    pub sent_ms: u64,
    /// What has happened and was not told yet.
    pub news: Vec<News>,
    /// How many messages the queue is to get.
    pub messages: u64,
}

/// How many slots are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those with a post.
    pub ready: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those for which there was no room in the budget.
    pub skipped: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// Those that wait.
    pub queued: u64,
    /// Those that are being written.
    pub running: u64,
    /// Of those with a post, the ones that say what an earlier one says.
    pub duplicates: u64,
    /// Of those with a post, the ones that are not quite what was asked for.
    pub degraded: u64,
}

enum Room {
    Enough,
    Later,
    Never,
}
