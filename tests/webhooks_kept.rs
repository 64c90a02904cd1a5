//! What a `202` to a webhook is worth: the real program, killed, restarted, and with a database
//! that cannot be written.

use crate::common::alone::Alone;
use crate::common::wait_for;
use rusqlite::Connection;
use std::time::Duration;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a text under a name of the sender's; how that is answered.
fn send_as(alone: &Alone, key: &str, text: &str) -> u16 {
    status(&answer_to(alone, key, text))
}

fn answer_to(alone: &Alone, key: &str, text: &str) -> String {
    alone.post(text, &format!("Idempotency-Key: {key}\r\n")).expect("it answers")
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer}"))
}

/// How many messages with this text were decided, sent or not: one that was under way in a
/// kill may be sent twice.
fn decided(alone: &Alone, text: &str) -> i64 {
    let database = Connection::open(alone.site.path("watchbell.db")).expect("the file opens");
    let sql = "SELECT count(*) FROM deliveries WHERE message LIKE '%' || ?1 || '%'";
    database.query_row(sql, [text], |row| row.get(0)).expect("it can be read")
}

#[test]
fn what_was_taken_outlives_a_kill_right_behind_the_answer_and_counts_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = Alone::new(dir.path(), &[]);
    for round in 0..5 {
        let (key, text) = (format!("k{round}"), format!("round {round} end"));
        let mut watchbell = alone.site.start();
        alone.wait_until_it_listens(&mut watchbell);
        assert_eq!(send_as(&alone, &key, &text), 202);
        watchbell.kill();
        assert_eq!(decided(&alone, &text), 1, "before anybody could send it again");
        let mut again = alone.site.start();
        alone.wait_until_it_listens(&mut again);
        alone.wait_for_told(&text);
        assert_eq!(send_as(&alone, &key, &text), 202, "the answer could have been lost");
        assert_eq!(decided(&alone, &text), 1);
        assert!(again.terminate().success());
    }
}

#[test]
fn the_same_post_counts_once_also_over_a_restart() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = Alone::new(dir.path(), &[]);
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    assert_eq!(send_as(&alone, "k1", "the first"), 202);
    assert_eq!(send_as(&alone, "k1", "the first"), 202);
    assert_eq!(send_as(&alone, "k2", "the second"), 202);
    assert!(watchbell.terminate().success());
    let mut again = alone.site.start();
    alone.wait_until_it_listens(&mut again);
    assert_eq!(send_as(&alone, "k1", "the first"), 202);
    assert_eq!(send_as(&alone, "k1", "the first in other words"), 202);
    assert_eq!(send_as(&alone, "k3", "the last"), 202);
    alone.wait_for_told("the last");
    assert!(again.terminate().success());
    let told = ["the first", "the second", "the last"].map(|text| alone.count_told(text));
    assert_eq!(told, [1, 1, 1], "{:?}", alone.told());
}

#[test]
fn without_a_name_the_same_within_a_minute_counts_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = Alone::new(dir.path(), &[]);
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    // Sent at once, so that no minute passes between them.
    std::thread::scope(|threads| {
        let senders: Vec<_> = (0..8).map(|_| threads.spawn(|| alone.send("the same"))).collect();
        assert!(senders.into_iter().all(|sender| sender.join().expect("no panic")));
    });
    assert!(alone.send("another"));
    alone.wait_for_told("another");
    assert_eq!(alone.count_told("the same"), 1, "{:?}", alone.told());
    assert!(watchbell.terminate().success());
}

#[test]
fn while_the_disk_takes_nothing_the_sender_is_asked_to_try_again_and_that_counts_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = Alone::new(dir.path(), &[]);
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    let disk = Connection::open(alone.site.path("watchbell.db")).expect("the file opens");
    disk.busy_timeout(PATIENCE).expect("a length of time");
    disk.execute_batch("BEGIN IMMEDIATE").expect("nothing can be written now");
    for _ in 0..2 {
        let answer = answer_to(&alone, "k1", "what waits");
        assert_eq!(status(&answer), 503, "{answer}");
        assert!(answer.to_lowercase().contains("\r\nretry-after: 10\r\n"), "{answer}");
    }
    assert!(alone.told().iter().all(|text| !text.contains("what waits")), "told without being kept");
    disk.execute_batch("ROLLBACK").expect("it was begun");
    wait_for("it to be taken", PATIENCE, || (send_as(&alone, "k1", "what waits") == 202).then_some(()));
    assert!(alone.send("the last"));
    alone.wait_for_told("the last");
    assert_eq!(alone.count_told("what waits"), 1, "{:?}", alone.told());
    assert!(watchbell.terminate().success());
}
