//! Who is on call, asked of the program: `watchbell oncall`, and what `watchbell check` says of
//! schedules.

use crate::common::cli::{CONFIG, installation, put, watchbell};
use jiff::ToSpan;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use watchbell::config::{Accounts, Person};
use watchbell::oncall::{Calendar, People};

const SCHEDULES: &str = r#"
[person.alice]
[person.bob]
mail = "bob@example.org"
[schedule.dba]
zone = "Europe/Berlin"
[[schedule.dba.layer]]
persons = ["alice", "bob"]
rotate = "1w"
handover = "mon 09:00"
from = "2026-01-05"
"#;

fn with(schedules: &str) -> TempDir {
    let folder = installation();
    put(folder.path(), "watchbell.toml", &format!("{CONFIG}{schedules}"));
    folder
}

#[test]
fn whose_turn_comes_when_is_shown_over_a_change_of_the_clocks() {
    let folder = with(SCHEDULES);
    let out = watchbell(folder.path(), &["oncall", "--at", "2026-10-23 3:00", "--days", "12"]).fine();
    insta::assert_snapshot!("oncall", out);
    assert_eq!(
        out,
        watchbell(folder.path(), &["oncall", "dba", "--at", "2026-10-23 3:00", "--days", "12"]).fine()
    );
}

#[test]
fn nobody_on_call_has_an_exit_code_of_its_own() {
    let folder = with(&format!("{SCHEDULES}until = \"2026-03-01\"\n"));
    let ended = watchbell(folder.path(), &["oncall", "--at", "2026-10-23 3:00", "--days", "1"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(3), ""));
    assert!(ended.out.contains("  nobody\n"), "{}", ended.out);
    let unknown = watchbell(folder.path(), &["oncall", "dbs"]).refused();
    assert!(unknown.contains("there is no schedule `dbs`; did you mean `dba`?"), "{unknown}");
    let none = watchbell(installation().path(), &["oncall"]).refused();
    assert!(none.contains("has no `[schedule.NAME]`"), "{none}");
}

#[test]
fn a_calendar_is_written_that_reads_back() {
    let folder = with(SCHEDULES);
    let arguments = ["oncall", "dba", "--ical", "--at", "2026-10-23 3:00", "--days", "30"];
    let text = watchbell(folder.path(), &arguments).fine();
    assert!(text.ends_with("END:VCALENDAR\r\n") && !text.contains("\n\n"), "{text}");
    let person = |name: &str| Person {
        name: name.to_owned(),
        icinga_author: name.to_owned(),
        irc: Accounts::None,
        mail: None,
        roles: Vec::new(),
        code: None,
    };
    let persons = ["alice", "bob"].map(|name| (name.to_owned(), person(name)));
    let around = "2026-11-01T00:00:00Z".parse().expect("a moment");
    let people = People::of(&BTreeMap::from(persons));
    let read = Calendar::read(&text, &jiff::tz::TimeZone::UTC, &people, around).expect("it is right");
    assert!(read.nameless().is_empty());
    // And as the calendar of another installation it has the same turns.
    let other =
        "[person.alice]\n[person.bob]\n[schedule.dba]\nzone = \"Europe/Berlin\"\nical_file = \"dba.ics\"\n";
    let other = with(other);
    put(other.path(), "dba.ics", &text);
    let shown = |folder: &TempDir| {
        watchbell(folder.path(), &["oncall", "--at", "2026-10-23 3:00", "--days", "30"]).fine()
    };
    assert_eq!(shown(&other), shown(&folder));
}

/// Turns that change in the nights in which the clocks do, hours of an office above them, an id
/// that needs two lines, and nobody at the end.
const A_YEAR: &str = r#"
[person.alice]
[person.bob]
[person.carol-of-the-databases-whose-name-takes-nearly-a-whole-line]
[schedule.dba]
zone = "Europe/Berlin"
[[schedule.dba.layer]]
persons = ["alice", "bob"]
rotate = "1d"
handover = "02:30"
from = "2026-01-05"
until = "2027-08-31"
[[schedule.dba.layer]]
persons = ["carol-of-the-databases-whose-name-takes-nearly-a-whole-line"]
rotate = "1w"
handover = "mon 09:00"
from = "2026-01-05"
until = "2027-08-31"
during = "Mon-Fri 09:00-17:00"
"#;

#[test]
fn another_reader_of_calendars_finds_the_same_people_in_what_is_written() {
    let folder = with(A_YEAR);
    let arguments = ["oncall", "dba", "--ical", "--at", "2026-10-01 0:00", "--days", "366"];
    put(folder.path(), "dba.ics", &watchbell(folder.path(), &arguments).fine());
    let begin: jiff::civil::DateTime = "2026-10-01T00:00".parse().expect("a time");
    // Some 60 hours of a year, and both nights in which the clocks change, by half an hour.
    let mut moments: Vec<_> = (0..60).map(|number| begin + (number * 145).hours()).collect();
    for night in ["2026-10-24T22:00", "2027-03-27T22:00"] {
        let night: jiff::civil::DateTime = night.parse().expect("a time");
        moments.extend((0..12).map(|number| night + (number * 30).minutes()));
    }
    let moments: Vec<String> = moments.iter().map(|moment| moment.strftime("%F %H:%M").to_string()).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/read_calendar.py");
    let mut python = Command::new("/usr/bin/python3");
    let mut python = python
        .args([script, "dba.ics"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/run installs it");
    let mut input = python.stdin.take().expect("it is piped");
    input.write_all(moments.join("\n").as_bytes()).expect("it reads");
    drop(input);
    let output = python.wait_with_output().expect("it ends");
    let theirs = String::from_utf8(output.stdout).expect("it prints UTF-8");
    assert_eq!(theirs.lines().count(), moments.len(), "tests/run installs python3-icalendar");
    let mut found = BTreeSet::new();
    for (moment, theirs) in moments.iter().zip(theirs.lines()) {
        let ours = watchbell(folder.path(), &["oncall", "dba", "--at", moment, "--days", "1"]).out;
        let turn = ours.lines().nth(1).expect("a turn");
        let who = turn.rsplit("  ").next().map(str::trim);
        assert_eq!(who, Some(theirs), "{moment}: {turn}");
        found.insert(theirs);
    }
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn check_names_gaps_that_are_near_and_calendars_that_are_broken() {
    let folder = with(SCHEDULES);
    assert_eq!(watchbell(folder.path(), &["check"]).err, "");
    let short = with(&format!("{SCHEDULES}during = \"Mon-Fri 09:00-17:00\"\n"));
    let ended = watchbell(short.path(), &["check"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("nobody is on call by the schedule `dba` from "), "{}", ended.err);
    assert!(ended.err.contains("more gaps within 30 days"), "{}", ended.err);
    assert!(ended.err.contains("`gaps = \"meant\"`"), "{}", ended.err);
    let office = SCHEDULES.replace("[[schedule", "gaps = \"meant\"\n[[schedule");
    let office = format!("{office}during = \"Mon-Fri 09:00-17:00\"\n");
    let meant = with(&office);
    assert_eq!(watchbell(meant.path(), &["check"]).err, "");
    let over = with(&format!("{office}until = \"2026-03-01\"\n"));
    let ended = watchbell(over.path(), &["check"]);
    assert!(ended.err.contains("its turns have run out"), "{}", ended.err);

    let calendar = "[person.alice]\n[schedule.dba]\nical_file = \"dba.ics\"\n";
    let folder = with(calendar);
    let missing = watchbell(folder.path(), &["check"]).refused();
    assert!(missing.contains("cannot read the calendar of the schedule `dba`"), "{missing}");
    put(folder.path(), "dba.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nEND:VEVENT\nEND:VCALENDAR\n");
    let broken = watchbell(folder.path(), &["check"]).refused();
    assert!(broken.contains("--> dba.ics:3:1") || broken.contains("dba.ics:3"), "{broken}");
    assert!(broken.contains("DTSTART has `soon`, which is no time"), "{broken}");
    put(
        folder.path(),
        "dba.ics",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101T000000\nDTEND:20990101T000000\nSUMMARY:mallory\nEND:VEVENT\nEND:VCALENDAR\n",
    );
    let doubted = watchbell(folder.path(), &["check"]);
    assert_eq!(doubted.code, Some(0), "{}", doubted.err);
    assert!(doubted.err.contains("events name nobody of watchbell.toml: `mallory`"), "{}", doubted.err);
}
