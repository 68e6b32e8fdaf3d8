//! The body of an upstream's answer, on its way in: with a limit on its pauses, and in the client's API where the
//! upstream speaks another.

use std::fmt;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};

use crate::forward::translate::Stream;
use crate::ports::{Chunks, Unreachable, World};

/// Does some work within a time; nothing when it takes longer.
pub async fn within<W: World, T>(world: &W, ms: u64, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(world.sleep_ms(ms))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// A body that was to be read whole.
#[derive(Debug)]
pub enum Gathered<W: World> {
    /// All of it.
    All(Vec<u8>),
    /// It is larger than was wanted: the whole of it, to be handed on as it comes.
    TooLarge(Incoming<W>),
}

/// A body that comes in pieces. Dropping it ends the upstream's work.
pub struct Incoming<W: World> {
    world: Rc<W>,
    /// What is there already.
    head: Option<Vec<u8>>,
    chunks: Option<W::Body>,
    /// How long the next piece may take, and each one after it.
    limits_ms: (u64, u64),
    translated: Option<Stream>,
}

impl<W: World> fmt::Debug for Incoming<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming")
    }
}

impl<W: World> Incoming<W> {
    /// An upstream's body, whose first piece may take so long, and each further one so long.
    #[must_use]
    pub fn new(world: Rc<W>, chunks: W::Body, limits_ms: (u64, u64)) -> Self {
        Self { world, head: None, chunks: Some(chunks), limits_ms, translated: None }
    }

    /// A body that is there.
    #[must_use]
    pub fn whole(world: Rc<W>, body: Vec<u8>) -> Self {
        Self { world, head: Some(body), chunks: None, limits_ms: (0, 0), translated: None }
    }

    /// The same body after a beginning that has been read.
    #[must_use]
    pub fn after(self, head: Vec<u8>) -> Self {
        Self { head: Some(head), ..self }
    }

    /// The same body in another API.
    #[must_use]
    pub fn translated(self, stream: Stream) -> Self {
        Self { translated: Some(stream), ..self }
    }

    /// Reads the body to its end, as long as it is no larger than this.
    ///
    /// # Errors
    /// When the connection broke before the end.
    pub async fn gather(mut self, most_bytes: usize) -> Result<Gathered<W>, Unreachable> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next().await {
            body.extend(chunk?);
            if body.len() > most_bytes {
                return Ok(Gathered::TooLarge(self.after(body)));
            }
        }
        Ok(Gathered::All(body))
    }

    async fn next_chunk(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        let chunks = self.chunks.as_mut()?;
        let (limit_ms, idle_ms) = self.limits_ms;
        self.limits_ms.0 = idle_ms;
        let piece = within(&*self.world, limit_ms, chunks.next()).await;
        let secs = limit_ms / 1000;
        let piece = piece.unwrap_or_else(|| Some(Err(Unreachable(format!("nothing came for {secs} seconds")))));
        if !matches!(piece, Some(Ok(_))) {
            self.chunks = None;
        }
        piece
    }
}

impl<W: World> Chunks for Incoming<W> {
    async fn next(&mut self) -> Option<Result<Vec<u8>, Unreachable>> {
        loop {
            let piece = match self.head.take() {
                Some(head) => Some(Ok(head)),
                None => self.next_chunk().await,
            };
            let Some(stream) = &mut self.translated else { return piece };
            let made = match piece {
                Some(Ok(bytes)) => stream.feed(&bytes),
                Some(Err(why)) => return Some(Err(why)),
                None => {
                    let last = stream.finish();
                    self.translated = None;
                    return (!last.is_empty()).then_some(Ok(last));
                }
            };
            if !made.is_empty() {
                return Some(Ok(made));
            }
        }
    }
}
