//! A command under way: who asks, what may be looked at, and what comes of it.

use crate::command::Caller;
use crate::engine::costs::Costs;
use crate::engine::outcome::{Ask, Outcome, Question};
use crate::engine::ruleset::Ruleset;
use crate::engine::stage::Stage;
use crate::engine::{Engine, Settings, World};
use crate::model::{Action, ActionKind, ObjectKey, Reply, Timestamp, Utterance};
use std::sync::Arc;

/// What is said to who asked.
pub(super) enum Answer {
    /// This, now.
    Text(String),
    /// What was asked elsewhere is answered from there.
    Later,
    /// Nothing: it was not said to us.
    NotForUs,
}

/// An answer. `Err` says why nothing was done.
pub(super) type Answered = Result<Answer, String>;

/// A command under way.
pub(super) struct Asked<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) caller: &'a Caller,
    pub(super) utterance: &'a Utterance,
    pub(super) now: Timestamp,
    pub(super) outcome: &'a mut Outcome,
}

impl Asked<'_> {
    pub(super) fn world(&self) -> &World {
        self.engine.world()
    }

    pub(super) fn stage(&mut self) -> &mut Stage {
        self.engine.stage()
    }

    pub(super) fn stage_ref(&self) -> &Stage {
        self.engine.stage_ref()
    }

    pub(super) fn settings(&self) -> &Settings {
        self.engine.settings()
    }

    pub(super) fn ruleset(&self) -> &Arc<Ruleset> {
        self.engine.ruleset()
    }

    pub(super) fn costs(&self) -> &Costs {
        self.engine.costs()
    }

    /// Where it was said.
    pub(super) fn room(&self) -> &str {
        &self.utterance.room
    }

    /// The name under which it is done.
    pub(super) fn author(&self) -> String {
        self.caller.author.clone().unwrap_or_else(|| self.caller.nick.clone())
    }

    /// Asks somebody outside of the engine, who answers.
    pub(super) fn ask(&mut self, question: Question) {
        let reply = reply(self.utterance, "");
        self.outcome.asks.push(Ask { question, reply });
    }

    /// Asks something of Icinga, whose answer is told to who asked.
    pub(super) fn ask_icinga(&mut self, object: ObjectKey, kind: ActionKind) {
        let action = Action {
            id: 0,
            object,
            author: self.author(),
            kind,
            reply_to: Some((self.utterance.sink.clone(), self.utterance.room.clone())),
            asked_by: self.utterance.speaker.nick.clone(),
        };
        self.outcome.actions.push(action);
    }
}

/// The answer to a line: to its speaker by name where others listen.
pub(super) fn reply(utterance: &Utterance, text: &str) -> Reply {
    let addressed = utterance.private || utterance.speaker.local || text.contains('\n');
    let text = if addressed { text.to_owned() } else { format!("{}: {text}", utterance.speaker.nick) };
    Reply { sink: utterance.sink.clone(), room: utterance.room.clone(), text, at: utterance.at }
}
