//! Icinga's queue for a reader that does not read has no bound. So reading never waits for
//! rules, sinks or the disk; and where that would take too much, we hang up on purpose.

use crate::common::icinga::Icinga;
use crate::common::proxy::{Proxy, Way};
use crate::common::reader::{Reader, all_types};
use crate::common::site::Site;
use crate::common::{closed_port, wait_for, watchbell};
use ::watchbell::config::IcingaSettings;
use ::watchbell::engine::World;
use ::watchbell::load::Set;
use ::watchbell::model::{ObjectKey, State};
use ::watchbell::pipeline::{self, Pipeline, Wires};
use ::watchbell::source::Source;
use ::watchbell::source::icinga::{IcingaSource, Limits};
use ::watchbell::store::Store;
use ::watchbell::store::writer::StoreWriter;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;
use tempfile::tempdir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Short enough for a test, long enough for a busy machine.
const SHORT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(120);
const MEBIBYTE: u64 = 1024 * 1024;

/// So many results for all services, none like the one before.
async fn flood(icinga: &Icinga, rounds: i64) {
    for round in 0..rounds {
        assert!(icinga.result_for_all(1 + round % 2, &format!("round {round}")).await);
    }
}

/// How much more Icinga holds in memory after a flood than before.
async fn growth(icinga: &Icinga, rounds: i64) -> u64 {
    let before = icinga.resident_bytes();
    flood(icinga, rounds).await;
    icinga.resident_bytes().saturating_sub(before)
}

/// Has Icinga say something until a source that nobody listens to has read a line.
async fn wait_for_lines(reader: &Reader, icinga: &Icinga) {
    let begun = std::time::Instant::now();
    while reader.counters.lines() == 0 {
        assert!(begun.elapsed() < PATIENCE, "it reads nothing");
        flood(icinga, 1).await;
    }
}

#[tokio::test]
async fn a_consumer_that_stalls_does_not_make_icinga_queue() {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 1, 200).await;

    let limits = Limits { stall: SHORT, ..Limits::default() };
    let mut ours = Reader::start_with(&icinga.settings(), limits, 1, &all_types());
    // Nothing is taken of it, which is how an engine or a disk looks that hangs.
    wait_for_lines(&ours, &icinga).await;
    ours.error(&["hung up to protect Icinga"]).await;
    // A queue grows by each flood; what Icinga's own work needs, its allocator keeps from one of
    // them to the next.
    flood(&icinga, 60).await;
    let with_ours = growth(&icinga, 90).await.min(growth(&icinga, 90).await);

    let proxy = Proxy::to(icinga.port);
    let deaf = IcingaSettings { silence: 60 * PATIENCE, ..icinga.settings_through(proxy.port) };
    let mut deaf = Reader::start_with(&deaf, Limits::default(), 4096, &all_types());
    deaf.snapshot().await;
    proxy.stall(&[Way::ToClient]);
    let with_deaf = growth(&icinga, 90).await;

    assert!(with_deaf > 20 * MEBIBYTE, "a reader that stalls costs Icinga memory: {with_deaf}");
    assert!(with_ours < with_deaf / 3, "{with_ours} bytes for us, {with_deaf} for a reader that stalls");
    ours.snapshot().await;
    let reason = ours.snapshot().await.broken.expect("we had hung up").reason;
    assert!(reason.contains("hung up to protect Icinga"), "{reason}");
}

/// How many rows of a database say so; reads beside whoever writes it.
fn rows(database: &Path, query: &str) -> i64 {
    let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it is there");
    file.query_row(query, [], |row| row.get(0)).expect("it can be read")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_makes_us_hang_up_once_and_say_so_afterwards() {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 1, 20).await;
    let proxy = Proxy::to(icinga.port);
    let site = Site::new();
    let database = site.path().join("watchbell.db");
    let set = Set::load(&site.config).expect("the rules are sound");
    let types = watch::Sender::new(set.rules.types());
    let limits = Limits { stall: SHORT, ..Limits::default() };
    let source = IcingaSource::new(&icinga.settings_through(proxy.port), types.subscribe());
    let source = source.expect("the settings are good").with_limits(limits);
    let trouble = source.last_error();
    let (inputs, taken) = mpsc::channel(4);
    let writer = StoreWriter::start(site.store.clone(), |_| {}).expect("a thread");
    let (_set_sender, sets) = mpsc::channel(1);
    let (asks, _asked) = mpsc::channel(1);
    let wires = Wires {
        inputs: taken,
        posts: mpsc::channel(1).1,
        sets,
        writer: writer.handle(),
        wake: watch::Sender::new(None),
        asks,
        restore: Box::new(|| Ok(World::new(true))),
    };
    pipeline::spawn(Pipeline::new(site.config.clone(), set, World::new(true)), wires).expect("a thread");
    let stop = CancellationToken::new();
    let _end = stop.clone().drop_guard();
    tokio::spawn(Box::new(source).run(inputs, stop));
    let told = |words: &str| {
        rows(&database, &format!("SELECT count(*) FROM deliveries WHERE message LIKE '%{words}%'"))
    };
    wait_for("the first look", PATIENCE, || (told("irst look") > 0).then_some(()));

    let disk = Connection::open(&database).expect("the file opens");
    disk.execute_batch("BEGIN IMMEDIATE").expect("nothing can be written now");
    let mut rounds = 0;
    while !trouble.borrow().as_ref().is_some_and(|words| words.contains("hung up to protect Icinga")) {
        assert!(rounds < 2000, "it never hung up: {:?}", *trouble.borrow());
        flood(&icinga, 2).await;
        rounds += 2;
    }
    let connections = proxy.connections();
    flood(&icinga, 30).await;
    assert_eq!(proxy.connections(), connections, "it connects again although there is no room");
    assert!(icinga.result_for_all(0, "mended meanwhile").await);
    disk.execute_batch("COMMIT").expect("it can be written again");
    wait_for("why people heard nothing", PATIENCE, || (told("to protect Icinga") > 0).then_some(()));
    wait_for("what Icinga says now", PATIENCE, || {
        let world = World::restore(site.store.load_state().expect("it can be read")).expect("it is sound");
        let is_ok = |key: &ObjectKey| world.status(key).state == Some(State::Ok);
        let services: Vec<_> = world.object_keys().filter(|key| !key.is_host()).collect();
        (services.len() == 20 && services.into_iter().all(is_ok)).then_some(())
    });
}

#[tokio::test]
async fn sinks_that_are_all_down_do_not_stop_the_reading() {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 1, 30).await;
    let nobody = closed_port();
    let address = nobody.local_addr().expect("it is bound");
    let site = watchbell::Site::new(dir.path());
    site.configure(&[
        site.icinga(&icinga),
        format!("[sink.irc.net]\nserver = \"{address}\"\nnick = \"bell\"\ntls = false\n"),
        format!(
            "[sink.email.mail]\nserver = \"smtp://{address}\"\ntls = \"off\"\nfrom = \"bell@example.org\"\n"
        ),
        format!("[sink.webhook.hook]\nurl = \"http://{address}/hook\"\n"),
        "[target.ops]\nsink = \"net\"\nto = \"#ops\"\n".to_owned(),
        "[target.mail]\nsink = \"mail\"\nto = \"ops@example.org\"\n".to_owned(),
        "[target.hook]\nsink = \"hook\"\n".to_owned(),
    ]);
    let everybody = r#"rule("everybody", #{ on: "StateChange" }, |e| { e.notify("ops"); e.notify("mail"); e.notify("hook"); });"#;
    site.write("rules/05-everybody.rhai", everybody);
    let mut watchbell = site.start();
    watchbell.log.expect("caught up");
    flood(&icinga, 20).await;
    assert!(icinga.result_for_all(3, "the last of the flood").await);
    let database = site.path("watchbell.db");
    let all = "SELECT count(DISTINCT object) FROM deliveries WHERE message LIKE '%the last of the flood%'";
    wait_for("the end of the flood", PATIENCE, || (rows(&database, all) == 30).then_some(()));
    assert_eq!(rows(&database, "SELECT count(*) FROM deliveries WHERE status = 'sent'"), 0);
    assert!(watchbell.terminate().success());
    let mut log = watchbell.log.seen.join("\n");
    while let Some(line) = watchbell.log.next() {
        log.push_str(&line);
    }
    assert!(!log.contains("hung up") && !log.contains("connects again"), "the reading stopped: {log}");
}
