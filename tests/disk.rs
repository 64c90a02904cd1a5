//! A disk that is full or fails under the real program: nothing committed is lost, nothing is
//! called sent that is not kept, and it goes on by itself.
//!
//! Full: a small tmpfs. Failing: `strace` makes system calls of the running program fail.

use crate::common::deliveries::state;
use crate::common::small_disk::SmallDisk;
use crate::common::watchbell::{Site, Watchbell};
use crate::common::{Process, closed_port, free_port, wait_for};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use watchbell::store::Store;
use watchbell::store::sqlite::SqliteStore;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Tells each number that it is sent.
const RULE: &str = r#"rule("numbers", #{ on: "Webhook" }, |e| {
    e.notify("ops", #{ text: `number ${e.webhook.body.number} end` });
});
"#;

/// A Watchbell that is sent numbers and tells each on its standard output.
struct Numbers {
    site: Site,
    port: u16,
    database: PathBuf,
    _folder: TempDir,
    _icinga: TcpSocket,
}

impl Numbers {
    /// Its database lies in this folder, the rest elsewhere.
    fn with_database_in(disk: &Path) -> Numbers {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (icinga, port) = (closed_port(), free_port());
        let site = Site::new(folder.path());
        fs::remove_dir_all(site.path("rules")).expect("the shipped ones");
        fs::create_dir(site.path("rules")).expect("a new folder");
        site.write("rules/10-numbers.rhai", RULE);
        site.secret("secret", "s3cret");
        let database = disk.join("watchbell.db");
        site.configure(&[
            format!("[store]\npath = \"{}\"\n", database.display()),
            format!(
                "[[icinga]]\nname = \"main\"\nurls = [\"https://{}\"]\nuser = \"bot\"\npassword_file = \"secret\"\n",
                icinga.local_addr().expect("it is bound")
            ),
            format!("[listen]\naddress = \"127.0.0.1:{port}\"\n[webhook.numbers]\ntoken_file = \"secret\"\n"),
            site.console(),
        ]);
        Numbers { site, port, database, _folder: folder, _icinga: icinga }
    }

    fn start(&self) -> Watchbell {
        let mut watchbell = self.site.start();
        watchbell.log.expect("webhooks are taken at");
        watchbell
    }

    /// Sends them one after the other, each until it is taken.
    fn send(&self, numbers: RangeInclusive<u32>) {
        numbers.for_each(|number| send_until_taken(self.port, number));
    }

    /// Sends them all at once, each until it is taken; by then each of these has ended.
    fn send_meanwhile(&self, numbers: RangeInclusive<u32>) -> Vec<JoinHandle<()>> {
        let port = self.port;
        numbers.map(|number| thread::spawn(move || send_until_taken(port, number))).collect()
    }

    /// Ends it, and looks whether all numbers were told once, and are kept as sent.
    fn assert_all_told_once(&self, watchbell: &mut Watchbell, numbers: u32) {
        assert!(watchbell.terminate().success());
        let told = watchbell.out.seen.join("\n");
        for number in 1..=numbers {
            assert_eq!(told.matches(&format!("number {number} end")).count(), 1, "{number} in:\n{told}");
        }
        let kept = rusqlite::Connection::open(&self.database).expect("it opens");
        let check: String = kept.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
        assert_eq!(check, "ok");
        let sql = "SELECT count(*) FROM deliveries WHERE status = 'sent' AND event = 'Webhook'";
        let sent: u32 = kept.query_row(sql, [], |row| row.get(0)).expect("counted");
        assert_eq!(sent, numbers);
    }
}

/// As a good sender does: again and again under the same name.
fn send_until_taken(port: u16, number: u32) {
    wait_for(&format!("{number} to be taken"), PATIENCE, || is_taken(port, number).then_some(()));
}

/// Sends a number; whether the answer is that it is kept.
fn is_taken(port: u16, number: u32) -> bool {
    let answer = post(port, number).unwrap_or_default();
    assert!(["", "HTTP/1.1 202", "HTTP/1.1 503"].contains(&answer.get(..12).unwrap_or_default()), "{answer}");
    answer.starts_with("HTTP/1.1 202")
}

fn post(port: u16, number: u32) -> std::io::Result<String> {
    let body = format!("{{\"number\": {number}}}");
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        connection,
        "POST /webhook/numbers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\r\n\
         Idempotency-Key: {number}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Makes system calls of a running program fail, as the manual of strace describes `inject`.
/// Ends when it is dropped; the program goes on without it.
struct Strace {
    process: Process,
    /// It ends when nobody reads what it says.
    _said: BufReader<ChildStderr>,
}

impl Strace {
    fn attach(watchbell: &Watchbell, calls: &str, failure: &str) -> Strace {
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &watchbell.id().to_string(), "-e", &format!("trace={calls}")]);
        command.args(["-e", &format!("inject={calls}:{failure}"), "-o", "/dev/null"]);
        let mut process = Process::start("strace", command.stderr(Stdio::piped()));
        let mut said = BufReader::new(process.child().stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says what it does");
        assert!(line.contains("attached"), "strace cannot attach to a process of ours: {line}");
        Strace { process, _said: said }
    }

    /// Lets the program go, unharmed.
    fn detach(mut self) {
        let asked = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "it runs and is ours");
        self.process.child().wait().expect("it ends");
    }
}

#[test]
fn a_full_disk_holds_everything_up_and_loses_nothing() {
    let disk = SmallDisk::new(8);
    let numbers = Numbers::with_database_in(disk.path());
    let mut watchbell = numbers.start();
    numbers.send(1..=10);
    watchbell.out.expect("number 10 end");
    disk.fill_but(0);
    let senders = numbers.send_meanwhile(11..=60);
    watchbell.log.expect("cannot write the database");
    watchbell.out.expect("Watchbell: nothing can be kept or sent, for the database cannot be written");
    disk.free();
    watchbell.log.expect("the database can be written again; nothing was lost");
    senders.into_iter().for_each(|sender| sender.join().expect("it is taken in the end"));
    numbers.send(61..=61);
    watchbell.out.expect("number 61 end");
    numbers.assert_all_told_once(&mut watchbell, 61);
    let told = watchbell.out.rest().join("\n");
    assert!(told.contains("Watchbell: the database can be written again"), "{told}");
}

#[test]
fn a_small_disk_is_not_filled_by_what_was_written_over() {
    let disk = SmallDisk::new(6);
    let store = SqliteStore::open(&disk.path().join("watchbell.db")).expect("it opens");
    for letter in ('a'..='z').chain('A'..='Z') {
        let value = letter.to_string().repeat(400_000);
        store.commit(&state("the same key", Some(&value))).expect("there is room for it once");
    }
}

#[test]
fn a_kill_while_the_disk_is_full_loses_nothing_that_is_sent_until_it_is_taken() {
    let disk = SmallDisk::new(8);
    let numbers = Numbers::with_database_in(disk.path());
    let mut watchbell = numbers.start();
    numbers.send(1..=10);
    watchbell.out.expect("number 10 end");
    disk.fill_but(0);
    let senders = numbers.send_meanwhile(11..=60);
    watchbell.log.expect("cannot write the database");
    watchbell.kill();
    disk.free();
    let mut again = numbers.start();
    senders.into_iter().for_each(|sender| sender.join().expect("it is taken in the end"));
    numbers.send(61..=61);
    again.out.expect("number 61 end");
    assert!(again.terminate().success());
    let told = again.out.seen.join("\n");
    for number in 11..=61 {
        assert_eq!(told.matches(&format!("number {number} end")).count(), 1, "{number} in:\n{told}");
    }
}

/// A sync or a write that fails, also one that is called fine later.
#[test]
fn a_failing_disk_is_not_believed_until_the_database_was_read_again() {
    for (calls, failure, mended) in [
        // Between two failures there is room for a whole repair, which takes seven syncs with the
        // commit behind it.
        ("fsync,fdatasync", "error=EIO:when=2+11", true),
        ("pwrite64", "error=EIO:when=5+41", true),
        // No room loses nothing: the same is tried again.
        ("pwrite64", "error=ENOSPC:when=5+41", false),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let numbers = Numbers::with_database_in(folder.path());
        let mut watchbell = numbers.start();
        let strace = Strace::attach(&watchbell, calls, failure);
        numbers.send(1..=40);
        watchbell.log.expect("cannot write the database");
        watchbell.out.expect("number 40 end");
        strace.detach();
        numbers.assert_all_told_once(&mut watchbell, 40);
        let logged = watchbell.log.rest().join("\n");
        let is_mended = logged.contains("was written anew, opened again and is sound");
        assert_eq!(is_mended, mended, "{calls} {failure}:\n{logged}");
    }
}

/// The repair folds the WAL: all is in the file then, and the next commit has not come.
#[test]
fn a_kill_in_the_repair_after_a_failing_disk_alarms_nobody_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let numbers = Numbers::with_database_in(folder.path());
    let mut watchbell = numbers.site.start_so(|command| {
        // The first passage is that of the start.
        command.env("FAILPOINTS", "fold.emptied=1*off->return");
    });
    watchbell.log.expect("webhooks are taken at");
    let strace = Strace::attach(&watchbell, "fsync,fdatasync", "error=EIO:when=2+11");
    let senders = numbers.send_meanwhile(1..=20);
    watchbell.log.expect("cannot write the database");
    assert!(!watchbell.wait().success(), "it dies in the repair");
    drop(strace);
    let mut again = numbers.start();
    senders.into_iter().for_each(|sender| sender.join().expect("it is taken in the end"));
    numbers.send(21..=21);
    again.out.expect("number 21 end");
    assert!(again.terminate().success());
    let said = [again.log.rest().join("\n"), again.out.rest().join("\n")].join("\n");
    assert!(!said.contains("watchbell.db-wal"), "{said}");
    let told = [watchbell.out.rest().join("\n"), said].join("\n");
    for number in 1..=21 {
        assert!(told.contains(&format!("number {number} end")), "{number} in:\n{told}");
    }
}

#[test]
fn a_wal_that_is_taken_away_behind_a_repair_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let numbers = Numbers::with_database_in(folder.path());
    let mut watchbell = numbers.start();
    let strace = Strace::attach(&watchbell, "fsync,fdatasync", "error=EIO:when=2+11");
    numbers.send(1..=10);
    watchbell.log.expect("was written anew, opened again and is sound");
    watchbell.out.expect("number 10 end");
    strace.detach();
    watchbell.kill();
    fs::remove_file(folder.path().join("watchbell.db-wal")).expect("a crash leaves it");
    let mut again = numbers.start();
    again.out.expect("watchbell.db-wal is gone");
    assert!(again.terminate().success());
}

#[test]
fn nothing_is_sent_before_its_commit_has_reached_the_disk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let numbers = Numbers::with_database_in(folder.path());
    let mut watchbell = numbers.start();
    numbers.send(1..=1);
    watchbell.out.expect("number 1 end");
    let strace = Strace::attach(&watchbell, "fsync,fdatasync", "error=EIO");
    let port = numbers.port;
    let sender = thread::spawn(move || is_taken(port, 2));
    watchbell.log.expect("cannot write the database");
    watchbell.kill();
    drop(strace);
    assert!(!sender.join().expect("it tries once"), "taken without being kept");
    let told = watchbell.out.rest().join("\n");
    assert!(!told.contains("number 2 end"), "told without being kept:\n{told}");
}
