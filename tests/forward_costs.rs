//! What forwarding costs: traces through the whole gateway against simulated prefix caches, and labelled prompts through
//! a route of three models. `npm run bench:forward` prints the tables.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "forward/bytes.rs"]
mod bytes;
#[path = "forward/costs.rs"]
mod costs;
mod providers;
#[path = "forward/replay.rs"]
mod replay;
#[path = "forward/routes.rs"]
mod routes;
#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;
