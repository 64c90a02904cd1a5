//! How long it takes to compare two sets of rules on a million events: the recording of
//! a storm, again and again at later times, through the shipped rules and through a
//! candidate; beside the bare reading of the same lines in the same run.
//!
//! `cargo bench --bench diff` prints the seconds of both and how many times longer the
//! comparison takes. The floor is 20 s on two cores.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watchbell::config;
use watchbell::diff::Trial;
use watchbell::engine::{RuleFile, Ruleset, Settings, World};
use watchbell::load::shipped_rules;
use watchbell::model::{Detail, Event, Input, Timestamp};
use watchbell::source::icinga::decode;

const STORM: &[u8] = include_bytes!("../tests/fixtures/storm.jsonl.gz");
const EVENTS: usize = 1_000_000;

/// Between the begin of one storm and the next.
const ROUND: Duration = Duration::from_secs(3600);

const CANDIDATE: &str =
    r#"rule("no hosts", #{ on: "StateChange", state: "DOWN" }, |e| e.drop("a candidate drops it"));"#;

fn later(mut event: Event, by: Duration) -> Event {
    event.timestamp += by;
    if let Detail::CheckResult(report) | Detail::StateChange(report) = &mut event.detail {
        report.execution_end = report.execution_end.map(|end| end + by);
    }
    event
}

fn rules(more: &[RuleFile]) -> Arc<Ruleset> {
    let files = [more, &shipped_rules()].concat();
    Arc::new(Ruleset::compile(&files).expect("the rules are sound"))
}

fn main() {
    let mut text = Vec::new();
    GzDecoder::new(STORM).read_to_end(&mut text).expect("the recording unpacks");
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let source: Arc<str> = "icinga".into();
    let rounds = (0_u32..).flat_map(|round| lines.iter().map(move |line| (round, *line))).take(EVENTS);
    let events = rounds.map(|(round, line)| {
        let event = decode(&source, line).expect("the recording is sound");
        later(event, ROUND * round)
    });

    let begin = Instant::now();
    let read = events.clone().filter(|event| event.object.is_some()).count();
    let reading = begin.elapsed().as_secs_f64();

    let candidate = RuleFile { name: "05-candidate.rhai".to_owned(), text: CANDIDATE.to_owned() };
    let trial = Trial {
        settings: Settings::of(&config::builtin("".into(), "".into())),
        current: rules(&[]),
        candidate: rules(&[candidate]),
        since: Timestamp::MIN,
    };
    let inputs = events.map(|event| Ok::<_, std::io::Error>((event.timestamp, Input::Event(event))));
    let begin = Instant::now();
    let report = trial.run(&World::new(false), inputs, || false).expect("threads can be started");
    let comparing = begin.elapsed().as_secs_f64();
    assert_eq!(report.inputs, EVENTS as u64);
    assert!(!report.is_same(), "the candidate tells less");
    println!(
        "{read} events read in {reading:.2} s, {} compared in {comparing:.2} s: {:.1} times as long",
        report.inputs,
        comparing / reading,
    );
}
