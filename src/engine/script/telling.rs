//! Verbs that say whom to tell, and whom not.

use super::value::cut;
use super::{Answer, EventHandle, act, no_more, take_duration};
use crate::engine::stage::{Dropped, Words};
use crate::model::time::short_length;
use rhai::{Engine, Map};
use std::time::Duration;

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("notify", |e: &mut EventHandle, target: &str| {
        act(e, |stage, scene| stage.notify(scene, target, Words::default()))
    });
    engine.register_fn("notify", |e: &mut EventHandle, target: &str, mut options: Map| {
        let words = Words {
            text: options.remove("text").map(|text| text.to_string()),
            template: options.remove("template").map(|name| name.to_string()),
        };
        no_more(&options, "notify", "text, template")?;
        act(e, |stage, scene| stage.notify(scene, target, words))
    });
    engine.register_fn("tell_those_told", |e: &mut EventHandle| {
        act(e, |stage, scene| stage.tell_those_told(scene))
    });
    engine.register_fn("escalate", |e: &mut EventHandle, policy: &str| {
        act(e, |stage, scene| stage.escalate(scene, policy))
    });
    engine.register_fn("drop", |e: &mut EventHandle, reason: &str| drop_event(e, reason, None));
    engine.register_fn("drop", |e: &mut EventHandle, reason: &str, mut options: Map| {
        let again = take_duration(&mut options, "again")?;
        no_more(&options, "drop", "again")?;
        drop_event(e, reason, again)
    });
    engine.register_fn("stop", |e: &mut EventHandle| {
        act(e, |stage, _| {
            stage.run.did.push("stop".to_owned());
            stage.run.stopped = true;
            Ok(())
        })
    });
    engine.register_fn("log", |e: &mut EventHandle, text: &str| {
        act(e, |stage, _| {
            stage.run.write_log(cut(text));
            Ok(())
        })
    });
    engine.register_fn("muted", |e: &mut EventHandle| {
        act(e, |stage, scene| Ok(stage.muted_by(scene).is_some()))
    });
    engine.register_fn("muted_by", |e: &mut EventHandle| {
        act(e, |stage, scene| Ok(stage.muted_by(scene).unwrap_or_default()))
    });
    #[cfg(test)]
    engine.register_fn("panic_on_purpose", |e: &mut EventHandle| {
        act(e, |_, _| -> Result<(), String> { panic!("on purpose") })
    });
}

fn drop_event(e: &mut EventHandle, reason: &str, again: Option<Duration>) -> Answer<()> {
    act(e, |stage, scene| {
        // What is judged a second time was counted the first time.
        if let Some(id) = stage.run.muted_by.filter(|_| scene.event.withheld.is_none()) {
            let now = stage.run.now;
            stage.world.count_muted(id, now);
        }
        stage.run.did.push(format!("drop: {reason}"));
        if let Some(again) = again {
            stage.note(format!("judge again in {}", short_length(again.as_secs_f64())));
        }
        stage.run.dropped = Some(Dropped { reason: reason.to_owned(), again });
        Ok(())
    })
}
