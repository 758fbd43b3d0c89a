//! What a Worker and a tenant's store say to each other of campaigns. Texts go beside, sealed; see `batches/message.rs`.

use serde_json::{Value, json};

use crate::batches::message::{number, text};
use crate::content::campaign::course::{Landed, Landing};

/// What a store is asked of campaigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A campaign. Beside: its plan.
    Create {
        /// Its course, before it has begun, as JSON.
        course: Value,
    },
    /// A campaign: its course, and beside its plan, its strategy and, if wanted, its posts.
    Show {
        /// Its id.
        id: String,
        /// Whether posts are wanted.
        posts: bool,
    },
    /// Campaigns, the newest first, with their plans beside.
    List {
        /// Those behind this one.
        after: Option<String>,
        /// How many.
        limit: u64,
    },
    /// What has happened.
    Events {
        /// The campaign.
        id: String,
        /// Behind this event.
        after: u64,
    },
    /// Ends a campaign; or removes it, if it has ended.
    Delete {
        /// Its id.
        id: String,
    },
    /// Brings work back, posts beside, and takes more.
    Claim {
        /// The campaign.
        id: String,
        /// For how long, in ms.
        lease_ms: u64,
        /// How many slots.
        room: u64,
        /// What is brought back, and the bytes of its post.
        landings: Vec<(Landing, usize)>,
    },
    /// Brings the strategy, beside.
    Planned {
        /// The campaign.
        id: String,
        /// The lease.
        lease: String,
        /// What came of it.
        landed: Landed,
    },
    /// Tells which posts say the same.
    Reviewed {
        /// The campaign.
        id: String,
        /// The lease.
        lease: String,
        /// A post, and the earlier one that it is like.
        alike: Vec<(usize, usize)>,
    },
    /// A campaign cannot go on.
    Stop {
        /// The campaign.
        id: String,
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
}

impl Asked {
    /// The message as JSON.
    pub fn written(&self) -> Value {
        match self {
            Self::Create { course } => json!({"do": "create", "course": course}),
            Self::Show { id, posts } => json!({"do": "show", "id": id, "posts": posts}),
            Self::List { after, limit } => json!({"do": "list", "after": after, "limit": limit}),
            Self::Events { id, after } => json!({"do": "events", "id": id, "after": after}),
            Self::Delete { id } => json!({"do": "delete", "id": id}),
            Self::Claim { id, lease_ms, room, landings } => {
                let landings: Vec<Value> = landings.iter().map(|(landing, sealed)| landing.written(*sealed)).collect();
                json!({"do": "claim", "id": id, "lease_ms": lease_ms, "room": room, "landings": landings})
            }
            Self::Planned { id, lease, landed } => json!({"do": "planned", "id": id, "lease": lease, "landed": landed.written()}),
            Self::Reviewed { id, lease, alike } => json!({"do": "reviewed", "id": id, "lease": lease, "alike": alike}),
            Self::Stop { id, code, message } => json!({"do": "stop", "id": id, "code": code, "message": message}),
        }
    }

    /// Reads a message; none when it is none, or lacks something.
    pub fn read(value: &Value) -> Option<Self> {
        let id = || text(value, "id");
        let lease = || text(value, "lease");
        Some(match value.get("do")?.as_str()? {
            "create" => Self::Create { course: value.get("course")?.clone() },
            "show" => Self::Show { id: id()?, posts: value.get("posts")?.as_bool()? },
            "list" => Self::List { after: text(value, "after"), limit: number(value, "limit")? },
            "events" => Self::Events { id: id()?, after: number(value, "after")? },
            "delete" => Self::Delete { id: id()? },
            "claim" => Self::Claim {
                id: id()?,
                lease_ms: number(value, "lease_ms")?,
                room: number(value, "room")?,
                landings: value.get("landings")?.as_array()?.iter().map(Landing::read).collect::<Option<_>>()?,
            },
            "planned" => Self::Planned { id: id()?, lease: lease()?, landed: Landed::read(value.get("landed")?)? },
            "reviewed" => {
                let place = |value: Option<&Value>| usize::try_from(value?.as_u64()?).ok();
                let pair = |pair: &Value| Some((place(pair.get(0))?, place(pair.get(1))?));
                Self::Reviewed {
                    id: id()?,
                    lease: lease()?,
                    alike: value.get("alike")?.as_array()?.iter().map(pair).collect::<Option<_>>()?,
                }
            }
            "stop" => Self::Stop { id: id()?, code: text(value, "code")?, message: text(value, "message")? },
            _ => return None,
        })
    }
}
