//! Commands about the rooms that Watchbell sits in.
//!
//! Never: joins or leaves; whoever keeps the connection is asked.

use super::asked::{Answer, Answered, Asked};
use crate::command::Request;
use crate::engine::outcome::Question;

/// Has a room joined or left; `None` if something else is asked.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let (room, stays) = match request {
        Request::Join(room) => (room, true),
        Request::Part(room) => (room, false),
        _ => return None,
    };
    Some(attend(asked, room, stays))
}

fn attend(asked: &mut Asked<'_>, room: &str, stays: bool) -> Answered {
    asked.permit_beside_objects("a room", 0, None)?;
    let sink = asked.utterance.sink.clone();
    let told_there =
        |(at, to): &(String, Vec<String>)| *at == sink && to.iter().any(|to| to.eq_ignore_ascii_case(room));
    let target = asked.settings().places.iter().find(|(_, place)| told_there(place));
    if let Some((target, _)) = target {
        return Err(match stays {
            true => format!("{room} is joined anyhow: the target `{target}` is told there"),
            false => {
                format!("the target `{target}` is told in {room}; take it out of watchbell.toml to leave")
            }
        });
    }
    asked.ask(Question::Attend { sink, room: room.to_owned(), stays });
    Ok(Answer::Later)
}
