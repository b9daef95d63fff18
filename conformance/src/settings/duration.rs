//! Times as people write them.

use std::time::Duration;

/// A time such as `90`, `30s`, `5m` or `1h`.
///
/// # Errors
/// What is wrong with the text, and how it is written.
pub fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| "write a number and a unit, such as `30s` or `5m`".to_owned())?;
    let scale = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => return Err(format!("`{other}` is no unit of time; write `s`, `m` or `h`")),
    };
    number.checked_mul(scale).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("5d").is_err() && duration("").is_err() && duration("99999999999999999999h").is_err());
    }
}
