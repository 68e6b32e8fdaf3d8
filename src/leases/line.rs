//! The line between a leader and its shard: one request whose body stays open while the leader works. What it carries
//! is framed here; that it breaks off is how the shard learns of the leader's death.

use serde::{Deserialize, Serialize};

use crate::cache::key::Digest;
use crate::ports::{GaveUp, Lease, ShardFault, Store};

/// The largest frame that is read, in bytes: an answer as large as one may be kept, and a batch of them.
const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// What a leader tells its shard, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame {
    /// Which lease it has.
    Hello(Lease),
    /// The upstream's answer has begun. With the digest of a request, its bytes follow as they come.
    Begin(Option<Digest>),
    /// Bytes of the answer.
    Feed(Vec<u8>),
    /// The end: these entries are to be kept.
    Keep(Vec<Store>),
    /// The end: there is nothing to keep.
    GiveUp(GaveUp),
}

impl Frame {
    /// The frame on the wire: its length in four bytes, then postcard.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let body = postcard::to_stdvec(self).unwrap_or_default();
        let mut bytes = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        bytes.extend(body);
        bytes
    }
}

/// Reads frames out of a byte stream that is cut anywhere.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// Takes the next bytes and returns the frames that they complete.
    ///
    /// # Errors
    /// When they are none.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, ShardFault> {
        let unreadable = || ShardFault("a leader's line holds what is no frame".into());
        self.buffer.extend_from_slice(bytes);
        let (mut frames, mut at) = (Vec::new(), 0);
        while let Some((head, rest)) = self.buffer[at..].split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*head) as usize;
            if length > MAX_FRAME_BYTES {
                return Err(unreadable());
            }
            let Some(body) = rest.get(..length) else { break };
            frames.push(postcard::from_bytes(body).map_err(|_| unreadable())?);
            at += head.len() + length;
        }
        self.buffer.drain(..at);
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_again_whatever_their_pieces() {
        let frames = [
            Frame::Hello(Lease { key: Digest([7; 32]), token: 9 }),
            Frame::Begin(Some(Digest([8; 32]))),
            Frame::Feed(b"data: x\n\n".to_vec()),
            Frame::Feed(Vec::new()),
            Frame::GiveUp(GaveUp::Alone),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        for size in 1..bytes.len() {
            let mut reader = Reader::default();
            let read: Vec<Frame> = bytes.chunks(size).flat_map(|piece| reader.feed(piece).unwrap()).collect();
            assert_eq!(read, frames, "{size} bytes a piece");
        }
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        assert!(Reader::default().feed(&[0xff; 8]).is_err());
        assert!(Reader::default().feed(&[0, 0, 0, 1, 0xff]).is_err());
    }
}
