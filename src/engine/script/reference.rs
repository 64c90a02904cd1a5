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
        "flapping",
        "e.flapping(#{ window: TIME, changes: N })",
        "whether the object changed its state N times or more in the window; 15m and 5 where left out",
    ),
    verb("set", "e.set(KEY, VALUE)", "keeps a value for 7 days, for all rules; it survives a restart"),
    verb("set", "e.set(KEY, VALUE, TIME)", "the same, for this time"),
    verb("get", "e.get(KEY)", "the value kept, or `()`"),
    verb("muted", "e.muted()", "whether a mute covers the event"),
    verb("muted_by", "e.muted_by()", "who muted it and why; empty if nobody did"),
    verb("log", "e.log(TEXT)", "writes a line to Watchbell's own log"),
];

/// In rules and commands.
pub const FUNCTIONS: &[ScriptVerb] = &[
    verb(
        "mute",
        "mute(#{ MATCHER }, TIME, REASON, OWNER)",
        "mutes what the matcher covers; what to say of it. All see it in `!mutes`",
    ),
    verb("unmute", "unmute(NUMBER, BY)", "takes a mute away; what to say of it"),
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
        let tables = [PATTERNS, EVENT_VERBS, FUNCTIONS, COMMAND_VERBS];
        let told: BTreeSet<String> = tables.into_iter().flatten().map(|verb| verb.name.to_owned()).collect();
        let (verbs, fields) = registered();
        assert_eq!(told, verbs, "left: this table; right: what the engine registers");
        for field in COMMAND_FIELDS {
            assert!(fields.contains(&format!("get${}", field.name)), "{} among {fields:?}", field.form);
        }
    }

    #[test]
    fn each_form_holds_its_name() {
        for verb in [DECLARATIONS, PATTERNS, EVENT_VERBS, FUNCTIONS, COMMAND_VERBS, COMMAND_FIELDS].concat() {
            assert!(verb.form.contains(verb.name), "{}", verb.form);
        }
    }
}
