//! Listening to an answer for what was used, whatever becomes of it: a stream that breaks off has been billed too.

use std::fmt;

use crate::canonical::Usage;
use crate::forward::metering::{Meter, Metered};
use crate::forward::uncounted::Unasked;
use crate::ports::Headers;

/// What is done when an answer is over. It is told what was used, if anybody listened, and gives what the client may be
/// told of it.
pub type Done = Box<dyn FnOnce(Option<Metered>) -> Headers>;

/// Counts one answer on its way to the client. Dropped before the end, it has counted what came.
pub struct Tap {
    meter: Option<Meter>,
    headers: Headers,
    /// Takes out what the client did not ask for.
    unasked: Option<Unasked>,
    done: Option<Done>,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

impl Tap {
    /// A tap on the answer that came with these headers. Without a meter it only notices the end.
    #[must_use]
    pub fn new(meter: Option<Meter>, headers: Headers, done: Done) -> Self {
        Self { meter, headers, unasked: None, done: Some(done) }
    }

    /// The same, for a stream in which the provider was asked to count though the client did not ask for it.
    #[must_use]
    pub fn without_unasked(mut self) -> Self {
        self.unasked = Some(Unasked::default());
        self
    }

    /// Listens to more of the answer.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Some(meter) = &mut self.meter {
            meter.feed(bytes);
        }
    }

    /// What of these bytes is for the client.
    pub fn pass(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match &mut self.unasked {
            Some(unasked) => unasked.feed(&bytes),
            None => bytes,
        }
    }

    /// What was held back and is for the client after all.
    pub fn rest(&mut self) -> Vec<u8> {
        self.unasked.take().map(Unasked::finish).unwrap_or_default()
    }

    /// What was used as far as it is known.
    #[must_use]
    pub fn so_far(&self) -> Option<Usage> {
        self.meter.clone().map(|meter| meter.finish(&self.headers).usage)
    }

    /// The answer is over. Gives what the client may be told of it; nothing the second time.
    pub fn end(&mut self) -> Headers {
        let metered = self.meter.take().map(|meter| meter.finish(&self.headers));
        self.done.take().map(|done| done(metered)).unwrap_or_default()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.end();
    }
}
