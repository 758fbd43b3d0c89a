//! One task a request, moved on by that request's own events alone.
//!
//! A task asks the runtime for one thing at a time and goes on, within the very event that brings it, when [`resume`] is called.
//! So nothing of one request is ever polled from another's event, which the runtime forbids (wasm-bindgen-futures has one queue for
//! all requests of an isolate), and no promise, closure or microtask is made on the way: that was a tenth of a request's cost.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use wasm_bindgen::prelude::wasm_bindgen;

/// What a step in the runtime has brought.
#[derive(Debug, Default)]
pub struct Brought {
    /// Lines that describe it.
    pub text: String,
    /// Its bytes, if it has any.
    pub bytes: Vec<u8>,
}

/// The number under which a task is resumed.
pub type Slot = u32;

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    inbox: Rc<Cell<Option<Brought>>>,
}

thread_local! {
    static TASKS: RefCell<HashMap<Slot, Task>> = RefCell::default();
    static LAST: Cell<Slot> = const { Cell::new(0) };
    /// The task that is being polled and has been woken meanwhile.
    static AGAIN: Cell<Option<Slot>> = const { Cell::new(None) };
}

/// Where a task waits for what it has asked for.
#[derive(Clone)]
pub struct Inbox {
    slot: Slot,
    brought: Rc<Cell<Option<Brought>>>,
}

impl Inbox {
    /// The number to hand to the runtime.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// What the step that was just begun brings.
    pub async fn next(&self) -> Brought {
        std::future::poll_fn(|_| self.brought.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// Begins a task.
pub fn spawn<F: Future<Output = ()> + 'static>(task: impl FnOnce(Inbox) -> F) {
    // A number comes again after four thousand million requests of one isolate, when its first holder is long done.
    let slot = LAST.get().wrapping_add(1);
    LAST.set(slot);
    let inbox = Rc::new(Cell::new(None));
    let future = Box::pin(task(Inbox { slot, brought: inbox.clone() }));
    go_on(slot, Task { future, inbox });
}

/// Goes on with a task: called by the runtime with what a step has brought.
#[wasm_bindgen]
pub fn resume(slot: Slot, text: String, bytes: Vec<u8>) {
    if let Some(task) = TASKS.with_borrow_mut(|tasks| tasks.remove(&slot)) {
        task.inbox.set(Some(Brought { text, bytes }));
        go_on(slot, task);
    }
}

fn go_on(slot: Slot, mut task: Task) {
    let waker = Waker::from(Arc::new(Nudge(slot)));
    loop {
        let done = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if done {
            return;
        }
        if AGAIN.take() != Some(slot) {
            break;
        }
    }
    TASKS.with_borrow_mut(|tasks| tasks.insert(slot, task));
}

/// Wakes a task that waits for something else than its inbox, such as a promise.
struct Nudge(Slot);

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        match TASKS.with_borrow_mut(|tasks| tasks.remove(&self.0)) {
            Some(task) => go_on(self.0, task),
            None => AGAIN.set(Some(self.0)),
        }
    }
}
