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
    post: Rc<Post>,
}

/// What has come for a task since it was last polled.
#[derive(Default)]
struct Post {
    brought: Cell<Option<Brought>>,
    /// Whether there is a reason to poll: something brought, or a promise of another kind that is ready.
    news: Cell<bool>,
}

thread_local! {
    /// The tasks that wait.
    static WAITING: RefCell<HashMap<Slot, Task>> = RefCell::default();
    /// The tasks that are being polled: a step that has nothing to wait for brings its result before its call returns.
    static POLLED: RefCell<Vec<(Slot, Rc<Post>)>> = const { RefCell::new(Vec::new()) };
    static LAST: Cell<Slot> = const { Cell::new(0) };
}

/// Where a task waits for what it has asked for.
pub struct Inbox {
    slot: Slot,
    post: Rc<Post>,
}

impl Inbox {
    /// The number to hand to the runtime.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// What the step that was just begun brings.
    pub async fn next(&self) -> Brought {
        std::future::poll_fn(|_| self.post.brought.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// Begins a task.
pub fn spawn<F: Future<Output = ()> + 'static>(task: impl FnOnce(Inbox) -> F) {
    // A number comes again after four thousand million requests of one isolate, when its first holder is long done.
    let slot = LAST.get().wrapping_add(1);
    LAST.set(slot);
    let post = Rc::new(Post::default());
    let future = Box::pin(task(Inbox { slot, post: post.clone() }));
    go_on(slot, Task { future, post });
}

/// Goes on with a task: called by the runtime with what a step has brought.
#[wasm_bindgen]
pub fn resume(slot: Slot, text: String, bytes: Vec<u8>) {
    wake(slot, Some(Brought { text, bytes }));
}

/// Ends a task whose caller has gone, with all that it holds: what it waits for will never come.
pub fn forget(slot: Slot) {
    // Dropped outside of the borrow: what a task holds may reach the list when it goes.
    let task = WAITING.with_borrow_mut(|tasks| tasks.remove(&slot));
    drop(task);
}

fn wake(slot: Slot, brought: Option<Brought>) {
    let deliver = |post: &Post| {
        post.news.set(true);
        if brought.is_some() {
            post.brought.set(brought);
        }
    };
    let waiting = WAITING.with_borrow_mut(|tasks| tasks.remove(&slot));
    if let Some(task) = waiting {
        deliver(&task.post);
        go_on(slot, task);
    } else {
        // It is being polled and will look again, or it is done and nobody waits.
        let post = POLLED.with_borrow(|polled| polled.iter().find(|(known, _)| *known == slot).map(|(_, post)| post.clone()));
        if let Some(post) = post {
            deliver(&post);
        }
    }
}

fn go_on(slot: Slot, mut task: Task) {
    let waker = Waker::from(Arc::new(Nudge(slot)));
    POLLED.with_borrow_mut(|polled| polled.push((slot, task.post.clone())));
    let done = loop {
        task.post.news.set(false);
        let done = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if done || !task.post.news.get() {
            break done;
        }
    };
    POLLED.with_borrow_mut(Vec::pop);
    if !done {
        WAITING.with_borrow_mut(|tasks| tasks.insert(slot, task));
    }
}

/// Wakes a task that waits for something else than its inbox, such as a promise.
struct Nudge(Slot);

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        wake(self.0, None);
    }
}
