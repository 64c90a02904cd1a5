//! A command under way: who asks, what may be looked at, and what comes of it.

use super::find::{Kind, find};
use super::select::{LAST, Selection, named, select};
use crate::command::permit::{Caller, Length, Permit, Reach};
use crate::command::{Right, verbs};
use crate::config::Role;
use crate::engine::costs::Costs;
use crate::engine::outcome::{Ask, Outcome, Question};
use crate::engine::rights::Within;
use crate::engine::ruleset::Ruleset;
use crate::engine::stage::Stage;
use crate::engine::world::talks::{CONFIRM_WITHIN, Shown, Talker, Waiting};
use crate::engine::{Engine, Settings, World};
use crate::model::{Action, ActionKind, CommandEnd, Commanded, ObjectKey, Reply, Timestamp, Utterance};
use std::collections::BTreeSet;
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

/// What kept a command from being done, where it is more than a fault of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing of that kind.
    NotDone,
    /// A right that is missing.
    Denied,
    /// A `yes` that is still to come.
    Waits,
}

/// An answer. `Err` says why nothing was done.
pub(super) type Answered = Result<Answer, String>;

/// A command as it was said, or as `yes` and `!!` say it again.
pub(super) struct Said {
    /// Without the prefix.
    pub(super) line: String,
    /// When; its times count from then.
    pub(super) at: Timestamp,
    /// What was shown before the `yes`; `None` without one.
    pub(super) confirmed: Option<Shown>,
}

/// A command under way.
pub(super) struct Asked<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) caller: &'a Caller,
    pub(super) utterance: &'a Utterance,
    pub(super) now: Timestamp,
    pub(super) outcome: &'a mut Outcome,
    /// The command, without the prefix, and when it was said.
    pub(super) said: &'a Said,
    /// What the caller's roles give of it.
    pub(super) permit: Permit,
    /// What keeps it from being done, as far as it came.
    pub(super) kept: Kept,
    /// The objects that it is about.
    touched: BTreeSet<ObjectKey>,
}

/// How many objects of a command are named in the audit.
const NAMED: usize = 100;

impl<'a> Asked<'a> {
    /// A command that nobody has permitted yet but to read.
    pub(super) fn new(
        engine: &'a mut Engine,
        caller: &'a Caller,
        utterance: &'a Utterance,
        said: &'a Said,
        now: Timestamp,
        outcome: &'a mut Outcome,
    ) -> Asked<'a> {
        let permit = caller.reads();
        let (kept, touched) = (Kept::NotDone, BTreeSet::new());
        Asked { engine, caller, utterance, said, now, outcome, permit, kept, touched }
    }
}

impl Asked<'_> {
    /// Whether the caller's roles give this, for all objects of this command so far and these:
    /// whatever changes something asks here first. `Err` holds what to answer.
    pub(super) fn permit(&mut self, objects: &[ObjectKey], length: Option<Length>) -> Result<(), String> {
        self.touched.extend(objects.iter().cloned());
        let reach = Reach { objects: self.touched.len(), called: 0, length };
        let covered = self.permit.covers(reach, |role| self.outside(role, &self.touched));
        covered.map_err(|why| self.deny(why))
    }

    /// Whether the caller's roles give another command as well, on these objects, as this one does
    /// what that one does. `Err` says which right is missing.
    pub(super) fn permit_also(
        &self,
        command: &str,
        objects: &BTreeSet<ObjectKey>,
        length: Length,
    ) -> Result<(), String> {
        let right = verbs::find(command).map_or(Right::Admin, |verb| verb.right);
        let reach = Reach { objects: objects.len(), called: 0, length: Some(length) };
        self.caller.may(command, right)?.covers(reach, |role| self.outside(role, objects))
    }

    /// The command as its audit keeps it, while it is under way.
    pub(super) fn commanded(&self) -> Commanded {
        let Utterance { sink, room, speaker, .. } = self.utterance;
        Commanded {
            at: self.now,
            sink: sink.clone(),
            room: room.clone(),
            nick: speaker.nick.clone(),
            account: speaker.account.clone(),
            person: self.caller.person.clone(),
            line: self.said.line.clone(),
            end: CommandEnd::Asked,
            objects: self.object_names(),
        }
    }

    /// Those of these objects that do not belong to a role, in words.
    fn outside(&self, role: &Role, objects: &BTreeSet<ObjectKey>) -> Option<String> {
        let outside = self.engine.rights.outside(role, objects.iter(), self.world(), self.now);
        let verb = if outside.len() == 1 { "is" } else { "are" };
        (!outside.is_empty()).then(|| format!("{} {verb}", named(&outside)))
    }

    /// What the caller's roles give of what only somebody outside of the engine can see.
    pub(super) fn within(&self) -> Within {
        Within::of(&self.permit, &self.engine.rights, self.world(), self.now)
    }

    /// The same for what is about no object or about all, such as a call of so many: a role for some
    /// objects does not give that. `what` names it.
    pub(super) fn permit_beside_objects(
        &mut self,
        what: &str,
        called: usize,
        length: Option<Length>,
    ) -> Result<(), String> {
        let reach = Reach { objects: 0, called, length };
        let covered = self.permit.covers(reach, |_| Some(format!("{what} is")));
        covered.map_err(|why| self.deny(why))
    }

    /// Notes that a right is missing; why.
    pub(super) fn deny(&mut self, why: String) -> String {
        self.kept = Kept::Denied;
        why
    }

    /// Names of the objects that the command is about, for the audit.
    pub(super) fn object_names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.touched.iter().take(NAMED).map(|key| key.name().to_owned()).collect();
        let more = self.touched.len() - names.len();
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        names
    }

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

    /// Finds the one object that is meant, and remembers it for `last`. `Err` holds what to
    /// answer.
    pub(super) fn find(&mut self, text: &str, kind: Kind) -> Result<ObjectKey, String> {
        let key = if text == LAST { self.last()? } else { find(self.world(), text, kind)? };
        self.note_named(&key);
        Ok(key)
    }

    /// Finds the objects that are meant; of those a matcher holds for, the ones that `fits`
    /// takes. `Err` holds what to answer.
    pub(super) fn select(
        &mut self,
        text: &str,
        fits: &dyn Fn(&World, &ObjectKey) -> bool,
    ) -> Result<Selection, String> {
        let world = self.world();
        let selection = select(world, text, &|| self.last(), &|key| fits(world, key), self.now)?;
        if let [one] = selection.objects.as_slice() {
            self.note_named(one);
        }
        Ok(selection)
    }

    fn note_named(&mut self, key: &ObjectKey) {
        let (talker, now) = (Talker::of(self.utterance), self.now);
        self.engine.world_mut().note_named(&talker, key, now);
    }

    /// What `last` stands for here.
    fn last(&self) -> Result<ObjectKey, String> {
        let is_here = |(sink, to): &(String, Vec<String>)| {
            *sink == self.utterance.sink && to.iter().any(|to| to.eq_ignore_ascii_case(self.room()))
        };
        let places = self.settings().places.iter();
        let targets: Vec<&str> =
            places.filter(|(_, place)| is_here(place)).map(|(name, _)| name.as_str()).collect();
        let last = self.world().last_object(&Talker::of(self.utterance), &targets);
        last.ok_or_else(|| "there is no `last`: nothing was told here, and you named nothing".to_owned())
    }

    /// Whether what hits these objects may be done now; if not, what to answer: it waits for
    /// a `yes`. `words` say what would be done.
    pub(super) fn confirm(&mut self, words: &str, objects: &[ObjectKey]) -> Result<(), String> {
        self.confirm_all(words, Shown { objects: objects.iter().cloned().collect(), ..Shown::default() })
    }

    /// The same for what tells targets something, besides.
    pub(super) fn confirm_all(&mut self, words: &str, shown: Shown) -> Result<(), String> {
        if self.said.confirmed.as_ref().is_some_and(|before| before.covers(&shown)) {
            return Ok(());
        }
        let waiting = Waiting { line: self.said.line.clone(), at: self.said.at, since: self.now, shown };
        let (talker, now) = (Talker::of(self.utterance), self.now);
        self.engine.world_mut().await_yes(&talker, waiting, now);
        self.kept = Kept::Waits;
        let (prefix, within) = (&self.settings().prefix, CONFIRM_WITHIN.as_secs());
        Err(format!("this would {words}; `{prefix}yes` within {within} s does it"))
    }

    /// Whether the caller's roles give all of this. `Err` holds what to answer.
    pub(super) fn permit_all(&mut self, wanted: &[(ObjectKey, ActionKind)]) -> Result<(), String> {
        let now = self.now;
        // Together first, so that all that is outside is named.
        let keys: Vec<ObjectKey> = wanted.iter().map(|(key, _)| key.clone()).collect();
        self.permit(&keys, None)?;
        wanted.iter().try_for_each(|(key, kind)| self.permit(std::slice::from_ref(key), length(kind, now)))
    }

    /// Asks something of Icinga, whose answer is told to who asked; of many, only refusals.
    /// `Err`: the caller may not.
    pub(super) fn ask_icinga(
        &mut self,
        object: ObjectKey,
        kind: ActionKind,
        is_one_of_many: bool,
    ) -> Result<(), String> {
        self.permit(std::slice::from_ref(&object), length(&kind, self.now))?;
        let action = Action {
            id: 0,
            object,
            author: self.author(),
            kind,
            reply_to: Some((self.utterance.sink.clone(), self.utterance.room.clone())),
            asked_by: self.utterance.speaker.nick.clone(),
            thread: Vec::new(),
            is_one_of_many,
        };
        self.outcome.actions.push(action);
        Ok(())
    }
}

/// How long something lasts that is asked of Icinga.
fn length(kind: &ActionKind, now: Timestamp) -> Option<Length> {
    match kind {
        ActionKind::Acknowledge { expiry: Some(expiry), .. }
        | ActionKind::ExtendAcknowledgement { expiry: Some(expiry), .. } => {
            Some(Length::between(now, *expiry))
        }
        ActionKind::Acknowledge { expiry: None, .. }
        | ActionKind::ExtendAcknowledgement { expiry: None, .. } => Some(Length::Open),
        ActionKind::ScheduleDowntime { end, .. } => Some(Length::between(now, *end)),
        _ => None,
    }
}

/// The answer to a line: to its speaker by name where others listen.
pub(super) fn reply(utterance: &Utterance, text: &str) -> Reply {
    let addressed = utterance.private || utterance.speaker.local || text.contains('\n');
    let text = if addressed { text.to_owned() } else { format!("{}: {text}", utterance.speaker.nick) };
    Reply {
        sink: utterance.sink.clone(),
        room: utterance.room.clone(),
        text,
        at: utterance.at,
        thread: Vec::new(),
    }
}
