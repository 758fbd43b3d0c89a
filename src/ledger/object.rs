//! The Durable Object's face towards `ledger.js`: the books of one tenant upon the runtime's own SQLite.

use wasm_bindgen::prelude::*;

use super::books::Books;
use super::storage::{Batch, Cell, Failure, Row, Storage, encode_cells};
use crate::protocol::json::typed;

#[wasm_bindgen]
extern "C" {
    /// The runtime's side: `Database` of `ledger.js`.
    pub type JsStorage;
    #[wasm_bindgen(method, catch)]
    fn query(this: &JsStorage, sql: &str, cells: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn bytes(this: &JsStorage, sql: &str, cells: &str) -> Result<Option<Vec<u8>>, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn write(this: &JsStorage, batch: &str, bytes: Vec<u8>, alarm_ms: Option<f64>) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn random(this: &JsStorage, count: u32) -> Vec<u8>;
    /// Takes the bytes that belong to the reply.
    #[wasm_bindgen(method)]
    pub fn give(this: &JsStorage, bytes: Vec<u8>);

    /// What JavaScript has thrown.
    type Thrown;
    #[wasm_bindgen(method, getter)]
    fn message(this: &Thrown) -> Option<String>;
}

impl std::fmt::Debug for JsStorage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JsStorage")
    }
}

fn failed(thrown: JsValue) -> Failure {
    // SQLite's words name tables and columns, never what is bound to a statement's places.
    Failure(format!("the storage failed: {}", thrown.unchecked_into::<Thrown>().message().unwrap_or_default()))
}

impl Storage for JsStorage {
    fn query(&self, sql: &str, cells: &[Cell]) -> Result<Vec<Row>, Failure> {
        let rows = self.query(sql, &encode_cells(cells)?).map_err(failed)?;
        Ok(typed::read(&rows)?)
    }

    fn bytes(&self, sql: &str, cells: &[Cell]) -> Result<Option<Vec<u8>>, Failure> {
        self.bytes(sql, &encode_cells(cells)?).map_err(failed)
    }

    fn write(&self, batch: &Batch, alarm_ms: Option<u64>) -> Result<(), Failure> {
        let (statements, bytes) = batch.encode()?;
        #[expect(clippy::cast_precision_loss, reason = "a time in ms is far below 2^53")]
        let alarm_ms = alarm_ms.map(|ms| ms as f64);
        self.write(&statements, bytes, alarm_ms).map_err(failed)
    }

    fn random(&self, count: usize) -> Vec<u8> {
        self.random(u32::try_from(count).unwrap_or_default())
    }
}

/// The ledger of one tenant.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Ledger {
    books: Books<JsStorage>,
}

#[wasm_bindgen]
impl Ledger {
    /// Opens the ledger at a time, in ms since 1970.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open(storage: JsStorage, now_ms: f64) -> Result<Self, JsError> {
        Ok(Self { books: Books::open(storage, whole(now_ms))? })
    }

    /// Carries out a message. Bytes that belong to the reply go through `give`.
    ///
    /// # Errors
    /// Nothing was written, and the ledger has to be opened anew.
    pub fn act(&mut self, now_ms: f64, message: &str, bytes: Vec<u8>) -> Result<String, JsError> {
        let reply = self.books.act(whole(now_ms), message, &bytes)?;
        if let Some(bytes) = reply.bytes {
            self.books.storage.give(bytes);
        }
        Ok(reply.text)
    }

    /// Does what is due.
    ///
    /// # Errors
    /// Nothing was written, and the ledger has to be opened anew.
    pub fn alarm(&mut self, now_ms: f64) -> Result<(), JsError> {
        Ok(self.books.alarm(whole(now_ms))?)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of ms after 1970")]
pub(crate) fn whole(ms: f64) -> u64 {
    ms as u64
}
