//! What runs once, when an instance of the Worker starts.

use worker::{event, wasm_bindgen};

#[expect(unsafe_code, reason = "declared to be called once, below")]
unsafe extern "C" {
    /// Made by the linker: runs the constructors of the crates that register things before `main` (tract's kernels).
    fn __wasm_call_ctors();
}

/// Runs the constructors. A module that never calls them gets a call at the top of every exported function instead,
/// thousands a second: the linker takes it for a program that is entered once.
#[event(start)]
fn start() {
    #[expect(
        unsafe_code,
        reason = "the linker's own function; it takes nothing, and this is the one place that calls it"
    )]
    unsafe {
        __wasm_call_ctors();
    }
}
