//! Answers about what one person hears in private: `watch`, `unwatch`, `quiet`.

use super::asked::{Answer, Answered, Asked};
use super::find::Kind;
use super::lists::capped;
use crate::command::Request;
use crate::engine::watch::Watch;
use crate::model::time::in_full;
use crate::model::{API, State};

/// Answers what is asked about watches; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let done = match request {
        Request::Watch(object) => watch(asked, object),
        Request::Watching => known(asked).map(|who| list(asked, &who)),
        Request::Unwatch(object) => unwatch(asked, object),
        Request::Quiet(until) => known(asked).map(|who| {
            asked.engine.world_mut().set_quiet(&who, *until);
            match until {
                None => "you hear all again".to_owned(),
                Some(until) => {
                    let until = in_full(*until, &asked.settings().zone);
                    format!("until {until} you hear in private only what is CRITICAL or DOWN")
                }
            }
        }),
        _ => return None,
    };
    Some(done.map(Answer::Text))
}

/// Under which name somebody is known. A nick is nobody's for long.
fn known(asked: &Asked<'_>) -> Result<String, String> {
    let nobody = || format!("only somebody known is told in private: {}", asked.caller.standing);
    asked.caller.author.clone().ok_or_else(nobody)
}

fn watch(asked: &mut Asked<'_>, object: &str) -> Result<String, String> {
    let who = known(asked)?;
    if asked.utterance.sink == API {
        return Err("nobody is told anything here later; say it in chat".to_owned());
    }
    let object = asked.find(object, Kind::Any)?;
    let status = asked.world().status(&object);
    let (room, sink, since) = (asked.utterance.private_room(), asked.utterance.sink.clone(), asked.now);
    let is_new = asked.engine.world_mut().watch(Watch { object: object.clone(), who, sink, room, since })?;
    let state = status.state.map_or("not checked yet", State::name);
    let again = if is_new { "" } else { " still" };
    Ok(format!("you{again} hear of each change of {object} in private until it is well; it is {state} now"))
}

fn list(asked: &Asked<'_>, who: &str) -> String {
    let watched = asked.world().watched_by(who);
    if watched.is_empty() {
        return "you watch nothing".to_owned();
    }
    let state =
        |watch: &Watch| asked.world().status(&watch.object).state.map_or("not checked yet", State::name);
    let lines = watched.iter().map(|watch| format!("  {} ({})", watch.object, state(watch))).collect();
    let head = format!("you watch {}:", watched.len());
    std::iter::once(head).chain(capped(lines, "unwatch")).collect::<Vec<_>>().join("\n")
}

fn unwatch(asked: &mut Asked<'_>, object: &str) -> Result<String, String> {
    let who = known(asked)?;
    let mut watched = asked.world().watched_by(&who);
    if object != "all" {
        let object = asked.find(object, Kind::Any)?;
        watched.retain(|watch| watch.object == object);
        if watched.is_empty() {
            return Err(format!("you do not watch {object}"));
        }
    }
    watched.iter().for_each(|watch| asked.engine.world_mut().unwatch(watch));
    let names: Vec<String> = watched.iter().map(|watch| watch.object.to_string()).collect();
    Ok(if names.is_empty() {
        "you watch nothing".to_owned()
    } else {
        format!("you no longer watch {}", names.join(", "))
    })
}
