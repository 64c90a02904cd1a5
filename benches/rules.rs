//! What rules that do not match cost: 10,000 rules of which 3 match beside 10 of which 3
//! match, for each way a rule can say which events it is about.
//!
//! `cargo bench --bench rules` prints the time for one event under each set and the ratio
//! of the two, how long 10,000 rules take to compile, and at last the highest ratio. The
//! floor is a ratio of 1.5 at most.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod turns;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use watchbell::engine::{Engine, RuleFile, Ruleset, Settings, World};
use watchbell::model::{Detail, Event, Input, ObjectKey, State, StateReport, Timestamp};

const FEW: usize = 10;
const MANY: usize = 10_000;
const MATCHING: usize = 3;
/// How many events each set judges in its turn.
const EVENTS: u32 = 2_000;

/// A way to say what a rule is about: its name, and the matcher for a host of this number.
type Kind = (&'static str, fn(usize) -> String);

const KINDS: &[Kind] = &[
    ("host.name: \"web-7\"", |host| format!(r#""host.name": "web-{host}.example.org""#)),
    ("host.name: a list of 3", |host| {
        format!(r#""host.name": ["web-{host}.example.org", "db-{host}", "san-{host}"]"#)
    }),
    ("host.name: glob(\"web-7.*\")", |host| format!(r#""host.name": glob("web-{host}.*")"#)),
    ("host.name: glob(\"*-7.example.org\")", |host| format!(r#""host.name": glob("*-{host}.example.org")"#)),
    ("output: re(\"disk 7 .*full\")", |host| format!(r#"output: re("disk {host} .*full")"#)),
    ("output: re(\"(?i)^disk 7 \")", |host| format!(r#"output: re("(?i)^disk {host} ")"#)),
    ("output: re(\"^[a-z]+ 7 \")", |host| format!(r#"output: re("^[a-z]+ {host} ")"#)),
];

/// So many rules, of which three are about host 0 and the others each about one of their own.
fn rules(count: usize, matcher: fn(usize) -> String) -> Arc<Ruleset> {
    let rule = |number: usize| {
        let host = if number < MATCHING { 0 } else { number };
        format!(
            "rule(\"r{number}\", #{{ on: \"StateChange\", {} }}, |e| e.notify(\"ops\"));\n",
            matcher(host)
        )
    };
    let file = RuleFile { name: "bench.rhai".to_owned(), text: (0..count).map(rule).collect() };
    Ruleset::compile(&[file]).map(Arc::new).unwrap_or_else(|faults| panic!("{:?}", &faults[..1]))
}

fn engine(ruleset: Arc<Ruleset>) -> Engine {
    let settings = Settings {
        targets: BTreeSet::from(["ops".to_owned()]),
        default_target: "ops".to_owned(),
        mirror_mutes: false,
        zone: jiff::tz::TimeZone::UTC,
        ..Settings::of(&watchbell::config::builtin("".into(), "".into()))
    };
    Engine::new(World::new(false), settings, ruleset)
}

fn event(source: &Arc<str>, now: Timestamp) -> Input {
    let report = StateReport {
        state: State::Down,
        hard: true,
        attempt: 1,
        previous: None,
        reachable: true,
        output: "disk 0 is full, of which little is known besides".to_owned(),
        performance_data: Vec::new(),
        exit_status: 2,
        check_source: String::new(),
        execution_end: Some(now),
        downtime_depth: None,
        acknowledgement: None,
        restated: None,
    };
    Input::Event(Event {
        object: Some(ObjectKey::from_name(source, "web-0.example.org")),
        source: source.clone(),
        timestamp: now,
        missed: false,
        withheld: None,
        detail: Detail::StateChange(report),
    })
}

/// Judges some events, each a second after the one before.
fn turn(engine: &mut Engine, second: &mut i64) {
    let source: Arc<str> = "icinga".into();
    for _ in 0..EVENTS {
        *second += 1;
        let now = Timestamp::from_second(*second).expect("a moment");
        let outcome = engine.step(event(&source, now), now);
        assert_eq!(outcome.decisions[0].steps.len(), MATCHING);
    }
}

fn main() {
    println!("{:<36} {:>9} {:>9} {:>6} {:>9}", "rules say", FEW, MANY, "ratio", "compile");
    let mut highest: f64 = 0.0;
    for (name, matcher) in KINDS {
        let mut few = engine(rules(FEW, *matcher));
        let began = Instant::now();
        let many = rules(MANY, *matcher);
        let compile = began.elapsed();
        let mut many = engine(many);
        let (mut few_second, mut many_second) = (0, 0);
        let [few, many] = turns::medians([&mut || turn(&mut few, &mut few_second), &mut || {
            turn(&mut many, &mut many_second)
        }]);
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        highest = highest.max(ratio);
        let (few, many) = (few / EVENTS, many / EVENTS);
        println!("{name:<36} {few:>9.1?} {many:>9.1?} {ratio:>6.2} {compile:>9.1?}");
    }
    println!("an event under {MANY} rules takes at most {highest:.2} times as long as under {FEW}");
}
