//! The report of a drill, on its way to who asked for it.
//!
//! Promises: it is handed out once; who posted the drill and waits no longer is not the only one to
//! know it: then the default target hears it, too. Never: reads what became of a message.

use crate::engine::Engine;
use crate::engine::judge;
use crate::engine::outcome::{By, Notification, Outcome};
use crate::engine::world::AwaitedReport;
use crate::model::event::Trouble;
use crate::model::time::age;
use crate::model::{API, Detail, Event, Reply, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// After how long a request may have been answered by the time the report is on the disk: it waits
/// for 5 s. Better the report comes twice than never.
const GONE_AFTER: Duration = Duration::from_secs(3);

/// Hands a report out, if it is still waited for.
pub(in crate::engine) fn report(
    engine: &mut Engine,
    number: i64,
    report: Reply,
    now: Timestamp,
    outcome: &mut Outcome,
) {
    let Some(awaited) = engine.world_mut().take_report(number) else { return };
    let may_be_gone = awaited.reply.thread.is_empty() || age(awaited.drill.at, now) >= GONE_AFTER;
    if report.sink == API && may_be_gone {
        outcome.notifications.push(to_default(engine, awaited, &report.text, now));
    }
    outcome.replies.push(report);
}

fn to_default(engine: &Engine, awaited: AwaitedReport, report: &str, now: Timestamp) -> Notification {
    let drill = awaited.drill;
    let text = format!("{report}\n  asked for by {} by {API}", drill.by);
    let trouble = Trouble { what: format!("the drill of {}", drill.what), text: text.clone(), over: true };
    let event = Event::ours(now, Detail::Trouble(trouble));
    Notification {
        target: engine.settings().default_target.clone(),
        scene: Arc::new(judge::scene(engine.world(), event, now)),
        by: By::Person(drill.by),
        text: Some(text),
        template: None,
        note: None,
    }
}
