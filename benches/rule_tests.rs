//! How fast tests of rules run: a thousand of them, with the shipped rules and templates.
//!
//! `taskset -c 1 cargo bench --bench rule_tests` prints how long they take to compile and
//! to run, on one core. The floor is a thousand in at most a second, so that a reload never
//! waits for them.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod turns;

use std::fmt::Write;
use std::sync::Arc;
use watchbell::config;
use watchbell::engine::{RuleFile, Ruleset};
use watchbell::load::{Set, shipped_rules};
use watchbell::trial::{self, Targets};

const TESTS: usize = 1_000;

/// A test as people write them: an object, a problem, a wait, an answer, the end.
fn thousand_tests() -> String {
    let mut text = String::new();
    for number in 0..TESTS {
        let written = writeln!(
            text,
            "test(\"number {number}\", |t| {{
                t.object(\"db{number}!postgres\", #{{ \"host.vars.role\": \"db\", \"service.vars.tier\": \"gold\" }});
                t.state(\"db{number}!postgres\", \"CRITICAL\");
                t.expect(\"default\", \"db{number}\");
                t.say(\"alice\", \"!ack db{number}!postgres looking\");
                t.expect(\"default\", \"looking\");
                t.wait(\"2h\");
                t.expect_silence();
                t.state(\"db{number}!postgres\", \"OK\");
                t.expect(\"default\", \"is OK again\");
            }});"
        );
        written.expect("a text can always be written to");
    }
    text
}

fn main() {
    let shipped = Set::shipped().expect("the shipped rules and templates are sound");
    let mut files: Vec<RuleFile> = shipped_rules();
    files.retain(|file| !file.name.ends_with(".test.rhai"));
    files.push(RuleFile { name: "thousand.test.rhai".to_owned(), text: thousand_tests() });
    let compile = || Ruleset::compile(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    let set = Set { rules: Arc::new(compile()), ..shipped };
    let config = Arc::new(config::builtin("".into(), "".into()));

    let mut compile_all = || drop(compile());
    let mut run_all = || {
        let report = trial::run(&set, &config, Targets::Configured, |_| true).expect("there is a thread");
        assert_eq!(report.results.len(), TESTS);
        assert!(report.results.iter().all(|result| result.failure.is_none()));
    };
    let [compiling, running] = turns::medians([&mut compile_all, &mut run_all]);
    println!("{TESTS} tests of rules: compiled in {compiling:.0?}, run in {running:.0?}");
}
