//! The origins that tokens were issued for. A preflight carries no token, so their pages are known by what KV has under their names.

use std::cell::RefCell;

use super::KEYS;
use super::memory::Memory;
use super::record::origin_name;
use crate::boundary::Call;

/// How long an origin stays registered after the last token for it, in seconds: 90 days.
const REGISTERED_SECONDS: u32 = 90 * 24 * 3600;
/// How long an isolate takes a registration of its own for granted, in ms: far less than it lasts.
const REMEMBERED_MS: u64 = 3_600_000;
/// How old an answer of KV's cache may be, in seconds.
const CACHED_SECONDS: u32 = 60;
/// The longest name in KV, in bytes. A path may hold anything as a tenant.
const LONGEST_NAME: usize = 512;

thread_local! {
    static REGISTERED: RefCell<Memory<String, ()>> = RefCell::new(Memory::lasting(REMEMBERED_MS));
}

fn remembered(name: &str, now_ms: u64) -> bool {
    REGISTERED.with_borrow(|registered| registered.get(name, now_ms).is_some())
}

/// Registers an origin for a tenant. A failure costs pages of a new origin their preflights until the next token, and no caller its
/// token.
pub async fn register(call: &Call, tenant: &str, origin: &str) {
    let now_ms = call.head.now_ms;
    for name in [origin_name(Some(tenant), origin), origin_name(None, origin)] {
        if remembered(&name, now_ms) {
            continue;
        }
        // KV takes one write a second to a name. Whoever came first has written the same.
        match call.keep(KEYS, &name, Vec::from("1"), Some(REGISTERED_SECONDS)).await {
            Ok(()) => REGISTERED.with_borrow_mut(|registered| registered.put(name, (), now_ms)),
            Err(_) => call.log_failure("origins", "write"),
        }
    }
}

/// Whether a token was issued for an origin: by the tenant that the path names, by any when it names none. At most one look-up.
pub async fn registered(call: &Call, tenant: Option<&str>, origin: &str) -> bool {
    let name = origin_name(tenant, origin);
    if name.len() > LONGEST_NAME {
        return false;
    }
    // KV may say for a minute that a new name is not there; the isolate that wrote it knows better.
    if remembered(&name, call.head.now_ms) {
        return true;
    }
    match call.look(KEYS, &name, Some(CACHED_SECONDS)).await {
        Ok(found) => found.is_some(),
        Err(_) => {
            call.log_failure("origins", "read");
            false
        }
    }
}
