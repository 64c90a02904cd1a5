//! Databases of former schemas: nothing in them is lost, a copy is made before, and what
//! goes wrong on the way leaves the old file as it was.

use crate::common::deliveries::{attempt, deliveries, delivery, keys};
use crate::common::place::Place;
use crate::common::small_disk::SmallDisk;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use watchbell::model::{AttemptResult, CommandEnd, Commanded, Input, Timestamp, Verdict};
use watchbell::store::sqlite::{SqliteReader, SqliteStore};
use watchbell::store::{Batch, Store, StoreError};

/// Every schema that a Watchbell was ever released with, but the newest.
const FORMER: [i64; 4] = [1, 2, 3, 4];
const NEWEST: i64 = 6;

/// Makes a database as a Watchbell with this schema left it.
fn former(database: &Path, schema: i64) -> Connection {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schemas");
    let sql = fs::read_to_string(folder.join(format!("{schema}.sql"))).expect("the fixture is there");
    let connection = Connection::open(database).expect("a new file");
    connection.pragma_update(None, "journal_mode", "WAL").expect("as Watchbell has it");
    connection.execute_batch(&sql).expect("the fixture is sound");
    connection
}

fn copy_of(database: &Path) -> PathBuf {
    database.with_extension(format!("db.before-{NEWEST}"))
}

fn schema(database: &Path) -> i64 {
    let connection = Connection::open(database).expect("it opens");
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("it has one")
}

/// How many rows each table of a database has, by name.
fn counts(database: &Path) -> Vec<(String, i64)> {
    let connection = Connection::open(database).expect("it opens");
    let mut statement = connection
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
        )
        .expect("tables");
    let names = statement.query_map([], |row| row.get::<_, String>(0)).expect("tables");
    names
        .map(|name| {
            let name = name.expect("a name");
            let sql = format!("SELECT count(*) FROM {name}");
            let count = connection.query_row(&sql, [], |row| row.get(0)).expect("counted");
            (name, count)
        })
        .collect()
}

#[test]
fn a_database_of_every_former_schema_keeps_all_that_is_in_it() {
    for schema in FORMER {
        let place = Place::new();
        drop(former(&place.database(), schema));
        let store = place.open();
        let state = store.load_state().expect("state");
        let entry = |kind: &str, key: &str, value: &str| (kind.to_owned(), key.to_owned(), value.to_owned());
        assert_eq!(state, [entry("kept", "a", "\"1\""), entry("number", "next", "43")], "{schema}");
        assert_deliveries(&store);
        let pending = store.pending_actions().expect("actions");
        assert_eq!(pending.iter().map(|action| action.id).collect::<Vec<_>>(), [3]);
        let decided = store.decisions("db1!postgres", 9).expect("decisions").remove(0);
        assert_eq!(decided.verdict, Verdict::Told(vec!["ops".to_owned()]));
        assert_eq!((decided.incident, &*decided.steps[0].rule.name), (Some(42), "all to ops"));
        assert_eq!(decided.facts.hard, schema >= 2, "facts came with the second schema");
        let reader = SqliteReader::open(&place.database()).expect("it opens");
        let journal = reader.journal(Timestamp::now()).expect("it can be read");
        assert_eq!(journal.is_some(), schema >= 3, "the journal came with the third schema");
        let inputs: Vec<_> = journal.into_iter().flat_map(|journal| journal.inputs).collect();
        assert!(inputs.iter().all(|input| matches!(input, Ok((_, Input::ObjectsGone(_))))), "{inputs:?}");
        assert_eq!(inputs.len(), usize::from(schema >= 3));
    }
}

fn command() -> Commanded {
    Commanded {
        at: Timestamp::UNIX_EPOCH,
        sink: "irc".to_owned(),
        room: "#ops".to_owned(),
        nick: "al".to_owned(),
        account: None,
        person: None,
        line: "ping".to_owned(),
        end: CommandEnd::Done,
        objects: Vec::new(),
    }
}

fn assert_deliveries(store: &SqliteStore) {
    let became = |object: &str| {
        let past = store.deliveries(object, 9).expect("deliveries").remove(0);
        assert_eq!(past.delivery.message.text, "db1!postgres is CRITICAL");
        (past.delivery.key, past.status, past.note, past.delivery.attempts)
    };
    let words = |key: &str, status: &str, note: &str, attempts| {
        (key.to_owned(), status.to_owned(), note.to_owned(), attempts)
    };
    assert_eq!(became("db1!postgres"), words("sent", "sent", "250 OK", 2));
    assert_eq!(became("db2"), words("dead", "dead", "550 no such user", 1));
    assert_eq!(became("db4"), words("tried", "pending", "connecting", 1));
    let due = |now| store.due("irc", now, &[], 9).expect("due");
    let heads = due(Timestamp::now());
    assert_eq!(keys(&heads), ["head", "tried"], "the order in a lane holds");
    let sent = attempt(&heads[0], Timestamp::now(), AttemptResult::Sent("ok".into()));
    store.commit(&sent).expect("kept");
    assert_eq!(keys(&due(Timestamp::now())), ["behind", "tried"], "the triggers are there");
    let new = deliveries([delivery("new", "db9")]);
    store.commit(&new).expect("kept");
    let id = store.deliveries("db9", 1).expect("deliveries")[0].delivery.id;
    assert_eq!(id, 8, "the number of a delivery that is forgotten is not used again");
    store.commit(&Batch { commands: vec![command()], ..Batch::default() }).expect("kept");
}

#[test]
fn before_an_upgrade_the_old_database_is_copied_beside() {
    for found in FORMER {
        let place = Place::new();
        // Not closed: what is still in the WAL belongs to the copy.
        let old = former(&place.database(), found);
        let before = counts(&place.database());
        drop(place.open());
        let copy = copy_of(&place.database());
        assert_eq!((schema(&place.database()), schema(&copy)), (NEWEST, found));
        assert_eq!(counts(&copy), before);
        assert_eq!(fs::metadata(&copy).expect("it is there").permissions().mode() & 0o777, 0o600);
        drop(old);
    }
}

#[test]
fn a_new_database_and_one_that_is_up_to_date_are_not_copied() {
    let place = Place::new();
    drop(place.open());
    drop(place.open());
    assert!(!copy_of(&place.database()).exists());
}

#[test]
fn what_a_crash_left_of_a_copy_is_replaced() {
    let place = Place::new();
    drop(former(&place.database(), 3));
    let copy = copy_of(&place.database());
    fs::write(copy.with_extension("before-6.part"), "half a copy").expect("written");
    fs::write(&copy, "of an upgrade that did not end").expect("written");
    drop(place.open());
    assert_eq!(schema(&copy), 3);
    assert!(!copy.with_extension("before-6.part").exists());
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_database_and_can_be_tried_again() {
    let place = Place::new();
    let old = former(&place.database(), 3);
    let before = counts(&place.database());
    old.execute_batch("CREATE TABLE deliveries_new (x)").expect("in the way of the last step");
    let error = SqliteStore::open(&place.database()).expect_err("a step fails");
    assert!(matches!(error, StoreError::Upgrade { .. }), "{error}");
    assert!(error.to_string().contains(".before-6"), "{error}");
    assert_eq!(schema(&place.database()), 3);
    old.execute_batch("DROP TABLE deliveries_new").expect("out of the way");
    assert_eq!(counts(&place.database()), before);
    drop(old);
    drop(place.open());
    assert_eq!(schema(&place.database()), NEWEST);
}

#[test]
fn without_room_for_the_copy_nothing_is_changed_and_what_is_needed_is_said() {
    let disk = SmallDisk::new(2);
    let database = disk.path().join("watchbell.db");
    drop(former(&database, 3));
    fs::write(disk.path().join("watchbell.db.lock"), "").expect("made before it is full");
    // Enough for what SQLite needs to look into it, too little for a copy.
    disk.fill_but(64 << 10);
    let before = fs::read(&database).expect("it is read");
    let error = SqliteStore::open(&database).expect_err("there is no room");
    let size = before.len();
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
    assert!(error.to_string().contains(&format!("{size} bytes")), "{error}");
    assert!(fs::read(&database).expect("it is read") == before, "the database is as it was");
    assert!(!copy_of(&database).exists());
    disk.free();
    drop(SqliteStore::open(&database).expect("there is room now"));
    assert_eq!(schema(&database), NEWEST);
}
