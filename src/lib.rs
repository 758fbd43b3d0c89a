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
pub mod protocol;
pub mod telemetry;

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use boundary::{Call, Context, Kv};
use config::Config;
use error::Error;

/// What an isolate knows of its surroundings, read once from the environment.
#[derive(Clone)]
pub struct Gateway(Rc<Surroundings>);

struct Surroundings {
    config: Result<Config, Error>,
    cache: Option<Kv>,
}

impl Gateway {
    fn of(env: &JsValue) -> Self {
        let config = Config::read(&boundary::settings(env, &config::NAMES));
        Self(Rc::new(Surroundings { config, cache: Kv::bound(env, "CACHE") }))
    }

    /// The configuration.
    ///
    /// # Errors
    /// What the operator has to correct.
    pub fn config(&self) -> Result<&Config, Error> {
        self.0.config.as_ref().map_err(Clone::clone)
    }

    /// The cache's KV namespace, if one is bound.
    pub fn cache(&self) -> Option<&Kv> {
        self.0.cache.as_ref()
    }
}

thread_local! {
    static GATEWAY: OnceCell<Gateway> = const { OnceCell::new() };
}

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// The Worker's `fetch` event.
#[wasm_bindgen]
pub fn fetch(request: JsValue, env: JsValue, context: Context) -> Promise {
    let gateway = GATEWAY.with(|gateway| gateway.get_or_init(|| Gateway::of(&env)).clone());
    future_to_promise(async move { Ok(api::answer(&gateway, Rc::new(Call::open(request)), context).await) })
}

// Linked for what worker-build's own entry needs of it: the state from which it restarts the wasm after a panic.
use worker as _;
