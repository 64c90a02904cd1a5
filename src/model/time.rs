//! Moments and lengths of time, as people write and read them.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use std::time::Duration;

/// A moment, to the nanosecond, without a zone.
pub type Timestamp = jiff::Timestamp;

/// Why a length of time was not understood.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{0}` is not a length of time; write it like 90s, 15m, 2h, 1h30m or 7d")]
pub struct DurationError(pub String);

/// Reads a length of time such as `90s`, `15m`, `1h30m`, `2d` or `1w`.
///
/// A day is 24 hours. Units: `s`, `m`, `h`, `d`, `w`, each at most once or more,
/// added up. Zero, negative and longer than 10 years are errors.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let mut seconds: u64 = 0;
    let mut number: Option<u64> = None;
    for character in text.trim().chars() {
        if let Some(digit) = character.to_digit(10) {
            let next = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit.into()));
            number = Some(next.ok_or_else(error)?);
            continue;
        }
        let unit: u64 = match character.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(error()),
        };
        let part = number.take().ok_or_else(error)?.checked_mul(unit).ok_or_else(error)?;
        seconds = seconds.checked_add(part).ok_or_else(error)?;
    }
    const TEN_YEARS: u64 = 3653 * 86_400;
    if number.is_some() || seconds == 0 || seconds > TEN_YEARS {
        return Err(error());
    }
    Ok(Duration::from_secs(seconds))
}

/// Makes a moment of Icinga's Unix seconds with fraction. `None` for what is no
/// moment: not finite, or outside the years -9999 to 9999.
pub fn from_unix_seconds(seconds: f64) -> Option<Timestamp> {
    let duration = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}

/// As [`from_unix_seconds`], where Icinga's 0 means "none".
pub fn from_optional_unix_seconds(seconds: f64) -> Option<Timestamp> {
    if seconds > 0.0 { from_unix_seconds(seconds) } else { None }
}

/// The moment this much later; the last moment there is where that lies beyond it. The
/// times of a recording may be anything.
pub fn later(moment: Timestamp, length: Duration) -> Timestamp {
    moment.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// How long ago a moment was; zero where it lies ahead.
pub fn age(moment: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(moment).try_into().unwrap_or_default()
}

/// Writes a moment for reading, with the zone, as it may be the hour that comes twice:
/// `Sun 2026-11-22 13:00 UTC`.
pub fn in_full(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime("%a %F %H:%M %Z").to_string()
}

/// Writes a length for reading in full: `2 days, 1:00:00`, `0:10:00`.
pub fn long_length(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let clock = format!("{}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match seconds / 86_400 {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

/// Writes a length in its two largest units: `2d 1h`, `3m 20s`, `5s`.
pub fn short_length(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let Some(first) = parts.iter().position(|(number, _)| *number > 0) else {
        return "0s".to_owned();
    };
    let shown: Vec<String> = parts[first..]
        .iter()
        .take(2)
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172_800), ("1w", 604_800), (" 5M ", 300)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "h", "-5m", "0s", "5 m", "five minutes", "99999999999999999999s", "9999w"] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(error.contains("15m"), "{error}");
        }
    }

    #[test]
    fn lengths_read_well() {
        assert_eq!(long_length(2.0 * 86_400.0 + 3600.0), "2 days, 1:00:00");
        assert_eq!(long_length(86_400.0), "1 day, 0:00:00");
        assert_eq!(long_length(600.0), "0:10:00");
        assert_eq!(short_length(90.4), "1m 30s");
        assert_eq!(short_length(176_400.0), "2d 1h");
        assert_eq!(short_length(0.2), "0s");
        assert_eq!(short_length(7200.0), "2h");
    }

    #[test]
    fn arithmetic_stays_inside_of_time() {
        let minute = Duration::from_secs(60);
        assert_eq!(later(Timestamp::MAX, minute), Timestamp::MAX);
        assert_eq!(later(Timestamp::UNIX_EPOCH, minute), Timestamp::from_second(60).expect("a moment"));
        assert_eq!(age(Timestamp::UNIX_EPOCH, later(Timestamp::UNIX_EPOCH, minute)), minute);
        assert_eq!(age(Timestamp::MAX, Timestamp::MIN), Duration::ZERO);
        assert!(age(Timestamp::MIN, Timestamp::MAX) > minute);
    }

    #[test]
    fn moments_that_are_none_are_none() {
        for seconds in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert_eq!(from_unix_seconds(seconds), None);
        }
        assert_eq!(from_optional_unix_seconds(0.0), None);
    }
}
