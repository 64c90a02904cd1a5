//! The audit of commands: who asked for what is kept for good, and can be read while it runs.

use crate::common::cli::{installation, watchbell};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use watchbell::model::{CommandEnd, Commanded, Timestamp};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Store};

/// A command of alice, who has another nick, some hours ago.
fn commanded(hours_ago: i64, line: &str, end: CommandEnd, objects: &[&str]) -> Commanded {
    Commanded {
        at: Timestamp::now() - jiff::SignedDuration::from_hours(hours_ago),
        sink: "libera".to_owned(),
        room: "#ops".to_owned(),
        nick: "al".to_owned(),
        account: Some("alice".to_owned()),
        person: Some("alice".to_owned()),
        line: line.to_owned(),
        end,
        objects: objects.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// An installation whose database is open, as while `run` goes on.
fn with(commands: Vec<Commanded>) -> (TempDir, SqliteStore) {
    let folder = installation();
    let store = SqliteStore::open(&database(folder.path())).expect("it opens");
    store.commit(&Batch { commands, ..Batch::default() }).expect("it is kept");
    (folder, store)
}

fn database(folder: &Path) -> PathBuf {
    folder.join("watchbell.db")
}

/// What `watchbell audit` prints, without the times.
fn audit(folder: &TempDir, arguments: &[&str]) -> Vec<String> {
    let out = watchbell(folder.path(), &[&["audit"], arguments].concat()).fine();
    let without_time = |line: &str| match line.starts_with("20") {
        true => line[20..].to_owned(),
        false => line.to_owned(),
    };
    out.lines().map(without_time).collect()
}

fn some() -> Vec<Commanded> {
    let stranger = Commanded {
        nick: "mallory".to_owned(),
        account: None,
        person: None,
        ..commanded(3, "ack db1 \u{1b}[2Jgone", CommandEnd::Refused("log in to\nservices".to_owned()), &[])
    };
    vec![
        commanded(30, "mute web 1h", CommandEnd::Done, &["web"]),
        stranger,
        commanded(2, "ack db1 looking", CommandEnd::Asked, &["db1!postgres", "db1"]),
        commanded(1, "ack db2 looking", CommandEnd::Asked, &["db2"]),
    ]
}

#[test]
fn commands_are_listed_oldest_first_while_it_runs() {
    let (folder, _running) = with(some());
    let expected = [
        "nobody known (nick mallory) in #ops on libera: ack db1 ␛[2Jgone",
        "  refused (log in to services)",
        "alice (nick al) in #ops on libera: ack db1 looking",
        "  asked: db1!postgres, db1",
        "alice (nick al) in #ops on libera: ack db2 looking",
        "  asked: db2",
    ];
    assert_eq!(audit(&folder, &[]), expected);
    assert_eq!(audit(&folder, &["--since", "2d", "--object", "web"])[1], "  done: web");
    assert_eq!(audit(&folder, &["--object", "db1"]), expected[2..4]);
    assert_eq!(audit(&folder, &["--person", "alice"]), expected[2..]);
    let none = watchbell(folder.path(), &["audit", "--person", "bob"]);
    assert!(none.err.contains("no such command"), "{}", none.err);
    assert_eq!(none.fine(), "");
}

#[test]
fn json_has_one_object_for_each_command() {
    let (folder, _running) = with(some());
    let lines = audit(&folder, &["--json", "--since", "150m"]);
    let command: serde_json::Value = serde_json::from_str(&lines[0]).expect("it is JSON");
    assert_eq!(command["verdict"], "asked");
    assert_eq!(command["objects"], serde_json::json!(["db1!postgres", "db1"]));
    assert_eq!(lines.len(), 2);
}

#[test]
fn nobody_changes_the_audit_and_only_the_retention_forgets() {
    let (folder, store) = with(some());
    let other = Connection::open(database(folder.path())).expect("it opens");
    let refused = |sql: &str| other.execute(sql, []).expect_err(sql).to_string();
    assert!(refused("UPDATE commands SET line = 'x'").contains("never changed"));
    assert!(refused("DELETE FROM commands WHERE person = 'alice'").contains("keep_commands"));
    let count = || other.query_row("SELECT count(*) FROM commands", [], |row| row.get::<_, i64>(0));
    assert_eq!(count(), Ok(4));
    store.forget_commands_before(Timestamp::now() - jiff::SignedDuration::from_hours(24)).expect("forgotten");
    assert_eq!(count(), Ok(3));
    assert!(refused("DELETE FROM commands").contains("keep_commands"), "what is younger stays");
    // A clock that was set back does not make anything older.
    store.forget_commands_before(Timestamp::UNIX_EPOCH).expect("forgotten");
    assert_eq!(count(), Ok(3));
}

#[test]
fn the_number_of_a_forgotten_command_is_not_used_again() {
    let (folder, store) = with(some());
    store.forget_commands_before(Timestamp::now()).expect("forgotten");
    store.commit(&Batch { commands: some(), ..Batch::default() }).expect("it is kept");
    let other = Connection::open(database(folder.path())).expect("it opens");
    let first: i64 = other.query_row("SELECT min(id) FROM commands", [], |row| row.get(0)).expect("rows");
    assert_eq!(first, 5);
}
