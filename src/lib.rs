//! maya-edge: one Cloudflare Worker that puts Cerebras Cloud behind an edge.
//!
//! # How a request travels
//!
//! ```text
//! caller → api → admission → cache ─ hit ─→ caller
//!                              └ miss → cloud (Cerebras) → caller, and into the cache
//! ```
//!
//! * [`boundary`]: the few crossings between wasm and the Workers runtime
//! * [`api`]: the front door; one file a resource
//! * [`admission`]: who may call
//! * [`cache`]: what is answered from KV
//! * [`cloud`]: Cerebras: models, attempts, the call
//! * [`protocol`]: the wire: JSON, requests, answers, event streams, headers
//! * [`edge`]: what the Worker can tell of a text by itself
//! * [`understanding`]: what a text is, by the Worker or by a model in the cloud
//! * [`batches`]: many calls in one file, made in the background
//! * [`campaigns`]: campaigns at work: a strategy, then a post for every platform at every time
//! * [`content`]: posts for social media
//! * [`learning`]: what is learnt from what became of answers
//! * [`telemetry`]: what the gateway tells of itself
//! * [`config`] and [`error`]: what an operator sets, and what a caller gets when something is wrong
//!
//! A module decides (pure, no runtime) or acts (thin); ARCHITECTURE.md tells which, and counts the hot path.

pub mod admission;
pub mod api;
pub mod batches;
pub mod boundary;
pub mod cache;
pub mod campaigns;
pub mod cloud;
pub mod config;
pub mod content;
pub mod edge;
pub mod error;
pub mod learning;
pub mod ledger;
pub mod protocol;
pub mod telemetry;
pub mod understanding;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;
// Linked for what worker-build asks of every Worker; its own objects serve where the hot path does not pass.
use worker as _;

use admission::Acquaintances;
use admission::keys::KeyDigest;
use admission::memory::{Memory, REMEMBERED_MS};
use batches::message::Work;
use boundary::{Call, JsCall, task};
use cloud::health::Health;
use config::Config;
use error::Error;
use learning::score_model::Model;
use ledger::message::{Event, Note};
use ledger::outbox::Outbox;
use protocol::json::typed;
use telemetry::meter::{Meter, TELEMETRY};
use telemetry::tracer::{ANALYTICS, Tracer};

/// What all requests of an isolate share.
#[derive(Clone)]
pub struct Gateway(Rc<Surroundings>);

/// What an isolate knows of its surroundings and remembers of its callers.
pub struct Surroundings {
    config: Result<Config, Error>,
    /// What the environment binds.
    pub binds: Binds,
    /// Keys and tenants that have called.
    pub known: Acquaintances,
    /// The tenants' own intents.
    pub own_intents: understanding::own::Remembered,
    /// What tenants' feedback has taught of scores.
    pub score_models: RefCell<Memory<String, Rc<Model>>>,
    /// The tenants' experiments.
    pub experiments: learning::experiment::known::Remembered,
    /// What no ledger has heard yet.
    pub outbox: Outbox,
    /// How the models are.
    pub health: Health,
    /// What was counted of requests.
    pub telemetry: Meter,
    /// Lines and spans of requests.
    pub tracer: Tracer,
    /// Names reservations: no other isolate has the first half, and the second counts.
    lease: RefCell<(String, u64)>,
}

/// Which bindings there are.
#[derive(Clone, Copy, Debug)]
pub struct Binds {
    /// KV: answers.
    pub cache: bool,
    /// KV: records of keys and tenants.
    pub keys: bool,
    /// Durable Objects: the tenants' ledgers.
    pub ledger: bool,
    /// A rate limit on wrong keys.
    pub wrong_keys: bool,
    /// Durable Objects and the queue: files and batches.
    pub store: bool,
    /// Durable Objects: the archive of telemetry.
    pub telemetry: bool,
    /// Workers Analytics Engine: a data point a request.
    pub analytics: bool,
}

impl Gateway {
    fn of(call: &JsCall) -> Self {
        let settings = boundary::settings(call, &config::NAMES);
        let config = Config::read(&settings);
        let upstream = config.as_ref().map(cloud::call::identity).unwrap_or_default();
        boundary::prepare(call, &api::constant_headers(), &upstream);
        let bound = |name| boundary::binds(call, name);
        let binds = Binds {
            cache: bound(cache::CACHE),
            keys: bound(admission::KEYS),
            ledger: bound(ledger::LEDGER),
            wrong_keys: bound(admission::WRONG_KEYS),
            store: bound(batches::STORE) && bound(batches::QUEUE),
            telemetry: bound(TELEMETRY),
            analytics: bound(ANALYTICS),
        };
        let lease = RefCell::default();
        let gateway = Self(Rc::new(Surroundings {
            config,
            binds,
            known: Acquaintances::default(),
            own_intents: Default::default(),
            score_models: RefCell::new(Memory::lasting(REMEMBERED_MS)),
            experiments: Default::default(),
            outbox: Outbox::default(),
            health: Health::default(),
            telemetry: Meter::default(),
            tracer: Tracer::default(),
            lease,
        }));
        // The ledger tells whether it is another than the last that it has heard of.
        let event = Event { what: "configuration".to_owned(), details: config::fingerprint(&settings), ..Event::default() };
        gateway.note(admission::OWN_LEDGER, None, Note::Event(event), Vec::new());
        gateway
    }

    /// A name for a reservation.
    pub fn lease(&self, call: &Call) -> String {
        let mut lease = self.0.lease.borrow_mut();
        if lease.0.is_empty() {
            lease.0 = call.unique_id();
        }
        lease.1 = lease.1.wrapping_add(1);
        format!("{}.{}", lease.0, lease.1)
    }

    /// The configuration.
    ///
    /// # Errors
    /// What the operator has to correct.
    pub fn config(&self) -> Result<&Config, Error> {
        self.0.config.as_ref().map_err(Clone::clone)
    }
}

impl std::ops::Deref for Gateway {
    type Target = Surroundings;

    fn deref(&self) -> &Surroundings {
        &self.0
    }
}

thread_local! {
    static GATEWAY: OnceCell<Gateway> = const { OnceCell::new() };
}

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

fn gateway(call: &JsCall) -> Gateway {
    GATEWAY.with(|gateway| gateway.get_or_init(|| Gateway::of(call)).clone())
}

/// The Worker's `fetch` event. The answer goes out through the call.
#[wasm_bindgen]
pub fn fetch(call: JsCall) {
    let gateway = gateway(&call);
    task::spawn(|inbox| async move {
        let call = Call::open(call, inbox);
        let _: boundary::Answered = api::answer(&gateway, &call).await;
    });
}

/// Ends the task of a caller that has gone. It may have been the isolate's last, so another goes on with what was counted, of its own too,
/// by the runtime objects of the same request.
#[wasm_bindgen]
pub fn forget(slot: task::Slot, call: JsCall) {
    task::forget(slot);
    let gateway = gateway(&call);
    task::spawn(|inbox| async move {
        let call = Call::open(call, inbox);
        api::tell_what_waits(&gateway, &call).await;
    });
}

/// A line of a batch: a call of the gateway's own, with the key that the SHA-256 in hexadecimal digits is of.
#[wasm_bindgen]
pub fn line(call: JsCall, key: &str) {
    let gateway = gateway(&call);
    let key = KeyDigest::from_hex(key);
    task::spawn(|inbox| async move {
        // What is no digest is none of any key, and refused as such.
        let call = Call::granted(call, inbox, key.unwrap_or_else(|| KeyDigest::of("")));
        let _: boundary::Answered = api::answer(&gateway, &call).await;
    });
}

/// The Worker's `queue` event, a message at a time, and its `scheduled` event, which brings none. The answer tells whether it was done.
#[wasm_bindgen]
pub fn work(call: JsCall, message: String) {
    let gateway = gateway(&call);
    task::spawn(|inbox| async move {
        let call = Call::open(call, inbox);
        let work = typed::read(&message).ok().and_then(|message| Work::read(&message));
        let done = match work {
            Some(work) => batches::run::work(&gateway, &call, &work).await,
            None if message.is_empty() => batches::run::tick(&gateway, &call).await,
            None => {
                // It will not be readable later, and is of no version that is at work.
                call.log_failure("queue", "read a message");
                Ok(())
            }
        };
        if done.is_err() {
            call.log_failure("batch", "work on a part");
        }
        api::tell_ledgers(&gateway, &call).await;
        let _: boundary::Answered = call.respond(if done.is_ok() { 204 } else { 500 }, &Default::default(), None);
    });
}
