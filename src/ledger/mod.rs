//! What a request costs.

pub mod prices;
