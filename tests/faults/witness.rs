//! A bare reader of Icinga's event stream, beside Watchbell: when each change could first
//! be known to anybody. What Icinga keeps to itself is not Watchbell's delay.

use crate::common::channel::now;
use crate::common::icinga::{Icinga, NODE};
use crate::judge::{Driven, Moment};
use crate::load;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// It does nothing but read, and note the time.
pub(crate) struct Witness {
    seen: Arc<Mutex<BTreeMap<u64, Moment>>>,
    reading: JoinHandle<()>,
}

impl Witness {
    /// Subscribes; what changes from here on is seen.
    pub(crate) async fn start(icinga: &Icinga) -> Witness {
        let url = format!("https://{NODE}:{}/v1/events", icinga.port);
        let body = json!({"types": ["StateChange"], "queue": "witness"});
        let request = load::client(icinga).post(url).basic_auth("bot", Some("botpw"));
        let request = request.header("Accept", "application/json").json(&body);
        let mut stream = request.send().await.expect("Icinga answers");
        assert!(stream.status().is_success(), "{}", stream.status());
        let seen: Arc<Mutex<BTreeMap<u64, Moment>>> = Arc::default();
        let notes = Arc::clone(&seen);
        let reading = tokio::spawn(async move {
            let mut rest = Vec::new();
            while let Ok(Some(bytes)) = stream.chunk().await {
                let at = now();
                rest.extend_from_slice(&bytes);
                let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                let lines = rest.drain(..whole).collect::<Vec<u8>>();
                let numbers = lines.split(|byte| *byte == b'\n').filter_map(number);
                locked(&notes).extend(numbers.map(|number| (number, at)));
            }
        });
        Witness { seen, reading }
    }

    /// When Icinga told the first of these changes, and how late it told one of them at most,
    /// in seconds behind its own yes. `None` if it told none.
    pub(crate) fn of(&self, driven: &[Driven]) -> Option<(Moment, f64)> {
        let seen = locked(&self.seen);
        let told = driven.iter().filter_map(|change| Some((*seen.get(&change.number)?, change.ended)));
        told.fold(None, |before, (at, ended)| {
            let (first, late) = before.unwrap_or((f64::MAX, 0.0));
            Some((at.min(first), (at - ended).max(late)))
        })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// The number in what the check wrote.
fn number(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let (_, behind) = text.split_once(r#""output":"n="#)?;
    behind.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
