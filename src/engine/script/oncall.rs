//! The verb that asks who is on call, at the time at which the event is judged.

use super::{Answer, error};
use crate::engine::stage::on_stage;
use rhai::{Array, Engine};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("oncall", oncall);
}

fn oncall(schedule: &str) -> Answer<Array> {
    on_stage(|stage| {
        let known = stage.settings.schedule(schedule)?;
        let persons = known.on_call(stage.run.now, stage.world.overrides());
        let who = if persons.is_empty() { "nobody".to_owned() } else { persons.join(", ") };
        stage.note(format!("on call for {schedule}: {who}"));
        Ok(persons.into_iter().map(Into::into).collect())
    })
    .map_err(error)
}
