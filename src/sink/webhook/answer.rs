//! What an answer means. Pure.

use crate::model::Timestamp;
use crate::sink::{Receipt, SendError, plain};
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use std::time::Duration;

/// How many characters of the answer are quoted.
const LONGEST_QUOTE: usize = 200;

/// The longest wait that a service can ask for. No alert shall be put off for
/// longer on the word of a stranger.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An answer, its secrets removed.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// What `Retry-After` asks for.
    pub(super) after: Option<Duration>,
    /// The beginning of the body; any text.
    pub(super) words: String,
}

impl Answer {
    /// 2xx is accepted. 408, 425, 429 and 5xx may pass; all else stays as it is,
    /// redirects too, for they are not followed.
    pub(super) fn verdict(self) -> Result<Receipt, SendError> {
        let words = plain::one_line(&self.words, LONGEST_QUOTE);
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        let reason = format!("HTTP {}{said}", self.status);
        match self.status.as_u16() {
            200..=299 => Ok(Receipt(reason)),
            408 | 425 | 429 | 500..=599 => Err(SendError::Retry { reason, after: self.after }),
            300..=399 => Err(SendError::Rejected(format!(
                "{reason}; redirects are not followed, set `url` to where it leads"
            ))),
            _ => Err(SendError::Rejected(reason)),
        }
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. At most an hour;
/// a date that has passed means at once; `None` for anything else.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, words: &str) -> Result<Receipt, SendError> {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, after: Some(Duration::from_secs(7)), words: words.to_owned() }.verdict()
    }

    #[test]
    fn each_status_means_one_thing() {
        for status in [200, 201, 202, 204] {
            assert!(verdict(status, "").is_ok(), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            match verdict(status, "") {
                Err(SendError::Retry { after, .. }) => assert_eq!(after, Some(Duration::from_secs(7))),
                other => panic!("{status}: {other:?}"),
            }
        }
        for status in [301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422] {
            assert!(matches!(verdict(status, ""), Err(SendError::Rejected(_))), "{status}");
        }
    }

    #[test]
    fn the_service_is_quoted_harmlessly_and_briefly() {
        assert_eq!(verdict(200, ""), Ok(Receipt("HTTP 200 OK".to_owned())));
        assert_eq!(
            verdict(400, " no\x1b[2J\r\nroute \n"),
            Err(SendError::Rejected("HTTP 400 Bad Request: no␛[2J route".to_owned()))
        );
        let Err(SendError::Rejected(long)) = verdict(400, &"ä".repeat(5000)) else {
            panic!("400 is final");
        };
        assert_eq!(long.chars().filter(|character| *character == 'ä').count(), LONGEST_QUOTE - 1);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a moment");
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("86400", Some(3600)),
            ("Sun, 01 Mar 2026 12:00:30 GMT", Some(30)),
            ("Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("Mon, 01 Mar 2026 12:00:30 GMT", None),
            ("Wed, 01 Mar 2028 12:00:00 GMT", Some(3600)),
            ("-5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999999", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(value, now), expected, "{value:?}");
        }
    }
}
