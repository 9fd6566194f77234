//! Times on the command line: `1s`, `500ms`, `20` (ms), `100us`, `2min`.

use std::fmt;
use std::str::FromStr;

/// A time, ms.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Duration(pub f64);

/// Units with their milliseconds; the longest names first, so that `ms` is not read as `s`.
const UNITS: [(&str, f64); 5] = [("min", 60_000.0), ("ms", 1.0), ("us", 1e-3), ("s", 1000.0), ("", 1.0)];

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Duration, String> {
        let trimmed = text.trim();
        let part = UNITS.iter().find_map(|(unit, ms)| Some((trimmed.strip_suffix(unit)?, ms)));
        let time = part.and_then(|(number, ms)| Some(number.trim_end().parse::<f64>().ok()? * ms));
        match time.filter(|ms| ms.is_finite() && *ms >= 0.0) {
            Some(ms) => Ok(Duration(ms)),
            None => Err(format!("expected a time such as 1s, 500ms, 100us, 2min or 20 (ms), got `{text}`")),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Duration(ms) = self;
        if *ms >= 1000.0 { write!(f, "{} s", ms / 1000.0) } else { write!(f, "{ms} ms") }
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn units_are_understood() {
        for (text, ms) in
            [("1s", 1000.0), ("500ms", 500.0), ("20", 20.0), ("100 us", 0.1), ("2min", 120_000.0), ("1e3s", 1e6)]
        {
            assert_eq!(text.parse(), Ok(Duration(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "nan", "inf", "1h", "1 s s", "one"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        assert_eq!([Duration(1500.0), Duration(0.1)].map(|time| time.to_string()), ["1.5 s", "0.1 ms"]);
    }
}
