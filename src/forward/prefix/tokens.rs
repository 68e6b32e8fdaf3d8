//! How many tokens a text has at least. A provider's own tokenizer would not fit beside the models here; what is needed
//! is only whether a prefix is long enough for the provider's cache.

/// Bytes that a token of a current tokenizer holds at most on average, over prose, code and JSON. English prose has
/// about 4.5 with `OpenAI`'s o200k and less with Anthropic's; JSON and code have fewer, other scripts fewer still.
/// Too large a figure costs a hint to a prefix that is barely long enough; too small a one would set marks that do nothing.
pub const BYTES_A_TOKEN: usize = 5;

/// The lowest number of tokens that JSON text of this form stands for.
#[must_use]
pub fn at_least(raw: &str) -> usize {
    unescaped_bytes(raw) / BYTES_A_TOKEN
}

/// The length of a JSON text with its escapes taken for what they stand for, in bytes.
fn unescaped_bytes(raw: &str) -> usize {
    let bytes = raw.as_bytes();
    let (mut at, mut length) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        // `\n` is one byte, `\u00e9` two or three; of a pair of surrogates each half counts as two.
        let (step, counts) = match (byte, bytes.get(at + 1)) {
            (b'\\', Some(b'u')) => (6, 2),
            (b'\\', Some(_)) => (2, 1),
            _ => (1, 1),
        };
        at += step;
        length += counts;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_count_for_what_they_stand_for() {
        assert_eq!(unescaped_bytes("\"a\\n\\u00e9\""), 6);
        assert_eq!(at_least(&"12345".repeat(1024)), 1024);
        assert_eq!(at_least("\\"), 0);
    }
}
