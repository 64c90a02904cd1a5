//! Verbs that mute, and end mutes.

use super::matchers::conditions;
use super::{Answer, duration, error};
use crate::engine::mute::Mute;
use crate::engine::stage::on_stage;
use crate::model::time::later;
use rhai::{Engine, Map};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("mute", |map: Map, length: &str, reason: &str, owner: &str| -> Answer<String> {
        let length = duration(length)?;
        let conditions = conditions(map).map_err(error)?;
        on_stage(|stage| {
            let what: Vec<String> =
                conditions.iter().map(|(path, pattern)| format!("{path} = {pattern}")).collect();
            let mute = Mute {
                id: 0,
                conditions,
                what: what.join(", "),
                owner: owner.to_owned(),
                reason: reason.to_owned(),
                since: stage.run.now,
                until: later(stage.run.now, length),
                events: 0,
            };
            stage.add_mute(mute)
        })
        .map_err(error)
    });
    engine.register_fn("unmute", |number: i64, by: &str| -> Answer<String> {
        let none = || error(format!("there is no mute m{number}; `mutes` lists them"));
        let id = u64::try_from(number).map_err(|_| none())?;
        on_stage(|stage| stage.unmute(id, by)).map_err(error)
    });
}
