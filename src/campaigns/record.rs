//! A course as it is kept: JSON, written and read by hand, for derived code is several times as long.

use serde_json::{Value, json};

use crate::batches::message::{flag, number, text};
use crate::content::campaign::course::{Course, Landed, Landing, Lease, Phase, Slot, State, Status};

fn place(value: Option<&Value>) -> Option<usize> {
    value.and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok())
}

fn lease(value: Option<&Value>) -> Option<Lease> {
    let value = value.filter(|value| !value.is_null())?;
    Some(Lease { id: value.get(0)?.as_str()?.to_owned(), until_ms: value.get(1)?.as_u64()?, held: value.get(2)?.as_u64()? })
}

fn written_lease(lease: Option<&Lease>) -> Value {
    lease.map_or(Value::Null, |lease| json!([lease.id, lease.until_ms, lease.held]))
}

fn slot(value: &Value) -> Option<Slot> {
    let number = |at: usize| value.get(at).and_then(Value::as_u64);
    let name = value.get(0)?.as_str()?;
    Some(Slot {
        state: State::ALL.into_iter().find(|state| state.name() == name)?,
        tries: u8::try_from(number(1)?).ok()?,
        not_before_ms: number(2)?,
        lease: lease(value.get(3)),
        spent: number(4)?,
        code: value.get(5).and_then(Value::as_str).map(str::to_owned),
        unlike: place(value.get(6)),
        rewritten: number(7)? == 1,
        duplicate_of: place(value.get(8)),
        written: number(9)? == 1,
    })
}

fn written_slot(slot: &Slot) -> Value {
    json!([
        slot.state.name(),
        slot.tries,
        slot.not_before_ms,
        written_lease(slot.lease.as_ref()),
        slot.spent,
        slot.code,
        slot.unlike,
        u8::from(slot.rewritten),
        slot.duplicate_of,
        u8::from(slot.written),
    ])
}

impl Course {
    /// As it is kept, and told. News and messages are not: they are told at once.
    pub fn written(&self) -> Value {
        json!({
            "id": self.id, "tenant": self.tenant, "region": self.region, "key": self.key, "budget": self.budget,
            "plan_hold": self.holds.0, "slot_hold": self.holds.1, "kept_ms": self.kept_ms, "created_ms": self.created_ms,
            "started_ms": self.started_ms, "writing_ms": self.writing_ms, "ended_ms": self.ended_ms, "status": self.status.name(),
            "phase": self.phase.name(), "desk": written_lease(self.desk.as_ref()), "desk_tries": self.desk_tries, "revised": self.revised,
            "spent": self.spent, "unpriced": self.unpriced, "slots": self.slots.iter().map(written_slot).collect::<Vec<_>>(),
            "error": self.error.as_ref().map(|(code, message)| json!([code, message])), "paused_ms": self.paused_ms, "sent_ms": self.sent_ms,
        })
    }

    /// Reads it; none when it is of another version.
    pub fn read(value: &Value) -> Option<Self> {
        let status = text(value, "status")?;
        let phase = text(value, "phase")?;
        let error = value.get("error").filter(|error| !error.is_null());
        Some(Self {
            id: text(value, "id")?,
            tenant: text(value, "tenant")?,
            region: text(value, "region"),
            key: text(value, "key")?,
            budget: number(value, "budget"),
            holds: (number(value, "plan_hold")?, number(value, "slot_hold")?),
            kept_ms: number(value, "kept_ms")?,
            created_ms: number(value, "created_ms")?,
            started_ms: number(value, "started_ms"),
            writing_ms: number(value, "writing_ms"),
            ended_ms: number(value, "ended_ms"),
            status: Status::ALL.into_iter().find(|known| known.name() == status)?,
            phase: Phase::ALL.into_iter().find(|known| known.name() == phase)?,
            desk: lease(value.get("desk")),
            desk_tries: u8::try_from(number(value, "desk_tries")?).ok()?,
            revised: flag(value, "revised"),
            spent: number(value, "spent")?,
            unpriced: flag(value, "unpriced"),
            slots: value.get("slots")?.as_array()?.iter().map(slot).collect::<Option<_>>()?,
            error: match error {
                Some(error) => Some((error.get(0)?.as_str()?.to_owned(), error.get(1)?.as_str()?.to_owned())),
                None => None,
            },
            paused_ms: number(value, "paused_ms")?,
            sent_ms: number(value, "sent_ms")?,
            news: Vec::new(),
            messages: 0,
        })
    }
}

impl Landed {
    /// As it is told.
    pub fn written(&self) -> Value {
        match self {
            Self::Done { cost, degraded } => json!({"done": true, "cost": cost, "degraded": degraded}),
            Self::Failed { code, again, cost } => json!({"code": code, "again": again, "cost": cost}),
            Self::Wait { ms, cost } => json!({"wait_ms": ms, "cost": cost}),
            Self::Refused => json!({"refused": true}),
        }
    }

    /// Reads it; none when it is none.
    pub fn read(value: &Value) -> Option<Self> {
        let cost = number(value, "cost");
        if flag(value, "done") {
            return Some(Self::Done { cost, degraded: text(value, "degraded") });
        }
        if flag(value, "refused") {
            return Some(Self::Refused);
        }
        match number(value, "wait_ms") {
            Some(ms) => Some(Self::Wait { ms, cost: cost? }),
            None => Some(Self::Failed { code: text(value, "code")?, again: flag(value, "again"), cost }),
        }
    }
}

impl Landing {
    /// As it is told, with the bytes of its post as they lie beside the message.
    pub fn written(&self, sealed: usize) -> Value {
        json!({"slot": self.slot, "lease": self.lease, "landed": self.landed.written(), "sealed": sealed})
    }

    /// Reads it, and its bytes.
    pub fn read(value: &Value) -> Option<(Self, usize)> {
        let landing = Self { slot: place(value.get("slot"))?, lease: text(value, "lease")?, landed: Landed::read(value.get("landed")?)? };
        Some((landing, place(value.get("sealed"))?))
    }
}
