//! What an isolate remembers of tenants' experiments: what decides a subject's arm, and nothing of what was seen.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Deserialize;

use super::definition::Definition;
use crate::admission::memory::{Memory, REMEMBERED_MS};
use crate::protocol::json::typed;

/// An experiment as KV has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Known {
    /// Its id.
    pub name: String,
    /// What it says.
    pub body: Definition,
    /// Its run.
    pub run: u64,
    /// What its subjects draw their arms with.
    pub key: String,
    /// The arms' shares.
    pub shares: Vec<f64>,
    /// The place of the arm that answers behind the end; none while it runs.
    #[serde(default)]
    pub ended: Option<usize>,
}

/// What an isolate remembers.
#[derive(Debug)]
pub struct Remembered(RefCell<Memory<String, Rc<Vec<Known>>>>);

impl Default for Remembered {
    fn default() -> Self {
        Self(RefCell::new(Memory::lasting(REMEMBERED_MS)))
    }
}

impl Remembered {
    /// Those of a tenant, while they count as fresh.
    pub fn fresh(&self, tenant: &str, now_ms: u64) -> Option<Rc<Vec<Known>>> {
        self.0.borrow().get(tenant, now_ms)
    }

    /// Remembers what KV had at a time, in ms since 1970; nothing is the same as none.
    pub fn put(&self, tenant: &str, bytes: &[u8], now_ms: u64) -> Rc<Vec<Known>> {
        // What cannot be read was written by another version: the tenant has none until it is written again.
        let read = std::str::from_utf8(bytes).ok().and_then(|text| typed::read(text).ok());
        let known: Rc<Vec<Known>> = Rc::new(read.unwrap_or_default());
        self.0.borrow_mut().put(tenant.to_owned(), known.clone(), now_ms);
        known
    }
}
