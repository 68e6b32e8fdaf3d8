//! How totals are written down: a byte with the version of the form, four bytes with a checksum, and the value in
//! postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the value: version and checksum.
const HEAD_BYTES: usize = 5;

/// Something that a row of a ledger holds, or one ledger tells another place.
pub trait Stored: Serialize + DeserializeOwned {
    /// The version of its form; a new one for every change of what postcard writes.
    const VERSION: u8;

    /// The value as bytes. They are empty when postcard cannot write it, which no type here makes happen.
    fn encode(&self) -> Vec<u8> {
        let Ok(body) = postcard::to_stdvec(self) else { return Vec::new() };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
        bytes.push(Self::VERSION);
        bytes.extend(checksum(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// The value that these bytes hold; nothing when they are of another version, or damaged.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        let (sum, body) = bytes.split_first_chunk::<4>()?;
        let is_whole = *version == Self::VERSION && u32::from_le_bytes(*sum) == checksum(body);
        let (value, rest) = postcard::take_from_bytes(is_whole.then_some(body)?).ok()?;
        rest.is_empty().then_some(value)
    }
}

/// FNV-1a in 32 bits: against damage, not against people.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
