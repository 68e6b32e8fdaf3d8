//! May a request be looked up, may its answer be kept, and under which key.

pub mod directives;
pub mod entry;
pub mod key;
