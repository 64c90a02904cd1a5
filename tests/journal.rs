//! The journal in the store: nothing is lost on the way, old parts go whole, small rows
//! become large ones, and what another Watchbell wrote does no harm.

use crate::common::deliveries::{second, state};
use crate::common::engine::key;
use crate::common::icinga_truth::Truth;
use crate::common::place::Place;
use crate::common::scenes::poisoned;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use watchbell::model::event::Flapping;
use watchbell::model::{
    Action, ActionKind, ActionResult, Attempt, AttemptResult, Detail, Event, Input, Object, Reply, Speaker,
    State, Timestamp, Utterance,
};
use watchbell::router::samples;
use watchbell::source::replay::{Replay, Speed};
use watchbell::store::sqlite::{Journal, SqliteReader, SqliteStore};
use watchbell::store::{Batch, JournalLimits, Store};

const DAY: i64 = 86_400;
const LIMITS: JournalLimits = JournalLimits { keep: Duration::from_secs(7 * 86_400), size: 1 << 30 };

fn read(place: &Place, since: Timestamp) -> Option<Journal> {
    SqliteReader::open(&place.database()).expect("it opens").journal(since).expect("it can be read")
}

/// All inputs of the journal from its beginning, and how many were not understood.
fn all(place: &Place) -> (Vec<(Timestamp, Input)>, u64) {
    let Some(mut journal) = read(place, Timestamp::MIN) else { return (Vec::new(), 0) };
    let inputs = journal.inputs.by_ref().map(|input| input.expect("it can be read")).collect();
    (inputs, journal.inputs.unread())
}

fn begun(place: &Place) -> SqliteStore {
    let store = place.open();
    store.begin_journal(Some(LIMITS), second(0)).expect("a copy of the state is made");
    store
}

fn batch(inputs: impl IntoIterator<Item = (Timestamp, Input)>) -> Batch {
    Batch { journal: inputs.into_iter().collect(), ..Batch::default() }
}

fn keep(store: &SqliteStore, inputs: impl IntoIterator<Item = (Timestamp, Input)>) {
    store.commit(&batch(inputs)).expect("the batch is kept");
}

/// Something that is told from its like by its number.
fn said(number: i64) -> (Timestamp, Input) {
    let speaker = Speaker { nick: "alice".to_owned(), account: None, local: false };
    let utterance = Utterance {
        sink: "irc".to_owned(),
        room: "#ops".to_owned(),
        private: false,
        speaker,
        text: number.to_string(),
        at: second(number),
    };
    (second(number), Input::Utterance(utterance))
}

fn rows(place: &Place) -> i64 {
    place.operator().query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).expect("a count")
}

fn recorded(name: &str) -> Vec<(Timestamp, Input)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let events = Replay::new(&path, "lab", Speed::Max).events().expect("the fixture is there");
    events
        .map(|event| event.expect("it is sound"))
        .map(|event| (event.timestamp, Input::Event(event)))
        .collect()
}

// Nothing is lost on the way.

fn again(input: &Input) -> Input {
    let text = serde_json::to_string(input).expect("every input is JSON");
    serde_json::from_str(&text).expect("what was written is read")
}

#[test]
fn every_recorded_event_is_read_as_it_was_kept() {
    let place = Place::new();
    let store = begun(&place);
    let mut expected = Vec::new();
    for name in ["lifecycle.jsonl", "ha-master1.jsonl", "ha-master2.jsonl"] {
        let events = recorded(name);
        keep(&store, events.clone());
        expected.extend(events);
    }
    assert!(expected.len() > 300);
    assert_eq!(all(&place), (expected, 0));
}

#[test]
fn inputs_that_are_no_events_are_read_as_they_were_kept() {
    let object = Object {
        vars: Arc::new([("a".to_owned(), serde_json::json!([1, null, 0.1]))].into_iter().collect()),
        ..Object::bare(key("db1!disk"))
    };
    let action = Action {
        id: 7,
        object: key("db1"),
        author: "alice".to_owned(),
        kind: ActionKind::Acknowledge {
            comment: "x".to_owned(),
            expiry: Some(second(9)),
            sticky: true,
            notify: false,
        },
        reply_to: Some(("irc".to_owned(), "#ops".to_owned())),
        asked_by: "alice".to_owned(),
        thread: Vec::new(),
        is_one_of_many: false,
    };
    let delivery = crate::common::deliveries::delivery("k", "db1");
    let reply = Reply {
        sink: "irc".to_owned(),
        room: "#ops".to_owned(),
        text: "a\nb".to_owned(),
        at: second(3),
        thread: Vec::new(),
    };
    let truth = Truth::new().state("db1", State::Down).state("db1!disk", State::Warning);
    let inputs = [
        Input::Snapshot(Arc::new(truth.read(second(1)))),
        Input::Snapshot(Arc::new(truth.read_after_break(second(1), second(2)))),
        Input::Objects(vec![object]),
        Input::ObjectsGone(vec![key("db1"), key("db1!disk")]),
        said(4).1,
        Input::Answer(reply),
        Input::ActionResult(ActionResult { action: action.clone(), outcome: Ok("done".to_owned()) }),
        Input::ActionResult(ActionResult { action, outcome: Err("no".to_owned()) }),
        Input::GivenUp(Attempt {
            delivery,
            at: second(5),
            result: AttemptResult::Dead("no such nick".to_owned()),
        }),
    ];
    for input in inputs {
        assert_eq!(again(&input), input);
    }
}

fn flapping(current: f64) -> Detail {
    let (threshold_low, threshold_high) = (current / 3.0, current * 3.0);
    Detail::Flapping(Flapping {
        is_flapping: true,
        state: State::Down,
        hard: true,
        current,
        threshold_low,
        threshold_high,
    })
}

proptest! {
    #[test]
    fn an_event_of_every_type_with_any_text_is_read_as_it_was_kept(text in any::<String>()) {
        for sample in samples::all() {
            for scene in [sample.scene.clone(), poisoned(&sample.scene, &text)] {
                let input = Input::Event(scene.event.clone());
                prop_assert_eq!(again(&input), input, "{}", sample.name);
            }
        }
    }

    #[test]
    fn numbers_and_moments_are_read_to_the_last_digit(
        current in -1e6_f64..1e6,
        nanoseconds in Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond(),
    ) {
        let timestamp = Timestamp::from_nanosecond(nanoseconds).expect("inside of time");
        let input = Input::Event(Event::ours(timestamp, flapping(current)));
        prop_assert_eq!(again(&input), input);
    }
}

// It belongs to the batch.

#[test]
fn what_was_not_committed_is_not_there() {
    let place = Place::new();
    let store = begun(&place);
    keep(&store, [said(1)]);
    place
        .operator()
        .execute_batch(
            "CREATE TRIGGER fault BEFORE INSERT ON journal BEGIN SELECT raise(ABORT, 'injected'); END",
        )
        .expect("the trigger is made");
    let failing = Batch { state: state("a", Some("1")).state, ..batch([said(2)]) };
    store.commit(&failing).expect_err("the trigger fails the batch");
    assert_eq!(store.load_state().expect("the state"), []);
    assert_eq!(all(&place).0, [said(1)]);
}

#[test]
fn a_copy_of_the_state_stands_between_what_led_to_it_and_what_came_after() {
    let place = Place::new();
    let store = begun(&place);
    let step = |number: i64| {
        let batch = Batch { state: state("n", Some(&number.to_string())).state, ..batch([said(number)]) };
        store.commit(&batch).expect("kept");
    };
    step(1);
    step(2);
    store.tidy_journal(LIMITS, second(DAY)).expect("a day has passed");
    step(3);
    let journal = read(&place, second(DAY)).expect("a journal");
    assert_eq!(journal.begins, second(DAY));
    assert_eq!(journal.state, [("test".to_owned(), "n".to_owned(), "2".to_owned())]);
    assert_eq!(journal.inputs.map(|input| input.expect("read")).collect::<Vec<_>>(), [said(3)]);

    let from_begin = read(&place, second(DAY - 1)).expect("a journal");
    assert_eq!((from_begin.begins, from_begin.state), (second(0), Vec::new()));
    assert_eq!(from_begin.inputs.count(), 3);
}

#[test]
fn reading_is_not_disturbed_by_what_happens_meanwhile() {
    let place = Place::new();
    let store = begun(&place);
    (1..=50).for_each(|number| keep(&store, [said(number)]));
    let mut reading = read(&place, second(0)).expect("a journal").inputs;
    assert_eq!(reading.next().expect("one").expect("read"), said(1));
    store.tidy_journal(LIMITS, second(60)).expect("tidied");
    keep(&store, [said(51)]);
    let rest: Vec<_> = reading.map(|input| input.expect("read")).collect();
    assert_eq!(rest, (2..=50).map(said).collect::<Vec<_>>());
}

#[test]
fn without_a_journal_there_is_none() {
    let place = Place::new();
    drop(place.open());
    assert!(read(&place, second(0)).is_none());
}

// What is kept, and how.

#[test]
fn small_rows_are_merged_and_say_the_same() {
    let place = Place::new();
    let store = begun(&place);
    (1..=100).for_each(|number| keep(&store, [said(number)]));
    store.tidy_journal(LIMITS, second(DAY)).expect("a copy is made, and rows are merged");
    (101..=200).for_each(|number| keep(&store, [said(number)]));
    let before = all(&place);
    assert_eq!(rows(&place), 101);
    store.tidy_journal(LIMITS, second(DAY + 1)).expect("tidied");
    assert_eq!(rows(&place), 2, "not over the copy of the state");
    assert_eq!(all(&place), before);
    assert_eq!(before.0, (1..=200).map(said).collect::<Vec<_>>());
    store.tidy_journal(LIMITS, second(DAY + 2)).expect("tidied again");
    assert_eq!((rows(&place), all(&place)), (2, before));
}

#[test]
fn a_storm_packs_well_and_stays_in_rows_that_can_be_read_one_by_one() {
    let place = Place::new();
    let store = begun(&place);
    let storm = recorded("storm.jsonl.gz");
    for chunk in storm.chunks(8).take(1000) {
        keep(&store, chunk.iter().cloned());
    }
    let size = || -> f64 {
        let sql = "SELECT sum(length(body)) FROM journal";
        place.operator().query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a sum") as f64 / 8000.0
    };
    let before = size();
    store.tidy_journal(LIMITS, second(1)).expect("tidied");
    let after = size();
    assert!(rows(&place) > 1 && rows(&place) < 20, "{}", rows(&place));
    assert!(after * 2.0 < before, "{after} bytes for each event, before {before}");
    assert_eq!(all(&place).0, storm[..8000]);
}

/// Ten days with ten inputs each, tidied once a day.
fn ten_days(limits: JournalLimits) -> Place {
    let place = Place::new();
    let store = begun(&place);
    for day in 0..10 {
        (1..=10).for_each(|number| keep(&store, [said(day * DAY + number)]));
        store.tidy_journal(limits, second((day + 1) * DAY)).expect("tidied");
    }
    place
}

#[test]
fn what_is_too_old_goes_whole_and_the_rest_begins_with_a_copy() {
    let place = ten_days(JournalLimits { keep: Duration::from_secs(3 * 86_400), ..LIMITS });
    let journal = read(&place, Timestamp::MIN).expect("a journal");
    assert_eq!(journal.begins, second(7 * DAY));
    assert_eq!(all(&place).0.first(), Some(&said(7 * DAY + 1)));
    assert_eq!(all(&place).0.len(), 30);
}

#[test]
fn what_is_too_much_goes_oldest_first_and_the_newest_copy_stays() {
    let place = ten_days(JournalLimits { size: 1, ..LIMITS });
    assert_eq!(read(&place, Timestamp::MIN).expect("a journal").begins, second(10 * DAY));
    assert_eq!((all(&place).0.len(), rows(&place)), (0, 0));
    let room = ten_days(JournalLimits { size: 5000, ..LIMITS });
    let left = all(&room).0;
    assert!(left.len() < 100 && left.len() >= 10 && left.len().is_multiple_of(10), "{}", left.len());
    assert_eq!(left.last(), Some(&said(9 * DAY + 10)));
}

#[test]
fn a_journal_that_is_switched_off_is_forgotten_since_it_would_have_a_hole() {
    let place = ten_days(LIMITS);
    place.open().begin_journal(None, second(0)).expect("forgotten");
    assert!(read(&place, Timestamp::MIN).is_none());
    assert_eq!(rows(&place), 0);
    let store = begun(&place);
    keep(&store, [said(1)]);
    assert_eq!(all(&place).0, [said(1)]);
}

// What another Watchbell wrote.

fn zipped(lines: &str) -> Vec<u8> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(lines.as_bytes()).expect("memory can be written");
    zipped.finish().expect("memory can be written")
}

fn put_row(place: &Place, body: &[u8]) {
    place
        .operator()
        .execute("INSERT INTO journal (first_at, last_at, inputs, raw, body) VALUES (1, 1, 1, 1, ?1)", [body])
        .expect("the row is put");
}

#[test]
fn an_input_that_only_a_newer_watchbell_knows_is_counted_and_left_out() {
    let place = Place::new();
    let store = begun(&place);
    keep(&store, [said(1)]);
    let known = serde_json::to_string(&said(2)).expect("JSON");
    put_row(
        &place,
        &zipped(&format!("[\"2027-01-01T00:00:00Z\",{{\"Omen\":{{\"of\":\"doom\"}}}}]\n{known}\n")),
    );
    keep(&store, [said(3)]);
    assert_eq!(all(&place), (vec![said(1), said(2), said(3)], 1));
}

#[test]
fn a_row_that_is_damaged_is_an_error_and_not_read_for_ever() {
    let place = Place::new();
    let store = begun(&place);
    keep(&store, [said(1)]);
    put_row(&place, b"no gzip at all");
    let read: Vec<_> = read(&place, second(0)).expect("a journal").inputs.collect();
    assert_eq!(read.len(), 2);
    let error = read[1].as_ref().expect_err("it cannot be unpacked");
    assert!(error.to_string().contains("row of the journal"), "{error}");
    let shared: Arc<dyn Store> = Arc::new(store);
    shared.tidy_journal(LIMITS, second(1)).expect_err("it cannot be merged");
}
