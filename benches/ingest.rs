//! How fast lines become durable: the recording of 34,875 lines through decoding, the
//! shipped rules, the templates, the journal and the store, until the last of them is on the
//! disk; beside the same lines put into one table of a bare SQLite, 256 in a transaction.
//! Then the same for the lines of the recording that are state changes, alone.
//!
//! `cargo bench --bench ingest` prints lines per second, and how many times longer it takes
//! than the bare table. The folder is that of temporary files (`TMPDIR`): a real disk, please.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod turns;

use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use watchbell::config::{self, Config, JournalSettings};
use watchbell::engine::World;
use watchbell::load::Set;
use watchbell::model::{Detail, Input};
use watchbell::pipeline::{self, Pipeline, Wires};
use watchbell::source::icinga::decode;
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::writer::StoreWriter;
use watchbell::store::{JournalLimits, Store};

const STORM: &[u8] = include_bytes!("../tests/fixtures/storm.jsonl.gz");
const LIMITS: JournalLimits = JournalLimits { keep: Duration::from_secs(604_800), size: 1 << 30 };

fn main() {
    let mut text = Vec::new();
    GzDecoder::new(STORM).read_to_end(&mut text).expect("the recording unpacks");
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let set = Set::shipped().expect("the shipped rules and templates are sound");
    let journal = JournalSettings { keep: LIMITS.keep, size: LIMITS.size };
    let config = Config { journal: Some(journal), ..config::builtin("".into(), "".into()) };

    measure("lines", &lines, &config, &set);
    let changes: Vec<&[u8]> = lines.iter().copied().filter(|line| is_state_change(line)).collect();
    measure("state changes", &changes, &config, &set);
}

fn is_state_change(line: &[u8]) -> bool {
    let source: Arc<str> = "icinga".into();
    matches!(decode(&source, line).expect("the recording is sound").detail, Detail::StateChange(_))
}

fn measure(what: &str, lines: &[&[u8]], config: &Config, set: &Set) {
    let mut bare = || bare_table(lines);
    let mut pass = || durable(lines, config, set);
    let [bare, all] = turns::medians([&mut bare, &mut pass]).map(|time| time.as_secs_f64());
    let per_second = |seconds: f64| lines.len() as f64 / seconds;
    println!(
        "{} {what}: into a bare table {:.0}/s; decoded, judged, rendered and durable {:.0}/s, {:.1} times as long",
        lines.len(),
        per_second(bare),
        per_second(all),
        all / bare
    );
}

/// What the disk and SQLite take for the lines alone.
fn bare_table(lines: &[&[u8]]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut connection = rusqlite::Connection::open(folder.path().join("bare.db")).expect("a database");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE lines (line BLOB)")
        .expect("a table");
    for some in lines.chunks(256) {
        let transaction = connection.transaction().expect("a transaction");
        for line in some {
            let mut insert =
                transaction.prepare_cached("INSERT INTO lines VALUES (?1)").expect("a statement");
            insert.execute([line]).expect("kept");
        }
        transaction.commit().expect("durable");
    }
}

/// As `watchbell run` does it, from the line on.
fn durable(lines: &[&[u8]], config: &Config, set: &Set) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(SqliteStore::open(&folder.path().join("watchbell.db")).expect("a database"));
    store.begin_journal(Some(LIMITS), watchbell::model::Timestamp::now()).expect("a journal");
    let writer = StoreWriter::start(store, |_| {}).expect("a thread");
    let (inputs, engine_inputs) = mpsc::channel(4096);
    let (_sets, sets) = mpsc::channel(1);
    let (ask, _asks) = mpsc::channel(1);
    let (wake, _wake) = watch::channel(None);
    let pipeline = Pipeline::for_replay_from(World::new(true), config.clone(), set.clone());
    let wires = Wires {
        inputs: engine_inputs,
        posts: mpsc::channel(1).1,
        sets,
        writer: writer.handle(),
        wake,
        asks: ask,
        restore: Box::new(|| Ok(World::new(true))),
    };
    let engine = pipeline::spawn(pipeline, wires).expect("a thread");
    let source: Arc<str> = "icinga".into();
    for line in lines {
        let event = decode(&source, line).expect("the recording is sound");
        inputs.blocking_send(Input::Event(event)).expect("the engine listens");
    }
    drop(inputs);
    engine.join().expect("the engine does not panic").expect("the writer listens");
    writer.stop(Duration::from_secs(60)).expect("all is durable");
}
