//! Verbs that gather: what many events tell becomes one message.

use super::{Answer, EventHandle, act, no_more, take_duration};
use crate::engine::gather::{At, Pace, Plan};
use crate::engine::stage::{Stage, Words};
use rhai::{Engine, Map};
use std::sync::Arc;
use std::time::Duration;

/// Longest key, in bytes: it names the message.
const LONGEST_KEY: usize = 500;

const WAIT_UNLESS_SAID: Duration = Duration::from_secs(30);
const EVERY_UNLESS_SAID: Duration = Duration::from_secs(300);

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("group", |e: &mut EventHandle, key: &str, mut options: Map| {
        let wait = take_duration(&mut options, "wait")?.unwrap_or(WAIT_UNLESS_SAID);
        let every = take_duration(&mut options, "every")?.unwrap_or(EVERY_UNLESS_SAID);
        no_more(&options, "group", "wait, every")?;
        act(e, |stage, _| {
            let plan = plan(stage, "group", key, Pace::Group { wait, every })?;
            stage.run.plans.from_here = Some(Arc::new(plan));
            Ok(())
        })
    });
    engine.register_fn("digest", |e: &mut EventHandle, target: &str, at: &str| digest(e, target, at, at));
    engine.register_fn("digest", |e: &mut EventHandle, target: &str, at: &str, mut options: Map| {
        let key = options.remove("key").map_or(at.to_owned(), |key| key.to_string());
        no_more(&options, "digest", "key")?;
        digest(e, target, at, &key)
    });
}

fn digest(e: &mut EventHandle, target: &str, at: &str, key: &str) -> Answer<()> {
    act(e, |stage, scene| {
        let at = At::parse(at).map_err(|error| error.to_string())?;
        let plan = plan(stage, "digest", key, Pace::Digest(at))?;
        stage.tell(scene, target, Words::default(), Some(Arc::new(plan)))
    })
}

fn plan(stage: &Stage, verb: &str, key: &str, pace: Pace) -> Result<Plan, String> {
    if key.len() > LONGEST_KEY {
        return Err(format!("{verb}: the key has {} bytes; take at most {LONGEST_KEY}", key.len()));
    }
    let rule = stage.run.rule.clone().ok_or("this can only be called inside a rule")?;
    Ok(Plan { key: key.to_owned(), pace, rule })
}
