//! Answers from the audit: why somebody heard of something or did not, and what was given up.
//!
//! Never: reads the audit; it is asked, and the answer comes later.

use super::asked::{Answer, Answered, Asked};
use super::find::{Kind, find_past};
use super::select::LAST;
use crate::command::Request;
use crate::engine::Case;
use crate::engine::outcome::Question;
use crate::model::About;

/// Answers what is asked of the audit; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let question = match request {
        Request::History { object, count } => {
            let count = *count;
            about(asked, object).map(|about| Question::History { about, count })
        }
        Request::Why(what) => about(asked, what).map(Question::Why),
        Request::WhyNot { object, target } => why_not(asked, object, target),
        Request::Dead(target) => Ok(Question::Dead { target: target.clone() }),
        Request::ReplayDead(ids) => {
            let (within, command) = (asked.within(), Box::new(asked.commanded()));
            Ok(Question::ReplayDead { ids: ids.clone(), within, command })
        }
        _ => return None,
    };
    Some(question.map(|question| {
        asked.ask(question);
        Answer::Later
    }))
}

fn about(asked: &mut Asked<'_>, what: &str) -> Result<About, String> {
    let (world, about) = (asked.world(), About::parse(what));
    let named = matches!(about, About::Object(_)) || world.object_keys().any(|key| key.name() == what);
    if named {
        return Ok(About::Object(asked.find(what, Kind::Any)?.name().to_owned()));
    }
    Ok(about)
}

fn why_not(asked: &mut Asked<'_>, object: &str, target: &str) -> Result<Question, String> {
    let key = match object {
        LAST => asked.find(object, Kind::Any)?,
        _ => find_past(asked.world(), object)?,
    };
    let case = Case::of(asked.world(), asked.settings(), asked.ruleset(), &key, target, asked.now)?;
    Ok(Question::WhyNot(Box::new(case)))
}
