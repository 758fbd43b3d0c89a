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
//! * [`telemetry`]: what the gateway tells of itself
//! * [`config`] and [`error`]: what an operator sets, and what a caller gets when something is wrong
//!
//! A module decides (pure, no runtime) or acts (thin); ARCHITECTURE.md tells which, and counts the hot path.

pub mod admission;
pub mod api;
pub mod boundary;
pub mod cache;
pub mod cloud;
pub mod config;
pub mod error;
pub mod ledger;
pub mod protocol;
pub mod telemetry;

use std::cell::OnceCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
// Linked for what worker-build asks of every Worker; its own objects serve where the hot path does not pass.
use worker as _;

use boundary::{Call, JsCall, task};
use config::Config;
use error::Error;

/// What an isolate knows of its surroundings, read once from the environment.
#[derive(Clone)]
pub struct Gateway(Rc<Surroundings>);

struct Surroundings {
    config: Result<Config, Error>,
    has_cache: bool,
}

impl Gateway {
    fn of(call: &JsCall) -> Self {
        let config = Config::read(&boundary::settings(call, &config::NAMES));
        let upstream = config.as_ref().map(cloud::call::identity).unwrap_or_default();
        boundary::prepare(call, &api::constant_headers(), &upstream);
        Self(Rc::new(Surroundings { config, has_cache: boundary::binds(call, api::completions::CACHE) }))
    }

    /// The configuration.
    ///
    /// # Errors
    /// What the operator has to correct.
    pub fn config(&self) -> Result<&Config, Error> {
        self.0.config.as_ref().map_err(Clone::clone)
    }

    /// Whether a KV namespace for cached answers is bound.
    pub fn has_cache(&self) -> bool {
        self.0.has_cache
    }
}

thread_local! {
    static GATEWAY: OnceCell<Gateway> = const { OnceCell::new() };
}

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// The Worker's `fetch` event. The answer goes out through the call.
#[wasm_bindgen]
pub fn fetch(call: JsCall) {
    let gateway = GATEWAY.with(|gateway| gateway.get_or_init(|| Gateway::of(&call)).clone());
    task::spawn(|inbox| async move {
        let call = Call::open(call, inbox);
        let _: boundary::Answered = api::answer(&gateway, &call).await;
    });
}
