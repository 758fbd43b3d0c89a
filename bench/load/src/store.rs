//! The KV simulator: what raw workerd's `kvNamespace` binding sends as HTTP, answered from memory.

use std::collections::HashMap;
use std::sync::Mutex;

struct Entry {
    value: Vec<u8>,
    metadata: Option<String>,
}

/// Keys as they stand in the path: the binding encodes them alike for reads and writes, so they need no decoding. Nothing expires:
/// a run is shorter than KV's shortest expiry.
#[derive(Default)]
pub struct Store(Mutex<HashMap<String, Entry>>);

impl Store {
    /// The whole response to `GET /<key>`.
    pub fn get(&self, key: &str) -> Vec<u8> {
        match self.lock().get(key) {
            None => NOT_FOUND.to_vec(),
            Some(entry) => {
                let metadata = entry.metadata.as_ref().map_or(String::new(), |text| format!("CF-KV-Metadata: {text}\r\n"));
                let mut response = format!("HTTP/1.1 200 OK\r\n{metadata}Content-Length: {}\r\n\r\n", entry.value.len()).into_bytes();
                response.extend_from_slice(&entry.value);
                response
            }
        }
    }

    pub fn put(&self, key: &str, value: &[u8], metadata: Option<&str>) -> Vec<u8> {
        self.lock().insert(key.to_owned(), Entry { value: value.to_vec(), metadata: metadata.map(str::to_owned) });
        EMPTY.to_vec()
    }

    pub fn delete(&self, key: &str) -> Vec<u8> {
        self.lock().remove(key);
        EMPTY.to_vec()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
pub const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found";
