//! The one table of what a script may call: form and help. The reference of rules
//! (`docs/rules.md`) is checked against it, and it is checked against what the
//! engine really registers.

/// Something a script may call, as the reference shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptVerb {
    /// Its name.
    pub name: &'static str,
    /// How it is written; several forms in several entries.
    pub form: &'static str,
    /// What it does and what it gives back.
    pub help: &'static str,
}

const fn verb(name: &'static str, form: &'static str, help: &'static str) -> ScriptVerb {
    ScriptVerb { name, form, help }
}

/// At the top level of a rule file.
pub const DECLARATIONS: &[ScriptVerb] = &[
    verb("rule", "rule(NAME, #{ MATCHER }, |e| ...)", "a rule; its name is used once"),
    verb(
        "command",
        "command(NAME, #{ role, help }, |c| ...)",
        "a command of your own; both options may be left out",
    ),
    verb(
        "holidays",
        "holidays(NAME, [DAY, ...])",
        "a calendar for `during` and `holiday`; a day is `\"2026-12-25\"`, or `\"12-25\"` for every year",
    ),
    verb("test", "test(NAME, |t| ...)", "a test of the rules, in a world of its own; its name is used once"),
];

/// In a matcher, where a value stands.
pub const PATTERNS: &[ScriptVerb] = &[
    verb(
        "glob",
        "glob(\"db*\")",
        "a wildcard pattern over the whole text: `*` is any run of characters, `?` any one",
    ),
    verb("re", "re(\"^disk\")", "a regular expression, found anywhere in the text"),
    verb("not", "not(VALUE)", "all but this value or pattern; true as well where the field is missing"),
    verb("above", "above(90)", "a number above this"),
    verb("below", "below(90)", "a number below this"),
];

/// On the event, inside a rule.
pub const EVENT_VERBS: &[ScriptVerb] = &[
    verb(
        "notify",
        "e.notify(TARGET)",
        "tells a target of watchbell.toml; `default` is the one of [defaults]",
    ),
    verb("notify", "e.notify(TARGET, #{ text: TEXT })", "the same, in these words instead of the template's"),
    verb(
        "notify",
        "e.notify(TARGET, #{ template: TEMPLATE })",
        "the same, in the words of a template of your own",
    ),
    verb(
        "tell_those_told",
        "e.tell_those_told()",
        "tells every target that heard of the problem, downtime or flapping which this event continues; how many",
    ),
    verb(
        "escalate",
        "e.escalate(POLICY)",
        "calls people by an escalation of watchbell.toml until somebody acknowledges the problem or it ends; once for an incident",
    ),
    verb("drop", "e.drop(REASON)", "nobody is told by later rules, for this reason; no further rule runs"),
    verb(
        "drop",
        "e.drop(REASON, #{ again: TIME })",
        "the same, but a state that people are still owed then is judged again after this time",
    ),
    verb("stop", "e.stop()", "no further rule runs; what was said so far holds"),
    verb(
        "seen",
        "e.seen(KEY, TIME)",
        "whether the rule saw this key less than TIME ago; if not, this is the first time",
    ),
    verb(
        "count",
        "e.count(KEY, TIME)",
        "how often the rule saw this key in the last TIME, this time included",
    ),
    verb(
        "rate",
        "e.rate(KEY, TIME)",
        "how many times a minute the rule saw this key over the last TIME, this time included; a number with a fraction",
    ),
    verb(
        "changed",
        "e.changed(KEY, VALUE)",
        "whether the value differs from the one this rule saw last under this key; true the first time",
    ),
    verb(
        "stable",
        "e.stable(KEY, VALUE, TIME)",
        "whether the rule has seen nothing but this value under this key for TIME or longer; the first sight starts the clock",
    ),
    verb(
        "flapping",
        "e.flapping(#{ window: TIME, changes: N })",
        "whether the object changed its state N times or more in the window; 15m and 5 where left out",
    ),
    verb("set", "e.set(KEY, VALUE)", "keeps a value for 7 days, for all rules; it survives a restart"),
    verb("set", "e.set(KEY, VALUE, TIME)", "the same, for this time"),
    verb("get", "e.get(KEY)", "the value kept, or `()`"),
    verb(
        "after",
        "e.after(TIME, NAME)",
        "after TIME a `Timer` event about the same object is judged; set again, it moves",
    ),
    verb("after", "e.after(TIME, NAME, DATA)", "the same, and the event carries this as `timer.data`"),
    verb(
        "cancel",
        "e.cancel(NAME)",
        "takes that timer of the same rule and object away; whether there was one",
    ),
    verb(
        "hold",
        "e.hold(TIME)",
        "goes on only when a hard problem has lasted for TIME; until then the action and the judging end here",
    ),
    verb(
        "settle",
        "e.settle(TIME)",
        "goes on only when all in front of the object has been up for TIME, or a check has found the problem since it is back",
    ),
    verb(
        "remind",
        "e.remind(TIME)",
        "for as long as the problem lasts, a `Reminder` event is judged after TIME, then after twice that, and so on, up to 8h",
    ),
    verb(
        "remind",
        "e.remind(TIME, #{ factor: N, longest: TIME })",
        "the same; each interval is N times the one before, and none is longer than `longest`",
    ),
    verb(
        "group",
        "e.group(KEY, #{ wait: TIME, every: TIME })",
        "what this event tells from here on is gathered under the key, for each target: told after `wait` as one message, then at most once each `every`; 30s and 5m where left out",
    ),
    verb(
        "digest",
        "e.digest(TARGET, AT)",
        "tells the target at the next AT, in one message with all that waits for then; AT is `08:00`, `Mon-Fri 08:00 Europe/Berlin`, or `1h` after the first",
    ),
    verb(
        "digest",
        "e.digest(TARGET, AT, #{ key: KEY })",
        "the same, under a key; each key is a message of its own",
    ),
    verb("muted", "e.muted()", "whether a mute covers the event"),
    verb("muted_by", "e.muted_by()", "who muted it and why; empty if nobody did"),
    verb(
        "problem",
        "e.problem(OBJECT)",
        "whether the host or service of this full name, in the same Icinga, is in a hard problem; false where none is known",
    ),
    verb(
        "parents",
        "e.parents()",
        "names of the hosts it stands behind, near ones first: the own host of a service, then what they depend on",
    ),
    verb(
        "incident",
        "e.incident()",
        "`()`, or the incident as `#{ number, object, opened, closed, told }`; `told` lists targets",
    ),
    verb("log", "e.log(TEXT)", "writes a line to Watchbell's own log"),
];

/// On `e.icinga`, inside a rule: what is asked of Icinga, for the event's object.
pub const ICINGA_VERBS: &[ScriptVerb] = &[
    verb("ack", "e.icinga.ack(COMMENT)", "acknowledges the problem; Icinga tells its own users"),
    verb(
        "ack",
        "e.icinga.ack(COMMENT, #{ expiry: TIME, sticky: true, notify: false })",
        "the same: for this long, over a change between problem states, without telling Icinga's users",
    ),
    verb("unack", "e.icinga.unack()", "removes the acknowledgement"),
    verb("comment", "e.icinga.comment(TEXT)", "adds a comment"),
    verb("downtime", "e.icinga.downtime(TIME, COMMENT)", "schedules a downtime from now for this long"),
    verb(
        "downtime",
        "e.icinga.downtime(TIME, COMMENT, #{ all_services: true })",
        "the same, for a host and all its services",
    ),
    verb("recheck", "e.icinga.recheck()", "checks it now"),
    verb("notify", "e.icinga.notify(TEXT)", "has Icinga tell its own users this"),
    verb(
        "notify",
        "e.icinga.notify(TEXT, #{ force: true })",
        "the same, even in a downtime or outside of the time they are told at",
    ),
];

/// In rules and commands.
pub const FUNCTIONS: &[ScriptVerb] = &[
    verb(
        "mute",
        "mute(#{ MATCHER }, LASTS, REASON, OWNER)",
        "mutes what the matcher covers for a time such as `2h`, `until ok`, or `every tue 02:00-04:00 Europe/Paris`; what to say of it. All see it in `!mutes`",
    ),
    verb("unmute", "unmute(NUMBER, BY)", "takes a mute away; what to say of it"),
    verb("during", "during(SPAN)", "whether it is now in this span of the week"),
    verb("during", "during(SPAN, HOLIDAYS)", "the same, but on these holidays no span begins"),
    verb("holiday", "holiday(HOLIDAYS)", "whether today is one of these holidays"),
    verb("holiday", "holiday(HOLIDAYS, ZONE)", "the same, in another time zone than that of watchbell.toml"),
    verb(
        "oncall",
        "oncall(SCHEDULE)",
        "who is on call now by this schedule, as a list of names; empty if nobody is",
    ),
];

/// On the command, inside a `command`.
pub const COMMAND_VERBS: &[ScriptVerb] =
    &[verb("reply", "c.reply(TEXT)", "answers a line; the value of the function is the last one")];

/// Fields of the command, inside a `command`.
pub const COMMAND_FIELDS: &[ScriptVerb] = &[
    verb("by", "c.by", "who asked, as Icinga hears of them; the nick of a stranger"),
    verb("nick", "c.nick", "who asked, as the room shows them; proves nothing"),
    verb("room", "c.room", "the channel, or the nick of a private talk"),
    verb("args", "c.args", "the words behind the command's name, as a list"),
    verb("text", "c.text", "the same words as one text"),
];

/// On the test, inside a `test`.
pub const TEST_VERBS: &[ScriptVerb] = &[
    verb(
        "object",
        "t.object(NAME, #{ FIELDS })",
        "a host or service and what Icinga's configuration says of it: `host.vars.NAME`, `service.groups`, `parents`, ...",
    ),
    verb("state", "t.state(NAME, STATE)", "a check finds this hard state"),
    verb("soft", "t.soft(NAME, STATE)", "a check finds this soft state"),
    verb(
        "state",
        "t.state(NAME, STATE, #{ output, attempt, reachable, exit_status, performance_data })",
        "the same, and what else the check found; `soft` likewise",
    ),
    verb("flapping", "t.flapping(NAME, true)", "Icinga calls it flapping, or no longer"),
    verb("ack", "t.ack(NAME, AUTHOR, COMMENT)", "somebody acknowledges it in Icinga"),
    verb("ack", "t.ack(NAME, AUTHOR, COMMENT, #{ length: TIME, sticky })", "the same, for a time, or sticky"),
    verb("unack", "t.unack(NAME)", "the acknowledgement is removed in Icinga"),
    verb("comment", "t.comment(NAME, AUTHOR, TEXT)", "somebody comments on it in Icinga"),
    verb("downtime", "t.downtime(NAME, TIME)", "a downtime of this length begins; it ends by itself"),
    verb(
        "downtime",
        "t.downtime(NAME, TIME, #{ after: TIME, author, comment })",
        "the same, and when it begins and who wants it",
    ),
    verb("end_downtime", "t.end_downtime(NAME)", "its downtimes are cancelled"),
    verb("gap", "t.gap(TIME)", "Icinga is out of reach for this time, and then as it was"),
    verb(
        "gap",
        "t.gap(TIME, #{ STATES })",
        "the same, but then these are the states: `#{ \"db1\": \"DOWN\" }`",
    ),
    verb("event", "t.event(LINE)", "a recorded line of Icinga's event stream; the clock follows its time"),
    verb(
        "webhook",
        "t.webhook(NAME, BODY)",
        "somebody sends this to `/webhook/NAME`: a map, a list, a text, ...",
    ),
    verb(
        "reminder",
        "t.reminder(NAME)",
        "a `Reminder` of its open incident is judged, though no time for one has come; the first one is number 1",
    ),
    verb("undelivered", "t.undelivered(TARGET, REASON)", "a message for this target is given up"),
    verb("person", "t.person(NAME, [ROLES])", "somebody with just these roles"),
    verb("say", "t.say(WHO, TEXT)", "somebody writes in the channel; who is not known may do everything"),
    verb("whisper", "t.whisper(WHO, TEXT)", "the same in private"),
    verb("wait", "t.wait(TIME)", "time passes; what is due on the way happens at its moment"),
    verb(
        "at",
        "t.at(\"2026-12-24 22:00 Europe/Berlin\")",
        "sets the clock, which begins on Monday 2026-06-01 12:00 UTC; forwards only once something has happened",
    ),
    verb("expect", "t.expect(TARGET)", "the target heard something; an expectation takes what it speaks of"),
    verb("expect", "t.expect(TARGET, TEXT)", "the target heard something that holds this text"),
    verb("expect_silence", "t.expect_silence()", "nobody heard anything that no expectation took"),
    verb("expect_silence", "t.expect_silence(TARGET)", "this target did not"),
    verb(
        "expect_dropped",
        "t.expect_dropped(REASON)",
        "an event was dropped for a reason that holds this text",
    ),
    verb("expect_reply", "t.expect_reply(TEXT)", "a command was answered with this text in it"),
    verb(
        "expect_action",
        "t.expect_action(WHAT, NAME)",
        "Icinga was asked to `ack`, `unack`, `comment`, `downtime`, `undowntime`, `recheck` or `notify`",
    ),
    verb("expect_incident", "t.expect_incident(NAME)", "it has an open incident"),
    verb("expect_no_incident", "t.expect_no_incident(NAME)", "it has none"),
    verb("forget", "t.forget()", "what was heard so far is of no interest"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::script;
    use std::collections::BTreeSet;

    /// The names that `register` adds; `get$` and `index$` mark fields.
    fn registered() -> (BTreeSet<String>, BTreeSet<String>) {
        let mut engine = rhai::Engine::new_raw();
        script::register(&mut engine);
        let signatures = engine.gen_fn_signatures(false);
        // The verb of the tests is no verb of rules.
        let names = signatures
            .iter()
            .filter_map(|signature| signature.split('(').next())
            .filter(|name| *name != "panic_on_purpose");
        let (fields, verbs): (Vec<&str>, Vec<&str>) = names.partition(|name| name.contains('$'));
        let owned = |names: Vec<&str>| names.into_iter().map(|name| name.trim().to_owned()).collect();
        (owned(verbs), owned(fields))
    }

    #[test]
    fn every_verb_is_in_the_table_and_no_other() {
        let tables = [PATTERNS, EVENT_VERBS, ICINGA_VERBS, FUNCTIONS, COMMAND_VERBS, TEST_VERBS];
        let told: BTreeSet<String> = tables.into_iter().flatten().map(|verb| verb.name.to_owned()).collect();
        let (verbs, fields) = registered();
        assert_eq!(told, verbs, "left: this table; right: what the engine registers");
        for field in COMMAND_FIELDS {
            assert!(fields.contains(&format!("get${}", field.name)), "{} among {fields:?}", field.form);
        }
    }

    #[test]
    fn each_form_holds_its_name() {
        let tables = [
            DECLARATIONS,
            PATTERNS,
            EVENT_VERBS,
            ICINGA_VERBS,
            FUNCTIONS,
            COMMAND_VERBS,
            COMMAND_FIELDS,
            TEST_VERBS,
        ];
        for verb in tables.concat() {
            assert!(verb.form.contains(verb.name), "{}", verb.form);
        }
    }
}
