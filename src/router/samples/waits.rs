//! What rules asked for beforehand.

use super::Sample;
use super::stage::{at, in_state, our_scene, sample, service_scene, with_incident};
use crate::model::event::Timer;
use crate::model::{Detail, State};

pub(super) fn timers() -> Vec<Sample> {
    let timer = Timer {
        name: "nobody took it".to_owned(),
        data: serde_json::json!({ "team": "shop", "step": 2 }),
        rule: "escalate".to_owned(),
        set_at: at(-900),
    };
    let bare = Timer { data: serde_json::Value::Null, ..timer.clone() };
    let of_problem = service_scene(Detail::Timer(timer));
    let of_problem = with_incident(in_state(of_problem, State::Critical, 900), 900, false);
    vec![
        sample("a timer of a problem", of_problem),
        sample("a timer about no object", our_scene("watchbell", Detail::Timer(bare))),
    ]
}
