//! The face of the archive of telemetry towards `telemetry.js`.

use wasm_bindgen::prelude::*;

use super::archive::Archive;
use crate::ledger::object::{JsStorage, whole};

/// The archive of telemetry.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Telemetry {
    archive: Archive<JsStorage>,
}

#[wasm_bindgen]
impl Telemetry {
    /// Opens the archive.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open(storage: JsStorage) -> Result<Self, JsError> {
        Ok(Self { archive: Archive::open(storage)? })
    }

    /// Carries out a message at a time, in ms since 1970.
    ///
    /// # Errors
    /// Nothing was written, and the archive has to be opened anew.
    pub fn act(&mut self, now_ms: f64, message: &str, bytes: &[u8]) -> Result<String, JsError> {
        Ok(self.archive.act(whole(now_ms), message, bytes)?)
    }

    /// Does what is due.
    ///
    /// # Errors
    /// Nothing was written, and the archive has to be opened anew.
    pub fn alarm(&mut self, now_ms: f64) -> Result<(), JsError> {
        Ok(self.archive.alarm(whole(now_ms))?)
    }
}
