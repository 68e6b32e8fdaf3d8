//! What requests cost: prices, what is written down of each, the limits that hold, and the sums.

pub mod book;
pub mod budget;
pub mod export;
pub mod point;
pub mod prices;
pub mod record;
pub mod totals;
