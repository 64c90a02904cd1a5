//! Modules of rule files: what can be imported, that rules can call it later, and what
//! is said when something is wrong.

use crate::common::engine::{World, compiled_files};
use watchbell::engine::{RuleFile, Ruleset};

const TEAMS: &str = r#"
    export const NIGHT = "22:00-06:00";
    fn of(e) { if is_db(e) { "dba" } else { "ops" } }
    fn only(list, wanted) { list.filter(|item| wanted.call(item)) }
    private fn is_db(e) { e.host.name == "db1" }
    fn fails(e) { deeper(e) }
    private fn deeper(e) { throw "in the deep"; }
"#;

/// A set of one file of rules and these modules.
fn world(rules: &str, modules: &[(&str, &str)]) -> World {
    World::with(compiled_files(&[&[("10-rules.rhai", rules)], modules].concat()))
}

#[test]
fn rules_and_commands_call_functions_and_read_constants_of_a_module() {
    let mut world = world(
        r#"
        import "lib/teams" as teams;
        fn team(e) { teams::of(e) }
        rule("tells", #{ object: teams::NAME }, |e| ());
        rule("calls", #{ object: ["db1", "web1"] }, |e| {
            e.notify(team(e));
            let found = [1, 2, 3].filter(|number| teams::only([number], |n| n > 1).len() == 1);
            e.log(`${teams::NIGHT} ${found}`);
        });
        command("night", #{}, |c| teams::NIGHT);
        "#,
        &[("lib/teams.rhai", &format!("{TEAMS} export const NAME = \"db2\";"))],
    );
    world.state("db1", "DOWN");
    world.state("web1", "DOWN");
    world.expect(&["dba: StateChange db1 DOWN", "ops: StateChange web1 DOWN"]);
    assert_eq!(world.log, ["22:00-06:00 [2, 3]", "22:00-06:00 [2, 3]"]);
    assert_eq!(world.say("alice", "!night"), "alice: 22:00-06:00");
}

#[test]
fn modules_import_modules_and_two_files_may_call_one_by_different_names() {
    let files = [
        ("10-a.rhai", r#"import "lib/one" as x; rule("a", #{}, |e| e.log(x::name()));"#),
        ("20-b.rhai", r#"import "lib/deep/two" as x; rule("b", #{}, |e| e.log(x::name()));"#),
        (
            "30-c.rhai",
            r#"import "lib/one" as y; import "lib/deep/two" as x; rule("c", #{}, |e| e.log(y::name() + x::name()));"#,
        ),
        ("lib/one.rhai", r#"import "lib/deep/two" as two; fn name() { "one of " + two::name() }"#),
        ("lib/deep/two.rhai", r#"fn name() { "two" }"#),
    ];
    let mut world = World::with(compiled_files(&files));
    world.state("db1", "DOWN");
    assert_eq!(world.log, ["one of two", "two", "one of twotwo"]);
}

#[test]
fn an_error_inside_a_module_names_its_file_and_line() {
    let rules = r#"import "lib/teams" as teams;
        rule("fails", #{ object: "db1" }, |e| { teams::fails(e); });
        rule("its own closure", #{ object: "db2" }, |e| {
            teams::only([1], |n| throw "in the rule");
        });
        fn here() { throw "in the rule's function" }
        rule("its own function", #{ object: "db3" }, |e| {
            teams::only([1], |n| here());
        });
        rule("loops", #{ object: "db4" }, |e| teams::only([1], |n| { loop {} }));
    "#;
    let mut world = world(rules, &[("lib/teams.rhai", TEAMS)]);
    for (object, expected) in [
        ("db1", "[a rule failed: lib/teams.rhai:7:28: in the deep]"),
        ("db2", "[a rule failed: 10-rules.rhai:4:34: in the rule]"),
        ("db3", "[a rule failed: 10-rules.rhai:6:21: in the rule's function]"),
        ("db4", "look for a loop without an end"),
    ] {
        world.state(object, "DOWN");
        let told = world.told();
        assert!(told[0].contains(expected), "{object}: {told:?}");
    }
}

/// The faults of a set as `file:line:column: what (help)`.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let file = |(name, text): &(&str, &str)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() };
    let files: Vec<RuleFile> = files.iter().map(file).collect();
    Ruleset::compile(&files).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_wrong_with_an_import_is_told_with_its_place() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        (
            r#"import "lib/teans" as t;"#,
            "10.rhai:1:8: there is no module `lib/teans`; did you mean `lib/teams`? (modules are",
        ),
        (
            r#"import "lib/teams.rhai" as t;"#,
            "10.rhai:1:8: there is no module `lib/teams.rhai`; did you mean `lib/teams`?",
        ),
        (r#"import "../lib/teams" as t;"#, "10.rhai:1:8: there is no module `../lib/teams`"),
        (r#"import "/etc/passwd" as t;"#, "10.rhai:1:8: there is no module `/etc/passwd`"),
        (r#"import "20" as t;"#, "10.rhai:1:8: there is no module `20` (modules are"),
        (r#"import "lib/teams";"#, "10.rhai:1:1: an import needs a name to call it by"),
        (
            r#"import "lib/" + "teams" as t;"#,
            "10.rhai:1:1: `import` takes the name of a module as a plain text",
        ),
        (
            r#"rule("a", #{}, |e| { import "lib/teams" as t; });"#,
            "10.rhai:1:22: `import` stands at the top of a file",
        ),
        (r#"fn f() { import "lib/teams" as t; }"#, "10.rhai:1:10: `import` stands at the top of a file"),
        (
            r#"import "lib/teams" as t; rule("a", #{}, |e| t::off(e));"#,
            "10.rhai:1:48: the module `t` has no function `off`; did you mean `t::of`?",
        ),
        (
            r#"import "lib/teams" as t; rule("a", #{}, |e| t::is_db(e));"#,
            "the module `t` has no function `is_db`",
        ),
        (
            r#"import "lib/teams" as t; rule("a", #{}, |e| u::of(e));"#,
            "10.rhai:1:48: no module is imported as `u`; did you mean `t`?",
        ),
        (
            r#"import "bad/circle" as c;"#,
            "bad/round.rhai:1:8: modules in a circle: bad/circle imports bad/round imports bad/circle",
        ),
        (r#"import "bad/verb" as v;"#, "bad/verb.rhai:2:4: there is no verb `notfy`; did you mean `notify`?"),
        (r#"import "bad/syntax" as s;"#, "bad/syntax.rhai:1:"),
        (r#"import "bad/rule" as r;"#, "bad/rule.rhai:1:1: `rule` has no place in a module"),
        (r#"import "bad/throws" as t;"#, "bad/throws.rhai:1:1: at the top"),
        (r#"import "bad/loops" as l;"#, "bad/loops.rhai:1:6: Too many operations"),
        (r#"import "bad/during" as d;"#, "bad/during.rhai:1:17: `Mno` is no span of the week"),
        (r#"import "bad/sleep" as s;"#, "bad/sleep.rhai:1:10: `sleep` cannot be called in a rule"),
    ] {
        let found = faults(&[
            ("10.rhai", text),
            ("20.rhai", r#"rule("sound", #{}, |e| ());"#),
            ("lib/teams.rhai", TEAMS),
            ("bad/circle.rhai", r#"import "bad/round" as r;"#),
            ("bad/round.rhai", r#"import "bad/circle" as c;"#),
            ("bad/verb.rhai", "fn f(e) {\n e.notfy(1);\n}"),
            ("bad/syntax.rhai", "fn f( {"),
            ("bad/rule.rhai", r#"rule("b", #{}, |e| ());"#),
            ("bad/throws.rhai", r#"throw "at the top";"#),
            ("bad/loops.rhai", "loop {}"),
            ("bad/during.rhai", r#"fn f() { during("Mno") }"#),
            ("bad/sleep.rhai", "fn f() { sleep(1); }"),
        ]);
        if found.len() != 1 || !found[0].contains(expected) {
            wrong.push(format!("{text}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_module_that_nothing_imports_is_not_looked_at() {
    let rules = ("10.rhai", r#"import "lib/teams" as t; rule("a", #{}, |e| ());"#);
    let hash = |modules: &[(&str, &str)]| compiled_files(&[&[rules], modules].concat()).hash().to_owned();
    let without = hash(&[("lib/teams.rhai", TEAMS)]);
    assert_eq!(without, hash(&[("lib/teams.rhai", TEAMS), ("cookbook/one.rhai", "rule( let")]));
    assert_ne!(without, hash(&[("lib/teams.rhai", "fn of(e) { \"dba\" }")]));
}

#[test]
fn modules_are_read_from_the_folders_inside_the_rules_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    };
    for (name, text) in [
        ("20-b.rhai", "b"),
        ("10-a.rhai", "a"),
        ("lib/teams.rhai", "teams"),
        ("lib/deep/two.rhai", "two"),
        ("lib/notes.txt", "no module"),
        ("lib/.hidden.rhai", "hidden"),
        (".git/x.rhai", "hidden"),
    ] {
        write(name, text.as_bytes());
    }
    write("lib/binary.rhai", &[0xff, 0xfe]);
    let (files, faults) = watchbell::load::rule_files(folder.path());
    assert!(faults.is_empty(), "{faults:?}");
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["10-a.rhai", "20-b.rhai", "lib/deep/two.rhai", "lib/teams.rhai"]);
}
