//! Answers to mails: what is asked in one, of the object that the mail was about.
//!
//! Promises: only a person of the configuration whose address the mail had gone to is
//! answered and obeyed; a mail that is read again counts once; what is no command is a
//! comment, and changes no more than that. Never: names another object than the mail's.

use super::find::{Kind, find, find_past};
use super::proof;
use crate::command::{permit, verbs};
use crate::engine::Engine;
use crate::engine::outcome::Outcome;
use crate::engine::world::World;
use crate::model::{
    Decision, Facts, MailAnswer, MailRefused, Reply, Speaker, Subject, Timestamp, Utterance, Verdict,
};

/// The commands that an answer may be. Their object is that of the mail.
const COMMANDS: [&str; 4] = ["ack", "unack", "comment", "recheck"];
/// What people write to say that they have taken a problem on.
const TAKEN: [&str; 4] = ["ack", "acked", "acknowledged", "acknowledge"];
/// The comment of an `ack` that says nothing else.
const NO_WORDS: &str = "by mail";

/// Does what an answer asks, and has its writer hear how that went.
pub(in crate::engine) fn answer(
    engine: &mut Engine,
    mail: MailAnswer,
    now: Timestamp,
    outcome: &mut Outcome,
) {
    let settings = engine.stage().settings.clone();
    let Some(person) = permit::by_mail(&mail.from, &settings.persons) else {
        let reason = "no [person] of watchbell.toml has this `mail`";
        return drop_it(engine, &mail.from, &mail.mailbox, reason, now, outcome);
    };
    if let Err(reason) = engine.world_mut().take_mail(&mail) {
        return drop_it(engine, &mail.from, &mail.mailbox, &reason, now, outcome);
    }
    let (replies, actions) = (outcome.replies.len(), outcome.actions.len());
    match command(&engine.stage_ref().world, &mail) {
        Ok(line) => {
            let utterance = utterance(&mail, line);
            let (caller, turn) = proof::hear_from(engine, &utterance, person, "by an answer to a mail", now);
            // A mail is not read again, and nobody sees from silence that it did not count.
            let heard = (caller, turn.said_each_time());
            super::answer_line(engine, &utterance.text, heard, &utterance, now, outcome);
        }
        Err(reason) => {
            let text = format!("nothing was done: {reason}");
            outcome.replies.push(Reply {
                sink: mail.sink.clone(),
                room: mail.from.clone(),
                text,
                at: mail.at,
                thread: Vec::new(),
            });
            drop_it(engine, &mail.from, &mail.mailbox, &reason, now, outcome);
        }
    }
    for reply in &mut outcome.replies[replies..] {
        reply.thread.clone_from(&mail.thread);
    }
    for action in &mut outcome.actions[actions..] {
        action.thread.clone_from(&mail.thread);
    }
}

/// Keeps in the audit that a mail did not count.
pub(in crate::engine) fn refused(engine: &Engine, mail: &MailRefused, now: Timestamp, outcome: &mut Outcome) {
    drop_it(engine, &mail.from, &mail.mailbox, &mail.reason, now, outcome);
}

fn drop_it(engine: &Engine, from: &str, mailbox: &str, reason: &str, now: Timestamp, outcome: &mut Outcome) {
    outcome.decisions.push(Decision {
        at: now,
        event: "Mail".to_owned(),
        object: String::new(),
        incident: None,
        summary: format!("from `{from}` to {mailbox}"),
        verdict: Verdict::Dropped(reason.to_owned()),
        steps: Vec::new(),
        ruleset: engine.ruleset.hash().to_owned(),
        facts: Facts::default(),
    });
}

fn utterance(mail: &MailAnswer, text: String) -> Utterance {
    Utterance {
        sink: mail.sink.clone(),
        room: mail.from.clone(),
        private: true,
        speaker: Speaker { nick: mail.from.clone(), account: None, local: false },
        text,
        at: mail.at,
    }
}

/// The command in an answer, with the object of the mail. `Err` holds what to answer.
fn command(world: &World, mail: &MailAnswer) -> Result<String, String> {
    let text = mail.text.as_ref().map_err(Clone::clone)?;
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let name = first.trim_start_matches('!').to_lowercase();
    let verb = verbs::find(&name).map(|verb| verb.name).filter(|name| COMMANDS.contains(name));
    let bare = name.trim_end_matches(|character: char| !character.is_alphanumeric());
    let (verb, words) = match verb {
        Some("ack") if rest.is_empty() => ("ack", NO_WORDS),
        // People are polite in mails: `recheck it, please`.
        Some(verb @ ("unack" | "recheck")) => (verb, ""),
        Some(verb) => (verb, rest),
        // `acked, on it` says it in other words, which are the comment.
        None if TAKEN.contains(&bare) => ("ack", text.as_str()),
        None => ("comment", text.as_str()),
    };
    let object = object(world, &mail.subject, verb)?;
    Ok(format!("{verb} {object} {words}").trim_end().to_owned())
}

/// How a command names the object that a mail was about.
fn object(world: &World, subject: &Subject, verb: &str) -> Result<String, String> {
    let is_open = |number: &String| find(world, number, Kind::Any).is_ok();
    let number = subject.incident.map(|number| format!("#{number}"));
    // What is over can still be commented on, but not acknowledged.
    if let Some(number) = number.filter(|number| is_open(number) || verb.ends_with("ack")) {
        return find(world, &number, Kind::Any).map(|_| number);
    }
    let past = subject.incident.and_then(|number| find_past(world, &format!("#{number}")).ok());
    let digest = subject.object.as_ref();
    if past.is_none() && digest.is_none() {
        return Err(match subject.incident {
            Some(number) => format!("#{number} was over long ago"),
            None => "the mail you answered is about no single host or service".to_owned(),
        });
    }
    let is_meant = |name: &str| digest.is_some_and(|digest| Subject::object_digest(name) == *digest);
    let mut named = world.object_keys().filter(|key| is_meant(key.name()));
    let key = match (past, named.next(), named.next()) {
        (Some(key), ..) => key,
        (None, Some(key), None) => key.clone(),
        (None, Some(key), Some(_)) => {
            return Err(format!("several Icingas have {key}; say it in chat, with the Icinga's name"));
        }
        (None, None, _) => return Err("what the mail you answered was about is gone".to_owned()),
    };
    let name = format!("{}/{}", key.source(), key.name());
    if name.contains(char::is_whitespace) {
        return Err(format!("{key} has no open problem, and a name that no command can hold"));
    }
    Ok(name)
}
