//! What an open incident costs in memory: the engine with the shipped rules, so many
//! incidents of as many services, on Linux.
//!
//! `INCIDENTS=1000000 cargo bench --bench memory` prints the bytes of one, with changes
//! that are taken regularly, as the pipeline does, and with none kept, as in a replay. The
//! floor is 1.5 KB for each.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeSet;
use std::sync::Arc;
use watchbell::engine::{Engine, Settings, World};
use watchbell::load::Set;
use watchbell::model::{Detail, Event, Input, ObjectKey, State, StateReport, Timestamp};

const SERVICES_OF_A_HOST: usize = 20;
/// How many inputs the pipeline judges before it takes the changes.
const BATCH: usize = 256;

fn engine(durable: bool) -> Engine {
    let set = Set::shipped().expect("the shipped rules and templates are sound");
    let settings = Settings {
        targets: BTreeSet::from(["operations".to_owned()]),
        default_target: "operations".to_owned(),
        mirror_mutes: false,
        zone: jiff::tz::TimeZone::UTC,
        ..Settings::of(&watchbell::config::builtin("".into(), "".into()))
    };
    Engine::new(World::new(durable), settings, set.rules.clone())
}

fn broken(source: &Arc<str>, number: usize, now: Timestamp) -> Input {
    let name =
        format!("web-{:06}.example.org!http {}", number / SERVICES_OF_A_HOST, number % SERVICES_OF_A_HOST);
    let report = StateReport {
        state: State::Critical,
        hard: true,
        attempt: 3,
        previous: Some((State::Critical, false)),
        reachable: true,
        output: format!("CRITICAL - no answer in 10 s, try {number}"),
        performance_data: Vec::new(),
        exit_status: 2,
        check_source: String::new(),
        execution_end: Some(now),
        downtime_depth: None,
        acknowledgement: None,
        restated: None,
    };
    Input::Event(Event {
        object: Some(ObjectKey::from_name(source, &name)),
        source: source.clone(),
        timestamp: now,
        missed: false,
        withheld: None,
        detail: Detail::StateChange(report),
    })
}

/// Memory of this process, in bytes; 0 where it cannot be read.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn bytes_of_one(incidents: usize, durable: bool) -> usize {
    let source: Arc<str> = "icinga".into();
    let mut engine = engine(durable);
    let now = Timestamp::from_second(1_800_000_000).expect("a moment");
    let before = resident();
    for number in 0..incidents {
        let outcome = engine.step(broken(&source, number, now), now);
        assert_eq!(outcome.notifications.len(), 1, "{number}");
        if number % BATCH == 0 {
            drop(engine.world_mut().take_writes());
        }
    }
    assert_eq!(engine.world().incidents().count(), incidents);
    resident().saturating_sub(before) / incidents
}

fn main() {
    let incidents =
        std::env::var("INCIDENTS").ok().and_then(|wanted| wanted.parse().ok()).unwrap_or(1_000_000);
    // What the first round frees may serve the second, so that the second alone would
    // look cheap: each has a process of its own.
    match std::env::var("DURABLE") {
        Ok(durable) => println!("{} bytes", bytes_of_one(incidents, durable == "yes")),
        Err(_) => ["yes", "no"].into_iter().for_each(|durable| {
            print!("{incidents} open incidents, changes kept: {durable}: ");
            let program = std::env::current_exe().expect("this program");
            let child = std::process::Command::new(program).env("DURABLE", durable).output();
            print!("{}", String::from_utf8_lossy(&child.expect("this program again").stdout));
        }),
    }
}
