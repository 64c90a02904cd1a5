//! The store: a batch is whole or absent, a delivery is kept once and in order.

use crate::common::deliveries::{attempt, deliveries, delivery, keys, retry_at, second, state};
use crate::common::place::{Place, values};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use watchbell::model::{
    Action, ActionKind, ActionResult, AttemptResult, Decision, Delivery, Facts, Message, ObjectKey, RuleRef,
    State, Step, Timestamp, Verdict,
};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Store, StoreError};

fn due(store: &SqliteStore, now: Timestamp, busy: &[&Delivery], limit: usize) -> Vec<Delivery> {
    let busy: Vec<String> = busy.iter().map(|delivery| delivery.lane()).collect();
    store.due("irc", now, &busy, limit).expect("due can be read")
}

fn commit(store: &SqliteStore, batch: &Batch) {
    store.commit(batch).expect("the batch is kept");
}

fn decision(object: &str, at: Timestamp, summary: &str) -> Decision {
    let rule = RuleRef { file: "50-route.rhai".into(), line: 3, name: "tell ops".into() };
    Decision {
        at,
        event: "StateChange".to_owned(),
        object: object.to_owned(),
        incident: Some(u64::MAX),
        summary: summary.to_owned(),
        verdict: Verdict::Told(vec!["ops".to_owned()]),
        steps: vec![Step { rule, did: vec!["notify ops".to_owned()] }],
        ruleset: "a1b2c3".to_owned(),
        facts: Facts {
            hard: true,
            told: BTreeMap::from([("ops".to_owned(), State::Down)]),
            ..Facts::default()
        },
    }
}

fn action(comment: &str) -> Action {
    Action {
        id: 0,
        object: ObjectKey::from_name(&"main".into(), "db1!postgres"),
        author: "alice".to_owned(),
        kind: ActionKind::AddComment { comment: comment.to_owned() },
        reply_to: Some(("irc".to_owned(), "#ops".to_owned())),
        asked_by: "alice".to_owned(),
        thread: Vec::new(),
        is_one_of_many: false,
    }
}

#[test]
fn the_audit_of_a_minute_ends_and_leaves_the_store_to_others() {
    let place = Place::new();
    let store = Arc::new(place.open());
    let waits = delivery("one", "db1");
    commit(&store, &Batch { deliveries: vec![waits], ..Batch::default() });
    let (done, ended) = std::sync::mpsc::channel();
    let auditing = store.clone();
    std::thread::spawn(move || done.send(auditing.audit(second(2))));
    let audit = ended.recv_timeout(Duration::from_secs(30)).expect("it waits for nobody");
    assert_eq!(audit.expect("it can be read").waiting.len(), 1);
    assert_eq!(due(&store, second(2), &[], 9).len(), 1);
}

#[test]
fn state_is_written_replaced_and_deleted() {
    let place = Place::new();
    let store = place.open();
    let mut both = state("a", Some("1"));
    both.state.extend(state("b", Some("1")).state);
    both.state.extend(state("a", Some("2")).state);
    commit(&store, &both);
    assert_eq!(values(&store), [("a".to_owned(), "2".to_owned()), ("b".to_owned(), "1".to_owned())]);
    commit(&store, &state("a", None));
    drop(store);
    assert_eq!(values(&place.open()), [("b".to_owned(), "1".to_owned())]);
}

#[test]
fn every_field_survives_with_hostile_text() {
    let hostile = "a\r\nb\0c\u{1b}[31m\u{202e}<b>'; DROP TABLE deliveries;--\u{1f}ä".to_owned();
    let place = Place::new();
    let store = place.open();
    let message = Message {
        text: hostile.repeat(10_000),
        subject: Some(hostile.clone()),
        html: Some(hostile.clone()),
        json: Some("{}".to_owned()),
        fallback: Some(Box::new(Message { text: hostile.clone(), ..Message::default() })),
        thread: Some(hostile.clone()),
        answers: vec![hostile.clone()],
        severity: 255,
    };
    let mut wanted =
        Delivery { message, at: second(7), recipient: hostile.clone(), ..delivery("k", &hostile) };
    let decided = decision(&hostile, second(7), &hostile);
    let batch = Batch { decisions: vec![decided.clone()], ..deliveries([wanted.clone()]) };
    commit(&store, &batch);

    wanted.id = 1;
    assert_eq!(due(&store, second(0), &[], 9), [wanted.clone()]);
    assert_eq!(store.decisions(&hostile, 9).expect("decisions"), [decided]);
    let past = store.deliveries(&hostile, 9).expect("deliveries");
    assert_eq!((&past[0].delivery, &*past[0].status, &*past[0].note), (&wanted, "pending", ""));
    assert_eq!(past[0].last_attempt, None);
}

#[test]
fn a_batch_is_whole_or_absent() {
    let place = Place::new();
    let store = place.open();
    place
        .operator()
        .execute_batch(
            "CREATE TRIGGER fault BEFORE INSERT ON decisions WHEN NEW.summary = 'faulty'
             BEGIN SELECT raise(ABORT, 'injected'); END",
        )
        .expect("the trigger is made");
    let batch = |summary: &str| Batch {
        state: state("a", Some("1")).state,
        actions: vec![action("hello")],
        decisions: vec![decision("db1", second(0), "first"), decision("db1", second(1), summary)],
        ..deliveries([delivery("k", "db1")])
    };

    let error = store.commit(&batch("faulty")).expect_err("the trigger fails the batch");
    assert_eq!(error.to_string(), "cannot keep a decision: injected");
    assert_eq!(values(&store), []);
    assert_eq!(due(&store, second(0), &[], 9), []);
    assert_eq!(store.pending_actions().expect("actions"), []);
    assert_eq!(store.decisions("db1", 9).expect("decisions"), []);

    commit(&store, &batch("fine"));
    assert_eq!(values(&store).len(), 1);
    assert_eq!(keys(&due(&store, second(0), &[], 9)), ["k"]);
    assert_eq!(store.pending_actions().expect("actions").len(), 1);
    assert_eq!(store.decisions("db1", 9).expect("decisions").len(), 2);
}

#[test]
fn a_delivery_key_is_kept_once() {
    let place = Place::new();
    let store = place.open();
    let again = Delivery { recipient: "#other".to_owned(), ..delivery("k", "db1") };
    commit(&store, &deliveries([delivery("k", "db1"), again.clone()]));
    commit(&store, &deliveries([again]));
    let kept = due(&store, second(0), &[], 9);
    assert_eq!((kept.len(), &*kept[0].recipient), (1, "#ops"));

    commit(&store, &attempt(&kept[0], second(0), AttemptResult::Sent("ok".to_owned())));
    commit(&store, &deliveries([delivery("k", "db1")]));
    assert_eq!(due(&store, second(0), &[], 9), []);
}

#[test]
fn due_gives_the_first_of_each_lane_oldest_first() {
    let place = Place::new();
    let store = place.open();
    let other_sink = Delivery { sink: "mail".to_owned(), ..delivery("m1", "db1") };
    let other_room = Delivery { recipient: "#dba".to_owned(), ..delivery("c1", "db1") };
    commit(
        &store,
        &deliveries([
            delivery("a1", "db1"),
            delivery("a2", "db1"),
            other_sink,
            delivery("b1", "db2"),
            other_room,
            delivery("b2", "db2"),
        ]),
    );
    let all = due(&store, second(0), &[], 9);
    assert_eq!(keys(&all), ["a1", "b1", "c1"]);
    assert_eq!(keys(&due(&store, second(0), &[], 2)), ["a1", "b1"]);
    assert_eq!(keys(&due(&store, second(0), &[&all[0]], 2)), ["b1", "c1"]);
    assert_eq!(keys(&due(&store, second(0), &[&all[0], &all[1], &all[2]], 9)), [""; 0]);
}

#[test]
fn a_lane_waits_for_its_head() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &deliveries([delivery("a1", "db1"), delivery("a2", "db1"), delivery("b1", "db2")]));
    let head = due(&store, second(0), &[], 1).remove(0);
    commit(&store, &attempt(&head, second(0), retry_at(second(30))));

    assert_eq!(keys(&due(&store, second(29), &[], 9)), ["b1"]);
    let again = due(&store, second(30), &[], 9);
    assert_eq!((keys(&again), again[0].attempts), (vec!["a1", "b1"], 1));
    commit(&store, &attempt(&again[0], second(30), AttemptResult::Dead("no such room".to_owned())));
    assert_eq!(keys(&due(&store, second(30), &[], 9)), ["a2", "b1"]);
}

#[test]
fn next_due_is_when_the_first_head_may_be_tried() {
    let place = Place::new();
    let store = place.open();
    let next = || store.next_due("irc").expect("next due can be read");
    assert_eq!(next(), None);
    commit(&store, &deliveries([delivery("a1", "db1"), delivery("a2", "db1"), delivery("b1", "db2")]));
    assert!(next().is_some_and(|next| next <= second(0)));
    for (head, at) in due(&store, second(0), &[], 9).iter().zip([90, 60]) {
        commit(&store, &attempt(head, second(0), retry_at(second(at))));
    }
    assert_eq!(next(), Some(second(60)));
    assert_eq!(store.next_due("mail").expect("next due can be read"), None);
}

#[test]
fn a_try_that_does_not_count_is_not_counted() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &deliveries([delivery("a1", "db1")]));
    let head = due(&store, second(0), &[], 1).remove(0);
    let not_ready =
        AttemptResult::Retry { not_before: second(5), reason: "connecting".to_owned(), counted: false };
    commit(&store, &attempt(&head, second(0), not_ready));
    assert_eq!(due(&store, second(5), &[], 1)[0].attempts, 0);
    let past = store.deliveries("db1", 1).expect("deliveries").remove(0);
    assert_eq!((&*past.status, &*past.note, past.last_attempt), ("pending", "connecting", Some(second(0))));
}

#[test]
fn what_has_ended_stays_as_it_ended() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &deliveries([delivery("a1", "db1")]));
    let head = due(&store, second(0), &[], 1).remove(0);
    commit(&store, &attempt(&head, second(1), AttemptResult::Sent("250 OK".to_owned())));
    commit(&store, &attempt(&head, second(2), retry_at(second(3))));
    commit(&store, &attempt(&head, second(2), AttemptResult::Dead("too late".to_owned())));
    let past = store.deliveries("db1", 1).expect("deliveries").remove(0);
    assert_eq!((&*past.status, &*past.note, past.last_attempt), ("sent", "250 OK", Some(second(1))));
    assert_eq!(due(&store, second(9), &[], 9), []);
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &deliveries([delivery("a1", "db1"), delivery("b1", "db2")]));
    let heads = due(&store, second(0), &[], 9);
    let ten_years = 10 * 365 * 86_400;
    commit(&store, &attempt(&heads[0], second(ten_years), retry_at(second(ten_years + 60))));
    commit(&store, &attempt(&heads[1], second(0), retry_at(second(60))));
    assert_eq!(keys(&due(&store, second(1), &[], 9)), ["a1"]);
}

#[test]
fn what_an_auditor_asks_is_answered_and_keeps_nobody_from_reading() {
    let place = Place::new();
    let store = std::sync::Arc::new(place.open());
    commit(&store, &deliveries([delivery("a", "db1")]));
    let (answered, answer) = std::sync::mpsc::channel();
    let asked = store.clone();
    // On a thread of its own: a store that waits for itself would keep the test for ever.
    std::thread::spawn(move || answered.send((asked.audit(second(9)), asked.due("irc", second(9), &[], 9))));
    let (audit, due) = answer.recv_timeout(Duration::from_secs(60)).expect("an answer");
    let waiting = audit.expect("the database is sound").waiting;
    assert_eq!(
        waiting.iter().map(|queue| (queue.sink.as_str(), queue.count)).collect::<Vec<_>>(),
        [("irc", 1)]
    );
    assert_eq!(keys(&due.expect("the database is sound")), ["a"]);
}

#[test]
fn workers_are_answered_while_the_auditor_counts_all_that_waits() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &deliveries([delivery("a", "db1")]));
    let many = "
        INSERT INTO deliveries (key, at, sink, target, recipient, lane, event, object, rule, message, tells)
        WITH RECURSIVE numbers (number) AS
            (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 60000)
        SELECT number, number, 'mail', 'ops', 'ops@lab', number, 'StateChange', 'host' || number, 'all', '{}',
               'problem' FROM numbers";
    place.operator().execute(many, []).expect("kept");
    let audits = 5;
    let answered = std::thread::scope(|scope| {
        let auditor = scope.spawn(|| (0..audits).for_each(|_| _ = store.audit(second(9)).expect("sound")));
        let mut answered = 0;
        while !auditor.is_finished() {
            assert_eq!(keys(&due(&store, second(9), &[], 9)), ["a"]);
            answered += 1;
        }
        answered
    });
    assert!(answered > 5 * audits, "{answered} answers beside {audits} audits");
}

#[test]
fn an_operator_can_send_a_dead_delivery_again_in_its_place() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &deliveries([delivery("a1", "db1"), delivery("a2", "db1")]));
    let head = due(&store, second(0), &[], 1).remove(0);
    commit(&store, &attempt(&head, second(0), AttemptResult::Dead("no such room".to_owned())));
    assert_eq!(keys(&due(&store, second(0), &[], 9)), ["a2"]);

    let operator = place.operator();
    operator.execute("UPDATE deliveries SET status = 'pending' WHERE key = 'a1'", []).expect("revived");
    assert_eq!(keys(&due(&store, second(0), &[], 9)), ["a1"]);
    operator.execute("DELETE FROM deliveries WHERE key = 'a1'", []).expect("removed");
    assert_eq!(keys(&due(&store, second(0), &[], 9)), ["a2"]);
}

#[test]
fn actions_wait_for_their_result_in_order() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &Batch { actions: vec![action("one"), action("two")], ..Batch::default() });
    let pending = store.pending_actions().expect("actions");
    assert_eq!(pending, [Action { id: 1, ..action("one") }, Action { id: 2, ..action("two") }]);
    let result = ActionResult { action: pending[0].clone(), outcome: Err("no such object".to_owned()) };
    commit(&store, &Batch { action_results: vec![result], ..Batch::default() });
    assert_eq!(store.pending_actions().expect("actions"), pending[1..]);
}

#[test]
fn decisions_and_deliveries_are_read_newest_first() {
    let place = Place::new();
    let store = place.open();
    for number in 0..5 {
        let sent = Delivery { at: second(number), ..delivery(&format!("k{number}"), "db1") };
        let decisions =
            vec![decision("db1", second(number), &number.to_string()), decision("db2", second(9), "other")];
        commit(&store, &Batch { decisions, ..deliveries([sent]) });
    }
    let summaries: Vec<String> =
        store.decisions("db1", 2).expect("decisions").into_iter().map(|decision| decision.summary).collect();
    assert_eq!(summaries, ["4", "3"]);
    let sent: Vec<String> =
        store.deliveries("db1", 2).expect("deliveries").into_iter().map(|past| past.delivery.key).collect();
    assert_eq!(sent, ["k4", "k3"]);
}

#[test]
fn an_audit_holds_up_nobody_not_even_itself() {
    let place = Place::new();
    let store = Arc::new(place.open());
    commit(&store, &Batch { deliveries: vec![delivery("1", "one")], ..Batch::default() });
    let (answer, answered) = std::sync::mpsc::channel();
    let asked = store.clone();
    std::thread::spawn(move || answer.send(asked.audit(second(10))));
    let audit = answered.recv_timeout(Duration::from_secs(30)).expect("an answer");
    assert_eq!(audit.expect("it can be read").waiting.len(), 1);
    assert_eq!(store.count_waiting("irc").expect("it can be read"), 1);
}

#[test]
fn what_is_old_and_over_is_forgotten_and_nothing_else() {
    let place = Place::new();
    let store = place.open();
    let old = |number: i64| Delivery { at: second(number), ..delivery(&format!("k{number}"), "db1") };
    commit(
        &store,
        &Batch {
            // More than one slice.
            decisions: (0..2500).map(|number| decision("db1", second(number), "")).collect(),
            actions: vec![action("done"), action("pending")],
            ..deliveries((0..4).map(old))
        },
    );
    for end in [AttemptResult::Sent(String::new()), AttemptResult::Dead("no".to_owned())] {
        let head = due(&store, second(0), &[], 1).remove(0);
        commit(&store, &attempt(&head, second(0), end));
    }
    let done = store.pending_actions().expect("actions").remove(0);
    let result = ActionResult { action: done, outcome: Ok("done".to_owned()) };
    commit(&store, &Batch { action_results: vec![result], ..Batch::default() });

    store.forget_before(second(1)).expect("forgotten");
    assert_eq!(store.decisions("db1", 9999).expect("decisions").len(), 2499);
    assert_eq!(store.deliveries("db1", 9).expect("deliveries").len(), 3);

    store.forget_before(second(2499)).expect("forgotten");
    assert_eq!(store.decisions("db1", 9999).expect("decisions").len(), 1);
    let left = store.deliveries("db1", 9).expect("deliveries");
    let left: Vec<_> = left.iter().map(|past| (&*past.delivery.key, &*past.status)).collect();
    assert_eq!(left, [("k3", "pending"), ("k2", "pending")]);

    store.forget_before(Timestamp::now() + Duration::from_secs(3600)).expect("forgotten");
    let count = "SELECT count(*) FROM actions";
    let kept: i64 = place.operator().query_row(count, [], |row| row.get(0)).expect("counted");
    assert_eq!((kept, store.pending_actions().expect("actions").len()), (1, 1));
}

#[test]
fn a_new_file_is_for_its_owner_only() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &state("a", Some("1")));
    for entry in place.folder.path().read_dir().expect("the folder is read") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let place = Place::new();
    let first = place.open();
    let error = SqliteStore::open(&place.database()).expect_err("it is in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(first);
    place.open();
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let error = SqliteStore::open(Path::new("/nowhere/watchbell.db")).expect_err("no such folder");
    assert!(matches!(error, StoreError::File { .. }), "{error}");
    assert!(error.to_string().contains("/nowhere/watchbell.db"), "{error}");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let place = Place::new();
    place.operator().execute_batch("PRAGMA user_version = 99").expect("the version is set");
    let before = std::fs::read(place.database()).expect("the file is read");
    let error = SqliteStore::open(&place.database()).expect_err("it is too new");
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
    assert_eq!(std::fs::read(place.database()).expect("the file is read"), before);
}

#[test]
fn a_damaged_file_is_refused() {
    let place = Place::new();
    let store = place.open();
    commit(&store, &deliveries((0..500).map(|number| delivery(&format!("k{number}"), "db1"))));
    drop(store);
    let mut file = OpenOptions::new().write(true).open(place.database()).expect("the file opens");
    let middle = file.metadata().expect("metadata").len() / 2;
    file.seek(SeekFrom::Start(middle)).expect("the middle");
    file.write_all(&[0xa5; 8192]).expect("damaged");
    assert_damaged(&place.database());

    std::fs::write(place.database(), "no database at all ".repeat(1000)).expect("written");
    assert_damaged(&place.database());
}

fn assert_damaged(database: &Path) {
    let error = SqliteStore::open(database).expect_err("it is damaged");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn the_wal_is_folded_into_the_file_before_it_grows_for_ever() {
    let place = Place::new();
    let store = place.open();
    let megabyte = "x".repeat(1 << 20);
    let mut largest = 0;
    for number in 0..80 {
        commit(&store, &state(&(number % 4).to_string(), Some(&megabyte)));
        let wal = std::fs::metadata(place.folder.path().join("watchbell.db-wal")).expect("it is there");
        largest = largest.max(wal.len());
    }
    assert!(largest < 40 << 20, "80 MiB were written, and the WAL grew to {largest} bytes");
}
