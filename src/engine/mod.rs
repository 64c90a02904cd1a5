//! The pure core: one input in, one outcome out.
//!
//! Owns: all rule state, as one value. Promises: the same inputs in the same order
//! with the same times and rules give the same outcomes; a rule that fails never
//! silences an event. Never: does I/O, reads a clock, waits.
//! After a crash it is made again from what the store holds.

pub mod answers;
pub mod bounds;
mod calling;
pub mod case;
mod catch_up;
pub mod costs;
mod endings;
pub mod escalation;
pub mod gather;
pub mod holidays;
mod judge;
pub mod matcher;
mod mirror;
pub mod mute;
mod observe;
pub mod outcome;
mod owed;
mod reach;
pub mod rights;
pub mod ruleset;
mod schedules;
pub mod script;
pub mod stage;
mod standing;
pub mod timers;
pub mod trial;
mod undelivered;
pub mod watch;
mod watching;
pub mod windows;
pub mod world;

pub use case::{Case, no_target};
pub use outcome::{Ask, Drill, Notification, Outcome, Question};
pub use reach::is_reachable;
pub use ruleset::{Names, RuleFault, RuleFile, RuleTest, Ruleset, SCRIPT_STACK};
pub use world::World;

use crate::command::rate::Rates;
use crate::command::right::ROLES;
use crate::config::{Accounts, Config, Person, Policy, Reach, Role, Target};
use crate::model::event::{Reminder, RulesetChanged};
use crate::model::time::age;
use crate::model::{Commanded, Detail, Event, Input, ObjectKey, Timestamp};
use crate::oncall::Schedule;
use bounds::Forgotten;
use costs::Costs;
use observe::Observed;
use rights::Rights;
use stage::{Run, Stage};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What the configuration says that the engine needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Names of all targets.
    pub targets: BTreeSet<String>,
    /// Where each target is told: its sink and recipients there.
    pub places: BTreeMap<String, (String, Vec<String>)>,
    /// Whether rules may name targets that are not configured; so in a replay.
    pub any_target: bool,
    /// The target that `default` stands for.
    pub default_target: String,
    /// Whether a mute of one object puts it in downtime in Icinga, too.
    pub mirror_mutes: bool,
    /// The zone times are shown and read in.
    pub zone: jiff::tz::TimeZone,
    /// What marks a command in a channel.
    pub prefix: String,
    /// What those may who have them, by name, besides the built-in ones.
    pub roles: BTreeMap<String, Role>,
    /// The sinks where a one-time code proves who somebody is.
    pub code_sinks: BTreeSet<String>,
    /// Whether commands that are too many are not answered; not so in tests of rules.
    pub bounds_commands: bool,
    /// Who may command, by name.
    pub persons: BTreeMap<String, Person>,
    /// Who is on call when, by the schedule's name.
    pub schedules: BTreeMap<String, Schedule>,
    /// How each person is reached, by name.
    pub reach: BTreeMap<String, Reach>,
    /// Who is called until somebody acknowledges, by the policy's name.
    pub policies: BTreeMap<String, Policy>,
}

impl Settings {
    /// Takes from the configuration what the engine needs.
    pub fn of(config: &Config) -> Settings {
        Settings {
            targets: config.targets.keys().cloned().collect(),
            places: config.targets.values().map(Target::place).collect(),
            any_target: false,
            default_target: config.default_target.clone(),
            mirror_mutes: config.mirror_mutes,
            zone: config.zone.clone(),
            prefix: config.prefix.clone(),
            roles: config.roles.clone(),
            code_sinks: config.code_sinks().map(str::to_owned).collect(),
            bounds_commands: true,
            persons: config.persons.clone(),
            schedules: schedules::configured(config),
            reach: config.reach.clone(),
            policies: config.policies.clone(),
        }
    }
}

impl Settings {
    /// Whether there is a role of this name.
    pub fn has_role(&self, name: &str) -> bool {
        ROLES.contains(&name) || self.roles.contains_key(name)
    }

    /// Whether a target of this name can be told.
    pub fn has_target(&self, name: &str) -> bool {
        self.any_target || self.targets.contains(name)
    }
}

/// The engine.
pub struct Engine {
    ruleset: Arc<Ruleset>,
    /// Away only while a script runs.
    stage: Option<Box<Stage>>,
    /// When what is over was last forgotten.
    tidied: Timestamp,
    /// Events of failing rules told past the others' verdict, by the rule's name: since
    /// when and how many.
    failures: BTreeMap<Arc<str>, (Timestamp, u32)>,
    /// What of what went for want of room is in the log.
    logged: Forgotten,
    costs: Costs,
    rights: Rights,
    /// How many commands came lately. Not kept: after a restart, all begin anew.
    rates: Rates,
}

/// How often what is over is forgotten.
const TIDY_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// How far `now` may lie before the one of an earlier step without meaning that the clock
/// was set back.
const MOST_DRIFT: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// How many timers and reminders come due in one step.
const DUE_AT_ONCE: usize = 1000;

impl Engine {
    /// An engine with this state and these rules.
    pub fn new(world: World, settings: impl Into<Arc<Settings>>, ruleset: Arc<Ruleset>) -> Engine {
        let calendars = ruleset.calendars().clone();
        let mut stage = Stage { world, settings: settings.into(), calendars, run: Run::default() };
        let settings = stage.settings.clone();
        stage.world.hasten_gathers(|target| !settings.has_target(target));
        Engine {
            costs: Costs::new(ruleset.rules().len()),
            ruleset,
            stage: Some(Box::new(stage)),
            tidied: Timestamp::UNIX_EPOCH,
            failures: BTreeMap::new(),
            logged: Forgotten::default(),
            rights: Rights::of(&settings.roles),
            rates: Rates::default(),
        }
    }

    /// The rules in force.
    pub fn ruleset(&self) -> &Arc<Ruleset> {
        &self.ruleset
    }

    /// Puts other rules in force, whole, between two inputs. All state stays.
    pub fn set_ruleset(&mut self, ruleset: Arc<Ruleset>) {
        self.stage().calendars = ruleset.calendars().clone();
        self.costs = Costs::new(ruleset.rules().len());
        self.ruleset = ruleset;
        self.failures.clear();
    }

    /// What the configuration says that it needs.
    pub fn settings(&self) -> &Settings {
        &self.stage_ref().settings
    }

    /// The target that rules call so; the error says which there are.
    pub fn target(&self, name: &str) -> Result<String, String> {
        self.stage_ref().target(name)
    }

    /// Makes somebody known, in place of whoever has this name or account.
    pub fn put_person(&mut self, person: Person) {
        let settings = Arc::make_mut(&mut self.stage().settings);
        settings.persons.retain(|_, other| other.irc == Accounts::None || other.irc != person.irc);
        settings.persons.insert(person.name.clone(), person);
    }

    /// What the rules in force have cost so far.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// All state.
    pub fn world(&self) -> &World {
        &self.stage_ref().world
    }

    /// All state, to take the changes from.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.stage().world
    }

    fn stage(&mut self) -> &mut Stage {
        self.stage.as_mut().expect("the stage is away only inside Engine::on_stage")
    }

    fn stage_ref(&self) -> &Stage {
        self.stage.as_ref().expect("the stage is away only inside Engine::on_stage")
    }

    /// Takes one input in. Where `now` lies before the `now` of an earlier step by more
    /// than 5 s, the clock was set back, and all that is due moves along.
    pub fn step(&mut self, input: Input, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        let mut queue = VecDeque::new();
        let mut caught_up = false;
        let before = std::mem::replace(&mut self.stage().run.now, now);
        self.mind_the_clock(before, now);
        self.keep_up_calendars(now);
        // What was told before this input leaves before what it sets off.
        self.tell_gathered(now, &mut outcome);
        match input {
            // Room for one: a queue that grows makes room for four, which is a kilobyte.
            Input::Event(event) => queue = VecDeque::from([Next::Event(event)]),
            Input::Snapshot(snapshot) => {
                let events = catch_up::catch_up(self.world_mut(), &snapshot, now);
                queue.extend(events.into_iter().map(Next::Event));
                caught_up = true;
            }
            Input::OutOfReach { source, broken } => {
                let event = catch_up::out_of_reach(self.world_mut(), &source, broken, now);
                queue.push_back(Next::Event(event));
            }
            Input::Objects(objects) => {
                objects.into_iter().for_each(|object| self.world_mut().put_object(Arc::new(object)));
            }
            Input::ObjectsGone(keys) => keys.iter().for_each(|key| self.world_mut().remove_object(key)),
            Input::Utterance(utterance) => {
                answers::answer(self, utterance, now, &mut outcome);
                outcome.log.append(&mut self.stage().run.log);
                outcome.actions.append(&mut self.stage().run.actions);
            }
            Input::PostedCommand(posted) => {
                answers::posted::answer(self, posted, now, &mut outcome);
                outcome.log.append(&mut self.stage().run.log);
                outcome.actions.append(&mut self.stage().run.actions);
            }
            Input::Completing(asked) => answers::complete::answer(self, &asked, &mut outcome),
            Input::MailAnswer(mail) => {
                answers::mail::answer(self, mail, now, &mut outcome);
                outcome.log.append(&mut self.stage().run.log);
                outcome.actions.append(&mut self.stage().run.actions);
            }
            Input::MailRefused(mail) => answers::mail::refused(self, &mail, now, &mut outcome),
            Input::ActionResult(result) => {
                queue.extend(self.world_mut().extension_answered(&result, now).map(Next::Event));
                outcome.actions.extend(mirror::made(self.world_mut(), &result));
                answers::action_result(result, &self.settings().zone, now, &mut outcome);
            }
            Input::GivenUp(attempt) => queue.extend(self.given_up(attempt, now).map(Next::Event)),
            Input::Answer(reply) => outcome.replies.push(reply),
            Input::Denied { reply, command } => {
                outcome.commands.push(Commanded { at: now, ..*command });
                answers::posted::denied(reply, &mut outcome);
            }
            Input::Drilled { number, report } => {
                answers::drill_report(self, number, report, now, &mut outcome);
            }
            Input::SinkOutage(outage) => {
                if outage.open {
                    self.sink_is_down(&outage.sink, now);
                }
                queue.push_back(Next::Event(Event::ours(now, Detail::SinkOutage(outage))));
            }
            Input::RulesetChanged(changed) => queue.push_back(Next::Event(ruleset_changed(changed, now))),
            Input::Calendar { schedule, read } => self.take_calendar(&schedule, read, now, &mut queue),
            Input::Tick => {}
        }
        self.look_for_gaps(now, &mut queue);
        self.follow_up(&mut queue);
        self.due(now, &mut queue, &mut outcome);
        self.take_all(queue, now, &mut outcome);
        if caught_up {
            // What hid a problem may have gone without an event, such as a downtime
            // that we may not read.
            let owed = self.all_owed().collect();
            self.take_all(owed, now, &mut outcome);
        }
        self.take_due(now, &mut outcome);
        self.end_well_mutes(now, &mut outcome);
        answers::posted::sort_out(&mut outcome);
        outcome.asks.extend(self.world_mut().ask_for_reports(now));
        self.world_mut().await_reports(&mut outcome.asks, now);
        self.world_mut().note_heard(&outcome.notifications, now);
        self.world_mut().note_extensions(&outcome.actions, now);
        outcome
    }

    /// Moves what is due where the clock was set back by more than clocks are.
    fn mind_the_clock(&mut self, before: Timestamp, now: Timestamp) {
        let back = before.duration_since(now);
        if back > MOST_DRIFT {
            self.world_mut().set_back(back.unsigned_abs(), now);
            self.tidied = now;
            self.failures.clear();
        }
    }

    /// Takes what rules asked for beforehand: one by one, so that what comes first may take
    /// the next away, and not all at once: the rest comes with the next tick, which follows
    /// at once.
    fn take_due(&mut self, now: Timestamp, outcome: &mut Outcome) {
        for _ in 0..DUE_AT_ONCE {
            let Some(event) = self.next_due(now) else { return };
            self.take_all(VecDeque::from([Next::Event(event)]), now, outcome);
        }
    }

    fn next_due(&mut self, now: Timestamp) -> Option<Event> {
        let Some((object, reminding)) = self.world_mut().take_due_reminder(now) else {
            let timer = self.world_mut().take_due_timer(now).map(|timer| timer.event(now));
            return timer.or_else(|| self.next_call(now));
        };
        let reachable = reach::is_reachable(self.world(), &object);
        let reminder = Reminder { number: reminding.number, rule: reminding.rule, reachable };
        let source = object.source().clone();
        Some(Event { source, object: Some(object), ..Event::ours(now, Detail::Reminder(reminder)) })
    }

    fn take_all(&mut self, mut queue: VecDeque<Next>, now: Timestamp, outcome: &mut Outcome) {
        while let Some(next) = queue.pop_front() {
            let event = match next {
                Next::Event(event) => Some(event),
                Next::Owed(key) => self.owed(&key, now),
            };
            if let Some(event) = event {
                self.take_event(event, now, &mut queue, outcome);
            }
        }
    }

    /// Queues what scripts and answers have set off.
    fn follow_up(&mut self, queue: &mut VecDeque<Next>) {
        queue.extend(std::mem::take(&mut self.stage().run.follow_ups).into_iter().map(Next::Event));
    }

    /// The next moment the engine wants a [`Input::Tick`] at; `None` if none.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.world().next_wake()
    }

    /// What is due by the time alone.
    fn due(&mut self, now: Timestamp, queue: &mut VecDeque<Next>, outcome: &mut Outcome) {
        self.due_mutes(now, queue, outcome);
        queue.extend(self.world_mut().due_again(now).into_iter().map(Next::Owed));
        queue.extend(self.world_mut().take_late_extensions(now).into_iter().map(Next::Event));
        if age(self.tidied, now) > TIDY_EVERY {
            self.tidied = now;
            self.world_mut().forget_over(now);
            let forgotten = self.world().forgotten();
            if forgotten != self.logged {
                self.logged = forgotten;
                outcome.log.extend(forgotten.in_words());
            }
        }
    }

    fn take_event(
        &mut self,
        mut event: Event,
        now: Timestamp,
        queue: &mut VecDeque<Next>,
        outcome: &mut Outcome,
    ) {
        match observe::observe(self.world_mut(), &event, now) {
            Observed::New => {}
            Observed::Known | Observed::Stale => return,
            Observed::LeftOut(why) => return judge::leave_out(self, event, why, now, outcome),
        }
        watching::tell(self.world_mut(), &event, now, outcome);
        event.missed |= event.withheld.is_none() && observe::is_late(&event);
        self.note_acknowledged(&event, now);
        let uncovers = observe::uncovers(self.world(), &event);
        // A mute or a rule that hid problems may be gone.
        let uncovers_all = matches!(&event.detail, Detail::MuteEnding(_))
            || matches!(&event.detail, Detail::RulesetChanged(changed) if changed.accepted);
        let object = event.object.clone();
        let unmuted = mirror::ended_in_icinga(self.world(), &event);
        judge::judge(self, event, now, outcome);
        self.follow_up(queue);
        unmuted.into_iter().for_each(|mute| self.end_in_icinga(mute, now, queue, outcome));
        queue.extend(object.filter(|_| uncovers).map(Next::Owed));
        if uncovers_all {
            queue.extend(self.all_owed());
        }
    }
}

/// What the engine takes next.
#[expect(clippy::large_enum_variant, reason = "nearly all are events; a box each would cost more")]
enum Next {
    /// An event.
    Event(Event),
    /// The state of an object that people were owed when this was queued; whether they
    /// still are is asked when it is taken.
    Owed(ObjectKey),
}

fn ruleset_changed(changed: RulesetChanged, now: Timestamp) -> Event {
    Event::ours(now, Detail::RulesetChanged(changed))
}

#[cfg(test)]
mod tests;
