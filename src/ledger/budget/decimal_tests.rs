use super::NotAnAmount::{Negative, NotANumber, TooFine, TooLarge};
use super::*;

#[test]
fn decimal_numbers_are_read_exactly() {
    let table = [
        ("0", 12, Ok(0)),
        ("-0.000", 12, Ok(0)),
        ("0e999999999999999999999", 12, Ok(0)),
        ("25", 12, Ok(25_000_000_000_000)),
        ("25.5", 12, Ok(25_500_000_000_000)),
        ("0.1", 12, Ok(100_000_000_000)),
        ("0.000000000001", 12, Ok(1)),
        ("0.0000000000010000", 12, Ok(1)),
        ("0.0000000000011", 12, Err(TooFine)),
        ("1e-12", 12, Ok(1)),
        ("1e-13", 12, Err(TooFine)),
        ("10e-13", 12, Ok(1)),
        ("2.5e1", 12, Ok(25_000_000_000_000)),
        ("2.5E+1", 12, Ok(25_000_000_000_000)),
        ("1e3", 0, Ok(1000)),
        ("1000.0", 0, Ok(1000)),
        ("1000.5", 0, Err(TooFine)),
        ("0.8", 3, Ok(800)),
        ("340282366920938463463374607431768211455", 0, Ok(u128::MAX)),
        ("340282366920938463463374607431768211456", 0, Err(TooLarge)),
        ("1e38", 0, Ok(10_u128.pow(38))),
        ("1e39", 0, Err(TooLarge)),
        ("9e38", 0, Err(TooLarge)),
        ("1e2147483648", 0, Err(TooLarge)),
        ("1e-2147483649", 12, Err(TooFine)),
        ("-5", 12, Err(Negative)),
        ("-1e-99", 12, Err(Negative)),
    ];
    for (spelled, decimals, expected) in table {
        assert_eq!(exact(spelled, decimals), expected, "{spelled} with {decimals} decimals");
    }
}

#[test]
fn what_is_no_decimal_number_is_refused() {
    let long = "1e".repeat(1000);
    let texts = [
        "", " ", "NaN", "nan", "inf", "Infinity", "-", "+5", "--5", " 5", "5 ", "1,5", "1_000", "0x10", "1.", ".5",
        "1.2.3", "1e", "e5", "1e5.5", "1e+-5", "1e5e5", "١", "$5", "5 USD", &long,
    ];
    for text in texts {
        assert_eq!(exact(text, 12), Err(NotANumber), "{text:?}");
    }
}
