//! Which half of the labelled prompts in `models/routing/prompts.jsonl` a prompt belongs to.

use sha2::{Digest, Sha256};

/// Goes before each id. `models/routing/fit_difficulty.py` has the same.
const SEED: &str = "nearhit-difficulty-1";

/// Whether a prompt is kept back for reporting: nothing may be fitted, chosen or written by its text or label. By the
/// last bit of the first byte of SHA-256 of the seed and the id.
#[must_use]
pub fn is_held_out(id: &str) -> bool {
    let digest = Sha256::new().chain_update(SEED).chain_update(id).finalize();
    digest.first().is_some_and(|byte| byte & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Python's hashlib.
    #[test]
    fn the_split_is_the_one_that_the_fit_was_made_with() {
        for id in ["easy-2", "s1-001", "s1-002"] {
            assert!(is_held_out(id), "{id}");
        }
        for id in ["a", "b", "easy-1", "s2-100"] {
            assert!(!is_held_out(id), "{id}");
        }
    }
}
