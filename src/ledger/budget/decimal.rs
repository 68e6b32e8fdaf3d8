//! Decimal numbers as people write them, without ever making a float of one.

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAnAmount {
    /// It is not a decimal number.
    NotANumber,
    /// It is below zero.
    Negative,
    /// It has more digits after the point than are allowed.
    TooFine,
    /// It does not fit.
    TooLarge,
}

/// More zeros than an amount can have.
const MAX_ZEROS: i64 = 38;

/// Reads `12`, `0.15` or `1.5e-1`, times ten to the power of `decimals`: at most so many digits may stand after the
/// point once the exponent is worked in, zeros at the end aside.
///
/// # Errors
/// When it is no such number.
pub(super) fn exact(spelled: &str, decimals: u8) -> Result<u128, NotAnAmount> {
    let (is_negative, unsigned) = spelled.strip_prefix('-').map_or((false, spelled), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned_exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if ![whole, fraction, unsigned_exponent].into_iter().all(is_digits) {
        return Err(NotAnAmount::NotANumber);
    }
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    if is_negative {
        return Err(NotAnAmount::Negative);
    }
    // An exponent that does not fit is far off in its direction.
    let far = if exponent.starts_with('-') { NotAnAmount::TooFine } else { NotAnAmount::TooLarge };
    let exponent: i32 = exponent.parse().map_err(|_| far)?;
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let zeros = i64::from(decimals) + i64::from(exponent) - length(fraction) + length(digits) - length(significant);
    if zeros > MAX_ZEROS {
        return Err(NotAnAmount::TooLarge);
    }
    let zeros = u32::try_from(zeros).map_err(|_| NotAnAmount::TooFine)?;
    let amount = significant.parse::<u128>().ok().and_then(|number| number.checked_mul(10_u128.checked_pow(zeros)?));
    amount.ok_or(NotAnAmount::TooLarge)
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
