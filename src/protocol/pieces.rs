//! Cutting a stored text into the deltas of a stream.

/// About how many characters one replayed delta carries: small enough to be read as it comes, large enough not to
/// multiply the bytes.
const DELTA_CHARS: usize = 64;

/// Cuts a text into pieces of about [`DELTA_CHARS`] characters, at the next white space. Together they are the text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .char_indices()
            .skip(DELTA_CHARS)
            .find(|&(k, c)| c.is_whitespace() || k > 4 * DELTA_CHARS)
            .map_or(rest.len(), |(k, _)| k);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}
