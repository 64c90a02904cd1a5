//! Definitions for editors: `docs/watchbell.d.rhai` holds every verb and field, in the form that
//! Rhai's language server reads. `UPDATE_DOCS=1` writes it from the tables of the code.

use std::fs;
use std::path::Path;
use watchbell::engine::script::reference::{
    COMMAND_FIELDS, COMMAND_VERBS, DECLARATIONS, EVENT_VERBS, FUNCTIONS, ICINGA_VERBS, PATTERNS, ScriptVerb,
    TEST_VERBS,
};
use watchbell::model::scene::{FIELDS, OBJECT_FIELDS};

/// What a verb is called on, as its form is written, and the name of that type.
const RECEIVERS: [(&str, &str); 4] =
    [("e.icinga.", "Icinga"), ("e.", "Event"), ("c.", "Command"), ("t.", "Test")];

/// One verb: its help as a comment, and its signature.
fn function(verb: &ScriptVerb) -> String {
    let receiver = RECEIVERS.iter().find(|(prefix, _)| verb.form.starts_with(prefix));
    let arguments = verb.form.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or("");
    let on = receiver.map(|(_, name)| format!("on: {name}"));
    let parameters: Vec<String> =
        on.into_iter().chain(parts(arguments).into_iter().map(|part| parameter(&part))).collect();
    let form = verb.form.replace('\n', " ");
    format!("/// `{form}`: {}\nfn {}({}) -> ?;\n", verb.help, verb.name, parameters.join(", "))
}

/// The arguments of a form, divided where no bracket is open.
fn parts(arguments: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut open = 0;
    for sign in arguments.chars() {
        match sign {
            '{' | '[' | '(' => open += 1,
            '}' | ']' | ')' => open -= 1,
            ',' if open == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is one at least").push(sign);
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// A parameter by what stands for it in the form.
fn parameter(part: &str) -> String {
    match part {
        map if map.starts_with("#{ MATCHER") => "matcher: Map".to_owned(),
        map if map.starts_with("#{") => "options: Map".to_owned(),
        list if list.starts_with('[') => "list: Array".to_owned(),
        closure if closure.starts_with('|') => "action: Fn".to_owned(),
        text if text.starts_with('"') => "pattern: String".to_owned(),
        number if number.starts_with(|sign: char| sign.is_ascii_digit()) => "number: ?".to_owned(),
        word => format!("{}: ?", word.to_lowercase()),
    }
}

fn getter(on: &str, name: &str, doc: &str) -> String {
    format!("/// {doc}\nfn get {name}(on: {on}) -> ?;\n")
}

fn definitions() -> String {
    let mut all = String::from(
        "// Every verb and field of Watchbell's rules, for editors. Written from the tables of the code.\n\
         module static;\n",
    );
    let tables = [DECLARATIONS, PATTERNS, EVENT_VERBS, ICINGA_VERBS, FUNCTIONS, COMMAND_VERBS, TEST_VERBS];
    let verbs = tables.into_iter().flatten().map(function);
    let plain = FIELDS.iter().filter(|field| !field.name.contains('.'));
    let of_events = plain.map(|field| getter("Event", field.name, field.doc));
    let grouped = FIELDS.iter().filter_map(|field| Some((field.name.split_once('.')?, field.doc)));
    let of_groups = grouped.map(|((group, name), doc)| getter(&group_type(group), name, doc));
    let of_objects = OBJECT_FIELDS.iter().map(|field| getter("Object", field.name, field.doc));
    let of_commands = COMMAND_FIELDS.iter().map(|field| getter("Command", field.name, field.help));
    for entry in verbs.chain(of_events).chain(of_groups).chain(of_objects).chain(of_commands) {
        all += &format!("\n{entry}");
    }
    all
}

/// The type of a group of fields: `downtime` is a `Downtime`.
fn group_type(group: &str) -> String {
    let (first, rest) = group.split_at(1);
    first.to_uppercase() + &rest.replace('_', "")
}

#[test]
fn the_definitions_for_editors_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/watchbell.d.rhai");
    let wanted = definitions();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &wanted).expect("the folder can be written");
    }
    let found = fs::read_to_string(&path).expect("the file is there");
    assert!(found == wanted, "docs/watchbell.d.rhai is stale; UPDATE_DOCS=1 writes it");
}

#[test]
fn a_form_becomes_a_signature() {
    let verb = |name, form| ScriptVerb { name, form, help: "helps" };
    for (verb, wanted) in [
        (
            verb("notify", "e.notify(TARGET, #{ text: TEXT })"),
            "fn notify(on: Event, target: ?, options: Map) -> ?;",
        ),
        (verb("ack", "e.icinga.ack(COMMENT)"), "fn ack(on: Icinga, comment: ?) -> ?;"),
        (
            verb("rule", "rule(NAME, #{ MATCHER }, |e| ...)"),
            "fn rule(name: ?, matcher: Map, action: Fn) -> ?;",
        ),
        (verb("person", "t.person(NAME, [ROLES])"), "fn person(on: Test, name: ?, list: Array) -> ?;"),
        (verb("above", "above(90)"), "fn above(number: ?) -> ?;"),
        (verb("stop", "e.stop()"), "fn stop(on: Event) -> ?;"),
    ] {
        let defined = function(&verb);
        assert_eq!(defined.lines().last(), Some(wanted), "{}", verb.form);
    }
}
