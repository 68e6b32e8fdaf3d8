//! A leader's line to its shard: one request whose body stays open.

use std::cell::RefCell;
use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use js_sys::futures::spawn_local;
use worker::wasm_bindgen::JsValue;
use worker::{Context, Delay, Response, ResponseBody, Stub};

use super::calls::{SHARD_DEADLINE, all_bytes, post};
use super::world::ticks_ms;
use crate::cache::key::Digest;
use crate::leases::line::Frame;
use crate::ports::entries::Stored;
use crate::ports::{GaveUp, Lease, Line, ShardFault, Store};

/// Bytes of a stream wait so long for more of them, in milliseconds: each message costs the object time that it has
/// only once for all requests.
const FEED_PAUSE_MS: u64 = 50;

/// The line. Dropped before its last word, its body breaks off, and the shard hands the lease over.
pub(super) struct ShardLine {
    context: Rc<Context>,
    lease: Lease,
    frames: mpsc::UnboundedSender<Vec<u8>>,
    done: oneshot::Receiver<Result<Stored, ShardFault>>,
    live: bool,
    /// What waits to be sent, shared with the timer that sends it if nothing else does.
    unsent: Rc<RefCell<Vec<u8>>>,
    sent_ms: f64,
}

impl fmt::Debug for ShardLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShardLine")
    }
}

impl ShardLine {
    /// Opens the line. It must not keep the request alive by itself: a client that goes away has to take its
    /// upstream's work with it.
    pub(super) fn open(context: Rc<Context>, stub: worker::Result<Stub>, lease: Lease) -> Self {
        let (frames, queue) = mpsc::unbounded();
        let (tell, done) = oneshot::channel();
        spawn_local(async move {
            // Nobody listens any more once the line has been dropped.
            let _ = tell.send(said_of(stub, queue).await);
        });
        let line = Self { context, lease, frames, done, live: false, unsent: Rc::default(), sent_ms: 0.0 };
        line.send(&Frame::Hello(lease));
        line
    }

    fn send(&self, frame: &Frame) {
        // A line that is broken is noticed when its last word gets no answer.
        let _ = self.frames.unbounded_send(frame.bytes());
    }

    fn flush(&mut self) {
        self.sent_ms = ticks_ms();
        flush(&self.frames, &self.unsent);
    }
}

fn flush(frames: &mpsc::UnboundedSender<Vec<u8>>, unsent: &RefCell<Vec<u8>>) {
    let bytes = unsent.take();
    if !bytes.is_empty() {
        let _ = frames.unbounded_send(Frame::Feed(bytes).bytes());
    }
}

/// What the shard says when the line has come to its end.
async fn said_of(stub: worker::Result<Stub>, queue: mpsc::UnboundedReceiver<Vec<u8>>) -> Result<Stored, ShardFault> {
    let fault = |error: worker::Error| ShardFault(format!("lead: {error}"));
    let response = post(stub, "lead", body(queue).map_err(fault)?).await.map_err(fault)?;
    let said = all_bytes(response).await.map_err(fault)?;
    postcard::from_bytes(&said).map_err(|error| ShardFault(format!("lead: {error}")))
}

/// A queue of bytes as a request's body.
fn body(queue: mpsc::UnboundedReceiver<Vec<u8>>) -> worker::Result<JsValue> {
    match Response::from_stream(queue.map(Ok::<_, worker::Error>))?.body() {
        ResponseBody::Stream(stream) => Ok(stream.clone().into()),
        _ => Err(worker::Error::RustError("a stream has no stream".into())),
    }
}

impl Line for ShardLine {
    fn lease(&self) -> Lease {
        self.lease
    }

    fn begin(&mut self, live: Option<Digest>) {
        self.live = live.is_some();
        self.send(&Frame::Begin(live));
    }

    fn feed(&mut self, bytes: &[u8]) {
        if !self.live {
            return;
        }
        let begins = self.unsent.borrow().is_empty();
        self.unsent.borrow_mut().extend_from_slice(bytes);
        if ticks_ms() - self.sent_ms >= FEED_PAUSE_MS as f64 {
            self.flush();
        } else if begins {
            // The next piece may be long in coming.
            let (frames, unsent) = (self.frames.clone(), self.unsent.clone());
            spawn_local(async move {
                Delay::from(Duration::from_millis(FEED_PAUSE_MS)).await;
                flush(&frames, &unsent);
            });
        }
    }

    async fn keep(mut self, entries: Vec<Store>) -> Result<Stored, ShardFault> {
        self.flush();
        self.send(&Frame::Keep(entries));
        let deadline = pin!(Delay::from(SHARD_DEADLINE));
        match select(self.done, deadline).await {
            Either::Left((done, _)) => done.unwrap_or_else(|_| Err(ShardFault("lead: the line broke off".into()))),
            Either::Right(_) => Err(ShardFault(format!("lead: no answer within {SHARD_DEADLINE:?}"))),
        }
    }

    fn give_up(mut self, why: GaveUp) {
        self.flush();
        self.send(&Frame::GiveUp(why));
        // Nobody waits for this word to arrive, but it has to.
        let Self { context, frames, done, .. } = self;
        drop(frames);
        context.wait_until(async move { drop(done.await) });
    }
}
