//! How fast tests of rules run: a thousand of them, with the shipped rules and templates.
//!
//! `cargo bench --bench rule_tests` prints tests per second, on one core. What is asked
//! for is a thousand in at most a second, so that a reload never waits for them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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

fn rule_tests(criterion: &mut Criterion) {
    let shipped = Set::shipped().expect("the shipped rules and templates are sound");
    let mut files: Vec<RuleFile> = shipped_rules();
    files.retain(|file| !file.name.ends_with(".test.rhai"));
    files.push(RuleFile { name: "thousand.test.rhai".to_owned(), text: thousand_tests() });
    let compile = || Ruleset::compile(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    let set = Set { rules: Arc::new(compile()), ..shipped };
    let config = Arc::new(config::builtin("".into(), "".into()));

    let mut group = criterion.benchmark_group("rule tests");
    group.throughput(Throughput::Elements(TESTS as u64)).sample_size(10);
    group.bench_function("compile", |bencher| bencher.iter(compile));
    group.bench_function("run", |bencher| {
        bencher.iter(|| {
            let report = trial::run(&set, &config, Targets::Configured, |_| true).expect("there is a thread");
            assert!(report.results.iter().all(|result| result.failure.is_none()));
        });
    });
    group.finish();
}

criterion_group!(benches, rule_tests);
criterion_main!(benches);
