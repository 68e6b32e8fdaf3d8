//! Stands in for the crate `cpu-time`, which does not compile for wasm32. `hnsw_rs` measures with it how long
//! an index takes to free; nearhit has no use for that figure, so no time ever passes here.

use std::time::Duration;

/// A moment of a process's CPU time. All moments are the same.
#[derive(Clone, Copy, Debug)]
pub struct ProcessTime;

impl ProcessTime {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        Self
    }

    /// The CPU time since this moment: always zero.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}
