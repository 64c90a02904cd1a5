//! The thread that writes: nothing is acknowledged before it is kept, and nothing
//! acknowledged is lost, whatever the disk does and whenever the process is killed.

use crate::common::committing::Committing;
use crate::common::deliveries::{deliveries, delivery, state};
use crate::common::place::{Place, values};
use crate::common::{Process, wait_for};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::oneshot::error::TryRecvError;
use watchbell::model::{Delivery, Message};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::writer::{NotStopped, StoreWriter, WriterGone};
use watchbell::store::{Batch, Store};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_writer_keeps_batches_in_order_and_tells_after_the_commit() {
    let place = Place::new();
    let store: Arc<dyn Store> = Arc::new(place.open());
    let rows = Arc::new(AtomicUsize::new(0));
    let counted = rows.clone();
    let writer = StoreWriter::start(store.clone(), move |batch| {
        counted.fetch_add(batch.state.len(), Ordering::SeqCst);
    })
    .expect("a thread");
    let queue = |number: usize| {
        let value = number.to_string();
        writer.handle().queue_blocking(state("last", Some(&value))).expect("queued")
    };
    let answers: Vec<_> = (0..1000).map(queue).collect();
    for (number, answer) in answers.into_iter().enumerate() {
        answer.blocking_recv().expect("kept");
        let seen: usize = store.load_state().expect("state")[0].2.parse().expect("a number");
        assert!(seen >= number, "{number} was acknowledged while {seen} was on the disk");
        assert!(rows.load(Ordering::SeqCst) > number);
    }
    writer.stop(LONG).expect("stopped");
    assert_eq!(rows.load(Ordering::SeqCst), 1000);
}

#[test]
fn stopping_the_writer_keeps_what_is_queued_and_refuses_what_comes_later() {
    let place = Place::new();
    let store: Arc<dyn Store> = Arc::new(place.open());
    let writer = StoreWriter::start(store, |_| {}).expect("a thread");
    let handle = writer.handle();
    let answers: Vec<_> = (0..100)
        .map(|number| handle.queue_blocking(state(&number.to_string(), Some("1"))).expect("queued"))
        .collect();
    writer.stop(LONG).expect("stopped");
    assert!(answers.into_iter().all(|answer| answer.blocking_recv().is_ok()));
    assert_eq!(handle.queue_blocking(Batch::default()).expect_err("it has ended"), WriterGone);
    assert_eq!(values(&place.open()).len(), 100);
}

#[test]
fn a_panic_of_the_store_loses_nothing_and_ends_nothing() {
    let place = Place::new();
    let (store, watched, _commits) = watched(&place, 2);
    let writer = StoreWriter::start(watched, |_| {}).expect("a thread");
    let kept = writer.handle().queue_blocking(state("key", Some("1"))).expect("queued");
    kept.blocking_recv().expect("kept at the third try");
    writer.stop(LONG).expect("stopped");
    assert_eq!(values(&store).len(), 1);
}

/// Makes every write of state fail.
const BREAK: &str = "CREATE TRIGGER fault BEFORE INSERT ON state
                     BEGIN SELECT raise(ABORT, 'injected'); END";
const MEND: &str = "DROP TRIGGER fault";

/// A real store that panics in its first commits and says how each of the others went; the store
/// itself, and where that is heard.
fn watched(place: &Place, panics: usize) -> (Arc<SqliteStore>, Arc<dyn Store>, mpsc::Receiver<bool>) {
    let (went, commits) = mpsc::channel();
    let (store, panics) = (Arc::new(place.open()), AtomicUsize::new(panics));
    let watched = Committing::new(store.clone(), move |store: &SqliteStore, batch: &Batch| {
        let one_less = |left: usize| left.checked_sub(1);
        if panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            panic!("a fault in the store");
        }
        let result = store.commit(batch);
        // After the test nobody watches.
        let _ = went.send(result.is_ok());
        result
    });
    (store, watched, commits)
}

#[test]
fn a_failing_commit_is_tried_again_and_nothing_is_acknowledged_before() {
    let place = Place::new();
    let (store, watched, commits) = watched(&place, 0);
    place.operator().execute_batch(BREAK).expect("the trigger is made");
    let writer = StoreWriter::start(watched, |_| {}).expect("a thread");
    let mut first = writer.handle().queue_blocking(state("a", Some("1"))).expect("queued");
    let mut second = writer.handle().queue_blocking(state("b", Some("1"))).expect("queued");

    for _ in 0..3 {
        assert!(!commits.recv().expect("a commit was tried"));
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
    }
    place.operator().execute_batch(MEND).expect("the trigger is dropped");
    first.blocking_recv().expect("the first is kept");
    second.blocking_recv().expect("the second is kept");
    assert_eq!(values(&store).len(), 2);
    writer.stop(LONG).expect("stopped");
}

#[test]
fn stopping_does_not_wait_for_ever_for_a_database_that_fails() {
    let place = Place::new();
    let (store, watched, commits) = watched(&place, 0);
    place.operator().execute_batch(BREAK).expect("the trigger is made");
    let writer = StoreWriter::start(watched, |_| {}).expect("a thread");
    let answer = writer.handle().queue_blocking(state("a", Some("1"))).expect("queued");
    assert!(!commits.recv().expect("a commit was tried"));

    let patience = Duration::from_millis(50);
    assert_eq!(writer.stop(patience), Err(NotStopped(patience)));
    answer.blocking_recv().expect_err("it is not kept");
    assert_eq!(values(&store), []);
}

#[tokio::test]
async fn flushing_waits_for_all_that_was_queued_before() {
    let place = Place::new();
    let store: Arc<dyn Store> = Arc::new(place.open());
    let writer = StoreWriter::start(store.clone(), |_| {}).expect("a thread");
    let handle = writer.handle();
    let keeping: Vec<_> = (0..50)
        .map(|number: i32| {
            let handle = handle.clone();
            async move { handle.keep(state(&number.to_string(), Some("1"))).await }
        })
        .collect();
    let (kept, flushed) = tokio::join!(futures_util::future::join_all(keeping), handle.flush());
    assert!(kept.into_iter().all(|kept| kept.is_ok()) && flushed.is_ok());
    assert_eq!(store.load_state().expect("state").len(), 50);
}

/// Names the folder in which a test, run again as a child process, is to keep
/// batches until it is killed.
const CHILD: &str = "WATCHBELL_TEST_STORE_CHILD";

/// How many deliveries each batch of the child has.
const CHILD_DELIVERIES: u64 = 3;

/// The child: keeps batch after batch, and writes the number of each into the
/// file `acknowledged` as soon as it is told that it is kept. Its log goes to `log`.
fn keep_batches_for_ever(folder: &Path) -> ! {
    let log = File::create(folder.join("log")).expect("a log");
    tracing_subscriber::fmt().with_writer(log).with_ansi(false).init();
    let store = Arc::new(SqliteStore::open(&folder.join("watchbell.db")).expect("the store opens"));
    let first = last_number(&store.load_state().expect("state")) + 1;
    let writer = StoreWriter::start(store, |_| {}).expect("a thread");
    let mut file =
        OpenOptions::new().create(true).append(true).open(folder.join("acknowledged")).expect("a file");
    let mut under_way = VecDeque::new();
    for number in first.. {
        let answer = writer.handle().queue_blocking(child_batch(number)).expect("queued");
        under_way.push_back((number, answer));
        if under_way.len() < 16 {
            continue;
        }
        let (number, answer) = under_way.pop_front().expect("sixteen are under way");
        answer.blocking_recv().expect("kept");
        file.write_all(format!("{number}\n").as_bytes()).expect("written");
    }
    unreachable!("there are more numbers than time");
}

fn child_batch(number: u64) -> Batch {
    let text = "x".repeat(1000);
    let one = |part| Delivery {
        message: Message { text: text.clone(), ..Message::default() },
        ..delivery(&format!("{number}-{part}"), "db1")
    };
    let state = state("last", Some(&number.to_string())).state;
    Batch { state, ..deliveries((0..CHILD_DELIVERIES).map(one)) }
}

fn last_number(state: &[(String, String, String)]) -> u64 {
    state.first().map_or(0, |(_, _, value)| value.parse().expect("a number"))
}

/// The child's place, and how to start it. `name` is the test that runs again.
struct ChildPlace(Place);

impl ChildPlace {
    fn start(&self, name: &str, shell: &str) -> Process {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{shell} exec \"$0\" \"$@\""));
        command.arg(std::env::current_exe().expect("the test binary")).args([name, "--exact"]);
        command.env(CHILD, self.0.folder.path()).stdout(Stdio::null());
        Process::start("the child", &mut command)
    }

    fn acknowledged(&self) -> u64 {
        let text = std::fs::read_to_string(self.0.folder.path().join("acknowledged")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().last().map_or(0, |number| number.parse().expect("a number"))
    }

    /// Another place with the files as they are now.
    fn copied(&self) -> ChildPlace {
        let copy = Place::new();
        for name in ["watchbell.db", "watchbell.db-wal"] {
            std::fs::copy(self.0.folder.path().join(name), copy.folder.path().join(name)).expect("copied");
        }
        ChildPlace(copy)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.0.folder.path().join("log")).unwrap_or_default()
    }

    fn wait_until_acknowledged(&self, number: u64) {
        wait_for("acknowledged batches", LONG, || (self.acknowledged() >= number).then_some(()));
    }

    /// The number of the last batch in the file; all before it are there, whole.
    fn check_and_read_last(&self) -> u64 {
        let store = self.0.open();
        let last = last_number(&store.load_state().expect("state"));
        let count = "SELECT count(*) FROM deliveries";
        let kept: i64 = self.0.operator().query_row(count, [], |row| row.get(0)).expect("counted");
        assert_eq!(kept.cast_unsigned(), last * CHILD_DELIVERIES, "a batch is missing or not whole");
        last
    }
}

#[test]
fn every_acknowledged_batch_survives_a_kill() {
    if let Some(folder) = std::env::var_os(CHILD) {
        keep_batches_for_ever(Path::new(&folder));
    }
    let place = ChildPlace(Place::new());
    for life in 1..=5 {
        let mut child = place.start("writer::every_acknowledged_batch_survives_a_kill", "");
        place.wait_until_acknowledged(place.acknowledged() + life * 37);
        child.kill();
        assert!(place.check_and_read_last() >= place.acknowledged(), "an acknowledged batch is lost");
    }
}

#[test]
fn a_file_that_cannot_grow_holds_up_but_loses_nothing() {
    if let Some(folder) = std::env::var_os(CHILD) {
        keep_batches_for_ever(Path::new(&folder));
    }
    let place = ChildPlace(Place::new());
    let name = "writer::a_file_that_cannot_grow_holds_up_but_loses_nothing";
    let mut child = place.start(name, "trap '' XFSZ; ulimit -S -f 1024;");
    wait_for("the error in the log", LONG, || {
        place.log().contains("cannot write the database").then_some(())
    });
    let kept: u64 = place
        .0
        .operator()
        .query_row("SELECT value FROM state", [], |row| row.get::<_, String>(0))
        .map_or(0, |value| value.parse().expect("a number"));
    wait_for("all that is kept to be acknowledged", LONG, || (place.acknowledged() == kept).then_some(()));

    let limit = Command::new("prlimit")
        .args(["--fsize=unlimited:unlimited", "--pid", &child.id().to_string()])
        .status()
        .expect("prlimit of util-linux runs");
    assert!(limit.success());
    place.wait_until_acknowledged(kept + 500);
    child.kill();
    assert!(place.check_and_read_last() >= place.acknowledged());
    assert_eq!(place.log().matches("cannot write the database").count(), 1, "{}", place.log());
    assert_eq!(place.log().matches("can be written again").count(), 1, "{}", place.log());
}

/// A copy of the files of a process that is stopped is what a power cut leaves; the end of
/// the WAL may be missing from the disk too.
#[test]
fn copies_taken_mid_run_hold_all_that_was_acknowledged() {
    if let Some(folder) = std::env::var_os(CHILD) {
        keep_batches_for_ever(Path::new(&folder));
    }
    let place = ChildPlace(Place::new());
    let mut child = place.start("writer::copies_taken_mid_run_hold_all_that_was_acknowledged", "");
    for step in 1..=12 {
        // Far enough that the WAL is folded into the file on the way.
        place.wait_until_acknowledged(step * 250);
        signal(&child, "-STOP");
        let acknowledged = place.acknowledged();
        let (whole, cut) = (place.copied(), place.copied());
        signal(&child, "-CONT");
        assert!(whole.check_and_read_last() >= acknowledged, "an acknowledged batch is lost");
        let wal = cut.0.folder.path().join("watchbell.db-wal");
        let file = OpenOptions::new().write(true).open(wal).expect("there is one");
        let length = file.metadata().expect("metadata").len();
        file.set_len(rand::random_range(0..=length)).expect("cut");
        cut.check_and_read_last();
    }
    child.kill();
}

fn signal(process: &Process, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "it runs and is ours");
}
