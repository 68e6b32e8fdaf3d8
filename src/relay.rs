//! An answer on its way to the client: counted, passed on to whoever shares it, and kept when it ended well.

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};

use crate::counting::Tap;
use crate::incoming::{Gathered, Incoming};
use crate::keeping::{Keeping, MAX_ANSWER_BYTES};
use crate::ports::{Chunks, GaveUp, Headers, Lease, ShardAddress, Unreachable, World};
use crate::protocol::Recorder;
use crate::telemetry::Kept;

/// A body that was to be read whole.
#[derive(Debug)]
pub enum Whole<W: World> {
    /// All of it, what became of the answer, how long writing the entry took in milliseconds, and what the client is told
    /// of what was used.
    Read(Vec<u8>, Kept, Option<f64>, Headers),
    /// It is larger than an answer that could be kept, so it is handed on as it comes.
    TooLarge(Box<Relay<W>>),
}

/// Reads a whole body and keeps the answer in it.
///
/// # Errors
/// When the connection broke before the body was complete.
pub async fn whole_body<W: World>(
    world: &Rc<W>,
    chunks: Incoming<W>,
    keeping: Keeping<W>,
    mut tap: Tap,
) -> Result<Whole<W>, Unreachable> {
    let body = match chunks.gather(MAX_ANSWER_BYTES).await? {
        Gathered::All(body) => body,
        Gathered::TooLarge(chunks) => {
            keeping.give_up(GaveUp::Alone);
            return Ok(Whole::TooLarge(Box::new(Relay::new(world.clone(), chunks, None, tap, false))));
        }
    };
    tap.feed(&body);
    let started = world.ticks_ms();
    let completion = keeping.read_body(&body);
    let kept = keeping.keep(&**world, completion, None).await;
    Ok(Whole::Read(body, kept, Some(world.ticks_ms() - started), tap.end()))
}

/// An upstream's body on its way to the client, as it comes, byte for byte. When it is dropped before its end (the
/// client went away), nothing is kept, unless others wait for the same answer: then it goes on without the client.
#[derive(Debug)]
pub struct Relay<W: World>(Option<Passage<W>>);

#[derive(Debug)]
struct Passage<W: World> {
    world: Rc<W>,
    chunks: Incoming<W>,
    recording: Option<(Recorder, Keeping<W>)>,
    tap: Tap,
    /// The client wants to know at a stream's end what was used. It is told in a comment (WHATWG HTML section 9.2.5), which every reader of such a stream passes over.
    tells_usage: bool,
}

impl<W: World> Relay<W> {
    /// A relay that keeps the answer, if it is told how. `tells_usage`: the client wants to know at a stream's end what was
    /// used.
    #[must_use]
    pub fn new(world: Rc<W>, chunks: Incoming<W>, keeping: Option<Keeping<W>>, tap: Tap, tells_usage: bool) -> Self {
        let recording = keeping.map(|keeping| (keeping.recorder(), keeping));
        Self(Some(Passage { world, chunks, recording, tap, tells_usage }))
    }

    /// The next piece. The one that ends the answer is handed on when the entry is durable.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        self.0.as_mut()?.next().await
    }
}

impl<W: World> Passage<W> {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        loop {
            match self.chunks.next().await {
                Some(Ok(bytes)) => {
                    let bytes = self.take(bytes).await;
                    // What is held back comes with a later piece; an empty one would say that the stream is over.
                    if !bytes.is_empty() {
                        return Some(Ok(bytes));
                    }
                }
                Some(Err(why)) => {
                    // It broke: whoever waits takes over.
                    self.recording = None;
                    return Some(Err(why));
                }
                None => return self.finish().await,
            }
        }
    }

    /// Takes a piece of the answer. Gives what of it is for the client.
    async fn take(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.tap.feed(&bytes);
        let complete = self.recording.as_mut().is_some_and(|(recorder, _)| recorder.feed(&bytes));
        let bytes = self.tap.pass(bytes);
        if let Some((_, keeping)) = &mut self.recording {
            keeping.feed(&bytes);
        }
        if complete {
            self.keep().await;
        }
        bytes
    }

    async fn keep(&mut self) {
        if let Some((recorder, keeping)) = self.recording.take() {
            let counted = self.tap.so_far();
            keeping.keep(&*self.world, recorder.finish(), counted).await;
        }
    }

    /// The answer is over.
    async fn finish(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        let mut rest = self.tap.rest();
        if let Some((_, keeping)) = &mut self.recording {
            keeping.feed(&rest);
        }
        // It ended without its last event.
        self.keep().await;
        let told = self.tap.end();
        if self.tells_usage {
            told.iter().for_each(|(name, value)| rest.extend(format!(": {name}: {value}\n\n").bytes()));
        }
        (!rest.is_empty()).then_some(Ok(rest))
    }

    /// The lease under which this answer is passed on to others, if it is.
    fn lease(&self) -> Option<(ShardAddress, Lease)> {
        self.recording.as_ref()?.1.lease()
    }
}

/// How often it is asked whether anybody still waits, in milliseconds.
const AWAITED_EVERY_MS: u64 = 2_000;

/// How often in a row that question may stay unanswered.
const MAX_UNANSWERED: u32 = 2;

/// Does some work for as long as others wait for the holder of a lease; nothing when nobody does any more.
pub async fn while_awaited<W: World, T>(
    world: &W,
    at: &ShardAddress,
    lease: Lease,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut unanswered = 0;
    loop {
        let followers = async {
            let followers = world.followers(at, lease).await;
            if !matches!(followers, Ok(0)) {
                world.sleep_ms(AWAITED_EVERY_MS).await;
            }
            followers
        };
        // The work goes on meanwhile.
        let followers = match select(pin!(followers), work).await {
            Either::Right((done, _)) => return Some(done),
            Either::Left((followers, rest)) => {
                work = rest;
                followers
            }
        };
        match followers {
            Ok(0) => return None,
            Ok(_) => unanswered = 0,
            // A busy shard is not the followers' fault.
            Err(_) if unanswered < MAX_UNANSWERED => unanswered += 1,
            Err(_) => return None,
        }
    }
}

impl<W: World> Drop for Relay<W> {
    fn drop(&mut self) {
        let Some(mut passage) = self.0.take() else { return };
        let Some((at, lease)) = passage.lease() else { return };
        let world = passage.world.clone();
        world.clone().background(Box::pin(async move {
            let rest = async { while passage.next().await.is_some_and(|piece| piece.is_ok()) {} };
            while_awaited(&*world, &at, lease, rest).await;
        }));
    }
}

/// Another request's stream on its way to this client.
#[derive(Debug)]
pub struct Shared<W: World> {
    live: W::Live,
    tap: Tap,
}

impl<W: World> Shared<W> {
    /// The stream, and what counts it.
    #[must_use]
    pub fn new(live: W::Live, tap: Tap) -> Self {
        Self { live, tap }
    }

    /// The next piece.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        let piece = self.live.next().await;
        match &piece {
            Some(Ok(bytes)) => self.tap.feed(bytes),
            _ => drop(self.tap.end()),
        }
        piece
    }
}
