//! Verbs that mute, and end mutes.

use super::matchers::conditions;
use super::{Answer, error};
use crate::engine::mute::{Lasts, Mute};
use crate::engine::stage::{Stage, on_stage};
use crate::model::time::later;
use rhai::{Engine, Map};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("mute", |map: Map, length: &str, reason: &str, owner: &str| -> Answer<String> {
        let lasts = Lasts::read(length).map_err(error)?;
        let conditions = conditions(map).map_err(error)?;
        on_stage(|stage| {
            may_change(stage)?;
            let what: Vec<String> =
                conditions.iter().map(|(path, pattern)| format!("{path} = {pattern}")).collect();
            let now = stage.run.now;
            let mut mute = Mute::new(conditions, what.join(", "), owner, reason, now);
            match lasts {
                Lasts::For(length) => mute.until = Some(later(now, length)),
                Lasts::UntilOk => mute.until_ok = true,
                Lasts::Every(span) => mute.every = Some(span),
            }
            stage.add_mute(mute)
        })
        .map_err(error)
    });
    engine.register_fn("unmute", |number: i64, by: &str| -> Answer<String> {
        let none = || error(format!("there is no mute m{number}; `mutes` lists them"));
        let id = u64::try_from(number).map_err(|_| none())?;
        on_stage(|stage| {
            may_change(stage)?;
            stage.unmute(id, by)
        })
        .map_err(error)
    });
}

/// `Err` where the command that runs may only read.
fn may_change(stage: &Stage) -> Result<(), String> {
    match stage.run.only_reads {
        true => Err("it may change nothing: nobody vouches for you, or your role has bounds".to_owned()),
        false => Ok(()),
    }
}
