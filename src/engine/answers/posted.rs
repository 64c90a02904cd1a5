//! Commands that were posted at the listening socket.
//!
//! Promises: every one is answered, in the outcome that holds what it led to; one whose key came
//! before is not done again; no answer to one goes to a sink. Never: sees a token.

use super::proof;
use crate::command::rate::Turn;
use crate::config::Person;
use crate::engine::Engine;
use crate::engine::outcome::{Ask, Outcome, Question};
use crate::model::{
    API, Decision, Facts, PostedAnswer, PostedCommand, PostedEnd, Reply, Speaker, Timestamp, Utterance,
    Verdict,
};

/// What is answered where there is no command in a line.
const EMPTY: &str = "there is no command; `help` lists them";
/// What is answered where a command was done before.
const REPEATED: &str = "nothing was done: its key came within 24 hours before, and the command was done then";

/// Does what a command asks, and answers it.
pub(in crate::engine) fn answer(
    engine: &mut Engine,
    posted: PostedCommand,
    now: Timestamp,
    outcome: &mut Outcome,
) {
    let settings = engine.stage().settings.clone();
    let answer = match settings.persons.get(&posted.person) {
        Some(person) => obey(engine, &posted, person, now, outcome),
        // So only where the journal is played under another configuration.
        None => answered(&posted, String::new(), PostedEnd::Denied),
    };
    outcome.answers.push(answer);
}

fn obey(
    engine: &mut Engine,
    posted: &PostedCommand,
    person: &Person,
    now: Timestamp,
    outcome: &mut Outcome,
) -> PostedAnswer {
    let utterance = utterance(&posted.person, posted.line.clone(), posted.at);
    let heard = proof::hear_from(engine, &utterance, person, "by a token", now);
    if heard.1 == Turn::Answer && engine.world_mut().knows_command(posted) {
        outcome.decisions.push(repeated(engine, posted, now));
        return answered(posted, REPEATED.to_owned(), PostedEnd::Repeated);
    }
    let prefix = engine.settings().prefix.clone();
    let Some(line) = super::command_line(&utterance, &prefix) else {
        return answered(posted, EMPTY.to_owned(), PostedEnd::NotUnderstood);
    };
    let (replies, actions, asks) = (outcome.replies.len(), outcome.actions.len(), outcome.asks.len());
    let end = super::answer_line(engine, line, heard, &utterance, now, outcome);
    let texts: Vec<String> = outcome.replies.drain(replies..).map(|reply| reply.text).collect();
    let Some(end) = end else { return answered(posted, EMPTY.to_owned(), PostedEnd::NotUnderstood) };
    if matches!(end, PostedEnd::Done | PostedEnd::Asked) {
        engine.world_mut().take_command(posted);
    }
    let mut answer = answered(posted, texts.join("\n"), end);
    for action in outcome.actions[actions..].iter_mut().filter(|action| action.reply_to.is_some()) {
        action.thread = vec![posted.request.clone()];
        answer.later += 1;
    }
    for ask in &mut outcome.asks[asks..] {
        ask.reply.thread = vec![posted.request.clone()];
        answer.later += usize::from(is_answered(ask));
    }
    answer
}

/// Whether an answer to this comes back; what comes of a reload is told to all.
fn is_answered(ask: &Ask) -> bool {
    !matches!(ask.question, Question::Reload { .. })
}

fn answered(posted: &PostedCommand, text: String, end: PostedEnd) -> PostedAnswer {
    PostedAnswer { request: posted.request.clone(), text, end, later: 0 }
}

/// A line as it is said at the socket.
pub(super) fn utterance(person: &str, text: String, at: Timestamp) -> Utterance {
    Utterance {
        sink: API.to_owned(),
        room: API.to_owned(),
        private: true,
        speaker: Speaker { nick: person.to_owned(), account: None, local: false },
        text,
        at,
    }
}

/// A command as it may be shown: without the one-time code in it.
pub fn shown(posted: &PostedCommand, prefix: &str) -> String {
    super::shown(&utterance(&posted.person, posted.line.clone(), posted.at), prefix)
}

fn repeated(engine: &Engine, posted: &PostedCommand, now: Timestamp) -> Decision {
    Decision {
        at: now,
        event: "Command".to_owned(),
        object: String::new(),
        incident: None,
        summary: format!("{} in {API}: {}", posted.person, shown(posted, &engine.settings().prefix)),
        verdict: Verdict::Dropped("it was sent again: its key came within 24 hours before".to_owned()),
        steps: Vec::new(),
        ruleset: engine.ruleset.hash().to_owned(),
        facts: Facts::default(),
    }
}

/// An answer that comes later, to the request that a thread names; `None` where it names none, as
/// nobody waits for it then.
pub(super) fn later(thread: &[String], text: String) -> Option<PostedAnswer> {
    let request = thread.first()?.clone();
    Some(PostedAnswer { request, text, end: PostedEnd::Done, later: 0 })
}

/// A right is missing, as was found where the command is done: a program hears that apart.
pub(in crate::engine) fn denied(reply: Reply, outcome: &mut Outcome) {
    if reply.sink == API {
        let answer = later(&reply.thread, reply.text);
        outcome.answers.extend(answer.map(|answer| PostedAnswer { end: PostedEnd::Denied, ..answer }));
    } else {
        outcome.replies.push(reply);
    }
}

/// Takes what is said to the socket out of what is said to rooms: there is no such sink. What
/// answers no request is heard by nobody.
pub(in crate::engine) fn sort_out(outcome: &mut Outcome) {
    let replies = std::mem::take(&mut outcome.replies);
    let (posted, others): (Vec<Reply>, Vec<Reply>) = replies.into_iter().partition(|reply| reply.sink == API);
    outcome.replies = others;
    let answers = posted.into_iter().filter_map(|reply| later(&reply.thread, reply.text));
    outcome.answers.extend(answers);
}
