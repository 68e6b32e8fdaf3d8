//! A leader's line to its shard: one request whose body stays open.

use std::fmt;
use std::pin::pin;
use std::rc::Rc;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use js_sys::futures::spawn_local;
use worker::wasm_bindgen::JsValue;
use worker::{Context, Delay, Response, ResponseBody, Stub};

use super::world::{SHARD_DEADLINE, post, ticks_ms};
use crate::cache::key::Digest;
use crate::canonical::Delivery;
use crate::leases::line::Frame;
use crate::ports::{GaveUp, Line, ShardFault, Store};

/// Bytes of a stream wait so long for more of them, in milliseconds: each message costs the object time that it has
/// only once for all requests.
const FEED_PAUSE_MS: f64 = 50.0;

/// The line. Dropped before its last word, its body breaks off, and the shard hands the lease over.
pub(super) struct ShardLine {
    context: Rc<Context>,
    frames: mpsc::UnboundedSender<Vec<u8>>,
    done: oneshot::Receiver<Result<(), ShardFault>>,
    live: bool,
    unsent: Vec<u8>,
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
    pub(super) fn open(context: Rc<Context>, stub: worker::Result<Stub>, key: &Digest, token: u64) -> Self {
        let (frames, queue) = mpsc::unbounded();
        let (tell, done) = oneshot::channel();
        spawn_local(async move {
            let posted = match body(queue) {
                Ok(body) => post(stub, "lead", body).await,
                Err(error) => Err(error),
            };
            // Nobody listens any more once the line has been dropped.
            let _ = tell.send(posted.map(drop).map_err(|error| ShardFault(format!("lead: {error}"))));
        });
        let line = Self { context, frames, done, live: false, unsent: Vec::new(), sent_ms: 0.0 };
        line.send(&Frame::Hello { key: *key, token });
        line
    }

    fn send(&self, frame: &Frame) {
        // A line that is broken is noticed when its last word gets no answer.
        let _ = self.frames.unbounded_send(frame.bytes());
    }

    fn flush(&mut self) {
        if !self.unsent.is_empty() {
            self.sent_ms = ticks_ms();
            let bytes = std::mem::take(&mut self.unsent);
            self.send(&Frame::Feed(bytes));
        }
    }
}

/// A queue of bytes as a request's body.
fn body(queue: mpsc::UnboundedReceiver<Vec<u8>>) -> worker::Result<JsValue> {
    match Response::from_stream(queue.map(Ok::<_, worker::Error>))?.body() {
        ResponseBody::Stream(stream) => Ok(stream.clone().into()),
        _ => Err(worker::Error::RustError("a stream has no stream".into())),
    }
}

impl Line for ShardLine {
    fn begin(&mut self, live: Option<Delivery>) {
        self.live = live.is_some();
        self.send(&Frame::Begin(live));
    }

    fn feed(&mut self, bytes: &[u8]) {
        if self.live {
            self.unsent.extend_from_slice(bytes);
            if ticks_ms() - self.sent_ms >= FEED_PAUSE_MS {
                self.flush();
            }
        }
    }

    async fn keep(mut self, entries: Vec<Store>) -> Result<(), ShardFault> {
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
