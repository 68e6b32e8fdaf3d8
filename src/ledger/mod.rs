//! What requests cost: prices, what is written down of each, and the limits that hold.

pub mod export;
pub mod prices;
pub mod record;
