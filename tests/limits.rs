//! The limits of scripts: whatever a rule does, it is stopped, its event is told with the
//! error, the other rules run, and the next event is judged.

use crate::common::engine::World;
use watchbell::engine::{RuleFault, RuleFile, Ruleset, SCRIPT_STACK};

/// Rules run on the engine's thread, which has this stack.
fn as_the_engine(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(SCRIPT_STACK).spawn(test);
    if let Err(panic) = thread.expect("a thread").join() {
        std::panic::resume_unwind(panic);
    }
}

/// A rule with this action in line 2, between two others that must not notice.
fn world(action: &str) -> World {
    World::new(&format!(
        "rule(\"before\", #{{}}, |e| e.log(\"before\"));\n\
         rule(\"greedy\", #{{ on: \"StateChange\", state: \"DOWN\" }}, |e| {{ {action} }});\n\
         rule(\"after\", #{{}}, |e| {{ e.log(\"after\"); e.drop(\"heard by nobody but for the error\") }});\n\
         fn dive(n) {{ dive(n + 1) }}"
    ))
}

/// What the action fails with; all that must hold beside that is tried here.
#[track_caller]
fn stopped(action: &str) -> String {
    let mut world = world(action);
    world.state("web", "DOWN");
    assert_eq!(world.log, ["before", "after"], "the other rules of the event run: {action}");
    let [told] = world.told().try_into().unwrap_or_else(|told| panic!("{action}: {told:?}"));
    let error = told.strip_prefix("ops: StateChange web DOWN [a rule failed: test.rhai:2:");
    let error = error.unwrap_or_else(|| panic!("{action}: {told}")).to_owned();
    world.state("mail", "DOWN");
    assert_eq!(world.told().len(), 1, "the next event meets the same limit: {action}");
    world.state("web", "UP");
    world.expect_dropped("heard by nobody but for the error");
    assert_eq!(world.log.len(), 6, "later events are judged: {action}");
    error
}

#[track_caller]
fn all_stopped(cases: &[(&str, &str)]) {
    for (action, expected) in cases {
        let error = stopped(action);
        assert!(error.contains(expected), "{action}: {error}");
    }
}

const TOO_MANY_STEPS: &str = "Too many operations (it may take 200000 steps; look for a loop without an end)";
const TOO_LONG: &str = "took longer than 50 ms (look for a loop without an end";
const TEXT_TOO_LARGE: &str = "Length of string too large";
const ARRAY_TOO_LARGE: &str = "Size of array/BLOB too large";

/// A text of 120,000 letters.
const LONG: &str = "let s = \"\"; s.pad(120000, 'x'); ";

#[test]
fn a_loop_without_an_end_is_stopped() {
    // Whether steps or time run out first depends on the machine.
    for action in
        ["loop {}", "while true { let x = 1; }", "for i in 0..9223372036854775807 {}", "do {} while true"]
    {
        let error = stopped(action);
        assert!(error.contains(TOO_MANY_STEPS) || error.contains(TOO_LONG), "{error}");
    }
}

#[test]
fn a_loop_cannot_catch_what_stops_it() {
    let error = stopped("try { loop {} } catch (wrong) {} e.drop(\"caught\")");
    assert!(error.contains(TOO_MANY_STEPS) || error.contains(TOO_LONG), "{error}");
}

#[test]
fn few_steps_that_take_long_are_stopped_by_the_clock() {
    let heavy = [
        "loop { s.to_upper(); }",
        "loop { s.index_of(\"y\"); }",
        "loop { s.sub_string(119990, 3); }",
        "try { loop { s.to_lower(); } } catch (wrong) {}",
        "let a = []; a.pad(10000, 1); loop { a.index_of(7); }",
        "let a = blob(10000, 1); loop { a.to_array(); }",
    ];
    for action in heavy {
        let error = stopped(&format!("{LONG}{action}"));
        assert!(error.contains(TOO_LONG), "{action}: {error}");
    }
}

#[test]
fn steps_inside_of_closures_that_native_functions_call_count_for_the_clock() {
    let inner = "|x| { let i = 0; while i < 1000 { i += 1 } i }";
    for verb in ["map", "filter", "for_each", "sort", "reduce"] {
        let inner = if verb == "sort" || verb == "reduce" {
            inner.replace("|x|", "|x, y|")
        } else {
            inner.to_owned()
        };
        let error = stopped(&format!("let a = []; a.pad(10000, 1); loop {{ a.{verb}({inner}); }}"));
        assert!(error.contains(TOO_LONG), "{verb}: {error}");
    }
}

#[test]
fn deep_recursion_is_stopped() {
    as_the_engine(|| {
        all_stopped(&[("dive(0)", "Stack overflow"), ("let f = |f| f.call(f); f.call(f)", "Stack overflow")]);
    });
}

#[test]
fn what_is_nested_deeply_is_stopped_and_dropped() {
    as_the_engine(|| {
        for action in ["let a = []; loop { a = [a] }", "let m = #{}; loop { m = #{ m: m } }"] {
            let error = stopped(action);
            assert!(error.contains(TOO_LONG) || error.contains("too large"), "{action}: {error}");
        }
    });
}

#[test]
fn many_closures_are_stopped_and_dropped() {
    as_the_engine(|| {
        for action in [
            "let f = |x| x; loop { let g = f; f = |x| g.call(x) }",
            "let f = Fn(\"dive\"); loop { f = f.curry(f) }",
            "let f = Fn(\"dive\"); loop { f = curry(Fn(\"dive\"), f) }",
            "let all = []; loop { let n = all.len(); all.push(|| n) }",
        ] {
            let error = stopped(action);
            let expected = [TOO_MANY_STEPS, TOO_LONG, ARRAY_TOO_LARGE];
            assert!(expected.iter().any(|expected| error.contains(expected)), "{action}: {error}");
        }
    });
}

#[test]
fn a_huge_text_is_refused() {
    all_stopped(&[
        ("let s = \"x\"; s.pad(1000000000, 'x')", TEXT_TOO_LARGE),
        ("let s = \"x\"; s.pad(1000000000, \"xy\")", TEXT_TOO_LARGE),
        ("let s = \"x\"; loop { s += s }", TEXT_TOO_LARGE),
        ("let s = \"x\"; loop { s = `${s}${s}` }", TEXT_TOO_LARGE),
        ("let s = \"x\"; s.pad(60000, 'x'); let t = s; s.replace(\"x\", t)", TEXT_TOO_LARGE),
        ("let s = \"x\"; s.pad(60000, 'x'); let t = s; s.replace('x', t)", TEXT_TOO_LARGE),
        ("let s = \"\"; s.pad(60000, 'x'); let a = []; loop { a.push(s) }", TEXT_TOO_LARGE),
    ]);
}

#[test]
fn a_huge_array_is_refused() {
    all_stopped(&[
        ("let a = []; a.pad(1000000, 1)", ARRAY_TOO_LARGE),
        ("let a = [1]; loop { a += a }", ARRAY_TOO_LARGE),
        ("blob(1000000, 1)", ARRAY_TOO_LARGE),
        (&format!("{LONG}s.split(\"\")"), ARRAY_TOO_LARGE),
        (&format!("{LONG}s.to_chars()"), ARRAY_TOO_LARGE),
    ]);
}

#[test]
fn what_grows_one_by_one_is_stopped() {
    // Each step looks at the size of the whole, so that on a slow machine time runs out first.
    for action in ["for i in 0..1000000 { a.push(i) }", "for i in 0..1000000 { m[i.to_string()] = i }"] {
        let error = stopped(&format!("let a = []; let m = #{{}}; {action}"));
        assert!(error.contains("too large") || error.contains(TOO_LONG), "{action}: {error}");
    }
}

#[test]
fn what_a_rule_logs_is_bounded() {
    let mut world = World::new(
        r#"rule("talks", #{}, |e| { let s = ""; s.pad(1000, 'x'); for i in 0..60 { e.log(s); print(s); } e.stop(); });"#,
    );
    world.state("web", "DOWN");
    assert_eq!(world.log.len(), 100);
    world.expect_silence();
}

#[test]
fn a_huge_regular_expression_is_refused_when_a_rule_makes_it() {
    all_stopped(&[(
        r#"mute(#{ output: re("(((a{100}){100}){100})") }, "1h", "", "me")"#,
        "is not a regular expression: Compiled regex exceeds size limit",
    )]);
}

#[test]
fn a_regular_expression_that_would_be_a_catastrophe_elsewhere_is_no_matter() {
    let mut world =
        World::new(r#"rule("many ways", #{ output: re("^(a+)+(a|aa)*$") }, |e| e.notify("dba"));"#);
    world.reported("web", "DOWN", |report| report.output = format!("{}b", "a".repeat(100_000)));
    world.expect(&["ops by default: StateChange web DOWN"]);
    world.reported("web", "UP", |report| report.output = "aaa".to_owned());
    world.expect(&["dba: StateChange web UP"]);
}

#[test]
fn a_rule_cannot_sleep_evaluate_text_or_ask_the_time() {
    for (action, name) in [
        ("sleep(1)", "sleep"),
        ("sleep(0.1)", "sleep"),
        ("timestamp()", "timestamp"),
        ("eval(\"1\")", "eval"),
        ("open_file(\"/etc/passwd\")", "there is no verb `open_file`"),
        ("import \"std\" as s;", "import"),
    ] {
        let [fault] =
            faults(&format!("rule(\"r\", #{{}}, |e| {{ {action} }});")).try_into().expect("one fault");
        assert!(fault.message.contains(name), "{action}: {fault}");
        assert_eq!(fault.line, 1, "{action}");
    }
    all_stopped(&[("Fn(\"sleep\").call(1)", "`sleep` cannot be called in a rule")]);
}

#[test]
fn what_overflows_is_an_error_and_never_wraps() {
    all_stopped(&[
        ("9223372036854775807 + 1", "Addition overflow"),
        ("-9223372036854775807 - 2", "Subtraction overflow"),
        ("let x = 9223372036854775807; x *= 2", "Multiplication overflow"),
        ("let x = 9223372036854775807; x += 1", "Addition overflow"),
        ("(-9223372036854775807 - 1) / -1", "Division overflow"),
        ("(-9223372036854775807 - 1) % -1", "overflow"),
        ("1 / 0", "Division by zero"),
        ("1 % 0", "zero"),
        ("-(-9223372036854775807 - 1)", "overflow"),
        ("abs(-9223372036854775807 - 1)", "overflow"),
        ("2 ** 63", "overflow"),
        ("to_int(1e300)", "overflow"),
        ("parse_int(\"9223372036854775808\")", "too large"),
    ]);
    for shift in ["1 << 70", "1 >> 70", "let x = 1; x <<= 70", "let x = 1; x >>= 70"] {
        assert_eq!(faults(&format!("rule(\"r\", #{{}}, |e| {{ {shift} }});")).len(), 1, "{shift}");
    }
}

#[test]
fn a_rule_that_fails_for_one_event_only_judges_all_others() {
    let mut world = World::new(
        r#"rule("picky", #{}, |e| if e.object == "web" { throw "no" } else { e.notify("dba") });"#,
    );
    for name in ["a", "web", "b"] {
        world.state(name, "DOWN");
    }
    world.expect(&[
        "dba: StateChange a DOWN",
        "ops: StateChange web DOWN [a rule failed: test.rhai:1:47: no]",
        "dba: StateChange b DOWN",
    ]);
}

#[test]
fn a_rule_that_drops_or_stops_and_then_fails_silences_nobody() {
    for silence in ["e.drop(\"quiet\")", "e.stop()"] {
        let mut world = World::new(&format!(
            "rule(\"hasty\", #{{}}, |e| {{ {silence}; throw \"no\" }});\nrule(\"after\", #{{}}, |e| e.notify(\"dba\"));"
        ));
        world.state("web", "DOWN");
        let told = world.told();
        assert_eq!(told[0], "dba: StateChange web DOWN", "{silence}");
        assert!(
            told[1].starts_with("ops: StateChange web DOWN [a rule failed: test.rhai:1:"),
            "{silence}: {told:?}"
        );
    }
}

#[test]
fn whom_a_failing_rule_told_before_is_told() {
    let mut world = World::new(r#"rule("hasty", #{}, |e| { e.notify("dba"); throw "no" });"#);
    world.state("web", "DOWN");
    world.expect(&[
        "dba: StateChange web DOWN",
        "ops: StateChange web DOWN [a rule failed: test.rhai:1:43: no]",
    ]);
}

#[test]
fn a_command_has_the_same_limits() {
    let mut world =
        World::new(&format!("command(\"spin\", #{{}}, |c| {{ {LONG}loop {{ s.to_upper(); }} }});"));
    let answer = world.say("alice", "!spin");
    assert!(answer.starts_with("alice: the command failed: test.rhai:1:"), "{answer}");
    assert!(answer.contains(TOO_LONG), "{answer}");
    assert!(world.say("alice", "!ping").contains("pong"));
}

#[test]
fn a_slow_rule_is_shown_with_the_time_of_its_calls() {
    let mut world = World::new(&format!("rule(\"slow\", #{{}}, |e| {{ {LONG}loop {{ s.to_upper(); }} }});"));
    world.state("web", "DOWN");
    let shown = world.say("alice", "!rules");
    assert!(shown.contains("\nslow: test.rhai:1 slow takes "), "{shown}");
}

// Loading.

fn faults(text: &str) -> Vec<RuleFault> {
    Ruleset::compile(&[RuleFile { name: "test.rhai".to_owned(), text: text.to_owned() }])
        .err()
        .unwrap_or_default()
}

#[test]
fn a_file_that_does_not_end_or_makes_something_huge_is_a_fault_with_its_line() {
    for (text, expected) in [
        ("let x = 1;\nloop { x = 1; }", "Too many operations"),
        ("let s = \"x\";\nloop { s += s; }", TEXT_TOO_LARGE),
        ("let a = [];\na.pad(1000000, 1);", ARRAY_TOO_LARGE),
        ("fn f(n) { f(n + 1) }\nf(0);", "Stack overflow"),
        ("let x = 1;\nlet y = x / 0;", "Division by zero"),
        ("let x = 1;\nthrow \"no\";", "no"),
    ] {
        let [fault] = faults(text).try_into().expect("one fault");
        assert!(fault.message.contains(expected), "{text}: {fault}");
        assert_eq!(fault.line, 2, "{text}: {fault}");
    }
}

#[test]
fn what_is_nested_too_deeply_in_a_file_is_a_fault() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("#{a:", "}"),
        ("{", "}"),
        ("if true {", "}"),
        ("-", ""),
        ("!", ""),
        ("|x| ", ""),
    ] {
        let text = format!("let x =\n{}1{};", open.repeat(20_000), close.repeat(20_000));
        let faults = faults(&text);
        assert!(!faults.is_empty(), "{open}");
        assert!(faults.iter().all(|fault| fault.line == 2), "{open}: {:?}", faults.first());
    }
}

#[test]
fn a_file_of_a_megabyte_is_read_or_is_a_fault() {
    let rules: String =
        (0..8_000).map(|n| format!("rule(\"{n:0100}\", #{{ on: \"StateChange\" }}, |e| ());\n")).collect();
    assert!(rules.len() > 1_000_000);
    assert_eq!(faults(&rules), []);
    assert_eq!(faults(&"// nothing but words\n".repeat(50_000)), []);
    let [fault] = faults(&format!("let s = \"{}\";", "x".repeat(1_000_000))).try_into().expect("one fault");
    assert_eq!(fault.line, 1);
    let [fault] = faults(&"(".repeat(1_000_000)).try_into().expect("one fault");
    assert_eq!(fault.line, 1);
}

#[test]
fn a_regular_expression_that_is_too_large_is_a_fault_with_its_place() {
    let [fault] = faults("\n  rule(\"bomb\", #{ output: re(\"(((a{100}){100}){100})\") }, |e| ());")
        .try_into()
        .expect("one fault");
    assert_eq!((fault.line, fault.column), (2, 19), "{fault}");
    assert!(fault.message.contains("Compiled regex exceeds size limit"), "{fault}");
}
