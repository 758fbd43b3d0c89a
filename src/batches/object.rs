//! The Durable Object's face towards `store.js`: the store of one tenant upon the runtime's own SQLite.

use serde_json::Value;
use wasm_bindgen::prelude::*;

use super::store::Store;
use crate::ledger::object::{JsStorage, whole};

/// The store of one tenant.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Shelf {
    store: Store<JsStorage>,
}

#[wasm_bindgen]
impl Shelf {
    /// Opens the store at a time, in ms since 1970.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open(storage: JsStorage, now_ms: f64) -> Result<Self, JsError> {
        Ok(Self { store: Store::open(storage, whole(now_ms))? })
    }

    /// Carries out a message. Bytes that belong to the reply go through `give`, and messages of the queue through `outgoing`.
    ///
    /// # Errors
    /// Nothing was written, and the store has to be opened anew.
    pub fn act(&mut self, now_ms: f64, message: &str, bytes: Vec<u8>) -> Result<String, JsError> {
        let reply = self.store.act(whole(now_ms), message, &bytes)?;
        if let Some(bytes) = reply.bytes {
            self.store.give(bytes);
        }
        Ok(reply.text)
    }

    /// Does what is due.
    ///
    /// # Errors
    /// Nothing was written, and the store has to be opened anew.
    pub fn alarm(&mut self, now_ms: f64) -> Result<(), JsError> {
        Ok(self.store.alarm(whole(now_ms))?)
    }

    /// The messages that the queue is to get, as JSON; empty when there are none.
    pub fn outgoing(&mut self) -> String {
        match self.store.outgoing() {
            none if none.is_empty() => String::new(),
            messages => Value::from(messages).to_string(),
        }
    }
}

impl Store<JsStorage> {
    fn give(&self, bytes: Vec<u8>) {
        self.storage.give(bytes);
    }
}
