//! Verbs of tests: what happens in a trial, and what is expected of it.

use super::{Answer, duration, error, no_more, take_duration};
use crate::engine::trial::{Found, Trial, Window};
use crate::model::Timestamp;
use crate::span;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rhai::{Array, Dynamic, Engine, Map};
use std::sync::{Arc, Mutex, PoisonError};

/// The trial, as a test holds it.
#[derive(Clone)]
pub struct TestHandle {
    /// The world of this test.
    pub trial: Arc<Mutex<Trial>>,
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<TestHandle>("Test");
    register_world(engine);
    register_states(engine);
    register_people(engine);
    register_expectations(engine);
}

fn on(t: &TestHandle, act: impl FnOnce(&mut Trial) -> Result<(), String>) -> Answer<()> {
    // A panic has ended the test that held it.
    act(&mut t.trial.lock().unwrap_or_else(PoisonError::into_inner)).map_err(error)
}

fn register_world(engine: &mut Engine) {
    engine.register_fn("object", |t: &mut TestHandle, name: &str, fields: Map| {
        let fields = fields
            .into_iter()
            .map(|(path, value)| Ok((path.to_string(), json(&value)?)))
            .collect::<Answer<Vec<(String, serde_json::Value)>>>()?;
        on(t, |trial| trial.object(name, fields))
    });
    engine.register_fn("at", |t: &mut TestHandle, text: &str| {
        on(t, |trial| {
            let moment = moment(text, trial.zone())?;
            trial.set_clock(moment)
        })
    });
    engine.register_fn("wait", |t: &mut TestHandle, length: &str| {
        let length = duration(length)?;
        on(t, |trial| trial.wait(length))
    });
    engine.register_fn("event", |t: &mut TestHandle, line: &str| on(t, |trial| trial.recorded(line)));
    engine.register_fn("gap", |t: &mut TestHandle, length: &str| gap(t, length, Map::new()));
    engine.register_fn("gap", gap);
    engine.register_fn("webhook", |t: &mut TestHandle, name: &str, body: Dynamic| {
        let body = json(&body)?;
        on(t, |trial| trial.webhook(name, body))
    });
    engine.register_fn("reminder", |t: &mut TestHandle, name: &str| on(t, |trial| trial.reminder(name)));
    engine.register_fn("undelivered", |t: &mut TestHandle, target: &str, reason: &str| {
        on(t, |trial| trial.undelivered(target, reason))
    });
}

fn gap(t: &mut TestHandle, length: &str, states: Map) -> Answer<()> {
    let length = duration(length)?;
    let states = states.into_iter().map(|(name, state)| (name.to_string(), state.to_string()));
    on(t, |trial| trial.gap(length, states.collect()))
}

fn register_states(engine: &mut Engine) {
    for (verb, hard) in [("state", true), ("soft", false)] {
        engine.register_fn(verb, move |t: &mut TestHandle, name: &str, state: &str| {
            on(t, |trial| trial.state(name, state, hard, Found::default()))
        });
        engine.register_fn(verb, move |t: &mut TestHandle, name: &str, state: &str, options: Map| {
            let found = found(verb, options)?;
            on(t, |trial| trial.state(name, state, hard, found))
        });
    }
    engine.register_fn("flapping", |t: &mut TestHandle, name: &str, is_flapping: bool| {
        on(t, |trial| trial.flapping(name, is_flapping))
    });
    engine.register_fn("ack", |t: &mut TestHandle, name: &str, author: &str, comment: &str| {
        on(t, |trial| trial.ack(name, author, comment, None, false))
    });
    engine.register_fn(
        "ack",
        |t: &mut TestHandle, name: &str, author: &str, comment: &str, mut options: Map| {
            let length = take_duration(&mut options, "length")?;
            let sticky = take_bool(&mut options, "ack", "sticky")?.unwrap_or(false);
            no_more(&options, "ack", "length, sticky")?;
            on(t, |trial| trial.ack(name, author, comment, length, sticky))
        },
    );
    engine.register_fn("unack", |t: &mut TestHandle, name: &str| on(t, |trial| trial.unack(name)));
    engine.register_fn("comment", |t: &mut TestHandle, name: &str, author: &str, text: &str| {
        on(t, |trial| trial.comment(name, author, text))
    });
    engine.register_fn("downtime", |t: &mut TestHandle, name: &str, length: &str| {
        downtime(t, name, length, Map::new())
    });
    engine.register_fn("downtime", downtime);
    engine.register_fn("end_downtime", |t: &mut TestHandle, name: &str| {
        on(t, |trial| trial.end_downtime(name))
    });
}

fn found(verb: &str, mut options: Map) -> Answer<Found> {
    let found = Found {
        output: options.remove("output").map(|output| output.to_string()),
        attempt: take_number(&mut options, verb, "attempt")?
            .map(|attempt| {
                u32::try_from(attempt).map_err(|_| error(format!("{verb}: `attempt` begins at 1")))
            })
            .transpose()?,
        reachable: take_bool(&mut options, verb, "reachable")?,
        exit_status: take_number(&mut options, verb, "exit_status")?,
        performance_data: options
            .remove("performance_data")
            .and_then(|items| items.into_array().ok())
            .map(|items| items.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
    };
    no_more(&options, verb, "output, attempt, reachable, exit_status, performance_data")?;
    Ok(found)
}

fn downtime(t: &mut TestHandle, name: &str, length: &str, mut options: Map) -> Answer<()> {
    let window = Window {
        length: duration(length)?,
        after: take_duration(&mut options, "after")?,
        author: options.remove("author").map(|author| author.to_string()),
        comment: options.remove("comment").map(|comment| comment.to_string()),
    };
    no_more(&options, "downtime", "after, author, comment")?;
    on(t, |trial| trial.downtime(name, window))
}

fn register_people(engine: &mut Engine) {
    engine.register_fn("person", |t: &mut TestHandle, name: &str, roles: Array| {
        let roles = roles.iter().map(ToString::to_string).collect();
        on(t, |trial| trial.person(name, roles))
    });
    engine.register_fn("say", |t: &mut TestHandle, who: &str, text: &str| {
        on(t, |trial| trial.say(who, text, false))
    });
    engine.register_fn("whisper", |t: &mut TestHandle, who: &str, text: &str| {
        on(t, |trial| trial.say(who, text, true))
    });
}

fn register_expectations(engine: &mut Engine) {
    engine.register_fn("expect", |t: &mut TestHandle, target: &str| on(t, |trial| trial.expect(target, "")));
    engine.register_fn("expect", |t: &mut TestHandle, target: &str, text: &str| {
        on(t, |trial| trial.expect(target, text))
    });
    engine.register_fn("expect_silence", |t: &mut TestHandle| on(t, |trial| trial.expect_silence(None)));
    engine.register_fn("expect_silence", |t: &mut TestHandle, target: &str| {
        on(t, |trial| trial.expect_silence(Some(target)))
    });
    engine.register_fn("expect_dropped", |t: &mut TestHandle, reason: &str| {
        on(t, |trial| trial.expect_dropped(reason))
    });
    engine.register_fn("expect_reply", |t: &mut TestHandle, text: &str| {
        on(t, |trial| trial.expect_reply(text))
    });
    engine.register_fn("expect_action", |t: &mut TestHandle, what: &str, object: &str| {
        on(t, |trial| trial.expect_action(what, object))
    });
    engine.register_fn("expect_incident", |t: &mut TestHandle, name: &str| {
        on(t, |trial| trial.expect_incident(name, true))
    });
    engine.register_fn("expect_no_incident", |t: &mut TestHandle, name: &str| {
        on(t, |trial| trial.expect_incident(name, false))
    });
    engine.register_fn("forget", |t: &mut TestHandle| {
        on(t, |trial| {
            trial.forget();
            Ok(())
        })
    });
}

fn json(value: &Dynamic) -> Answer<serde_json::Value> {
    rhai::serde::from_dynamic(value).map_err(|wrong| error(format!("this is no JSON: {wrong}")))
}

fn take_bool(options: &mut Map, verb: &str, name: &str) -> Answer<Option<bool>> {
    let wrong = |_| error(format!("{verb}: `{name}` takes true or false"));
    options.remove(name).map(|value| value.as_bool().map_err(wrong)).transpose()
}

fn take_number(options: &mut Map, verb: &str, name: &str) -> Answer<Option<i64>> {
    let wrong = |_| error(format!("{verb}: `{name}` takes a whole number"));
    options.remove(name).map(|value| value.as_int().map_err(wrong)).transpose()
}

/// Reads `2026-12-24 22:00 Europe/Berlin`; in the configured zone where none is named.
fn moment(text: &str, zone: TimeZone) -> Result<Timestamp, String> {
    let wrong = || {
        format!("`{text}` is no moment; write it like 2026-12-24 22:00, or 2026-12-24 22:00 Europe/Berlin")
    };
    let mut words = text.split_whitespace();
    let (Some(date), Some(time)) = (words.next(), words.next()) else { return Err(wrong()) };
    let zone = match words.next() {
        Some(name) => span::zone(name)?,
        None => zone,
    };
    if words.next().is_some() {
        return Err(wrong());
    }
    let moment: DateTime = format!("{date}T{time}").parse().map_err(|_| wrong())?;
    moment.to_zoned(zone).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}
