//! Storms stay readable: a channel hears few lines, a person gets few mails, and the
//! counts in what is told add up to all that was to be told.

use crate::common::deliveries::{deliveries, delivery};
use crate::common::engine::World;
use crate::common::fake_icinga::FakeIcinga;
use crate::common::happenings::flapping;
use crate::common::ircd::{Client, Ngircd};
use crate::common::watchbell::Site;
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use watchbell::explain;
use watchbell::model::event::Digest;
use watchbell::model::{About, Brief, Delivery, Message, State, Tells, Timestamp};
use watchbell::outbox::{BackoffPolicy, Fallbacks, Storms, Worker, WriteDigest};
use watchbell::sink::{Receipt, SendError, Sink};
use watchbell::store::Store;
use watchbell::store::fold::{DigestSums, Fold, Folded, Recipient};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::writer::{StoreWriter, WriterGone};

const MINUTE: Duration = Duration::from_secs(60);

/// How much the tests' clock goes on each time that the disk has answered.
const STEP: Duration = Duration::from_millis(100);

/// One message that came out, and when.
#[derive(Debug, Clone)]
struct Heard {
    at: Instant,
    delivery: Delivery,
}

impl Heard {
    fn lines(&self) -> usize {
        self.delivery.message.text.lines().count()
    }

    /// How many messages it stands for.
    fn count(&self) -> usize {
        match self.delivery.rule.as_str() {
            "storm" => {
                let text = &self.delivery.message.text;
                text.split(' ')
                    .next()
                    .and_then(|word| word.parse().ok())
                    .expect("a digest begins with its count")
            }
            _ => 1,
        }
    }

    fn is_digest(&self) -> bool {
        self.delivery.rule == "storm"
    }
}

/// A fake of a way out: it notes what it is given, and is away or failing as the test says.
struct Counting {
    heard: mpsc::UnboundedSender<Heard>,
    away: Mutex<bool>,
    back: Notify,
    /// Deliveries whose text holds this fail once each.
    fails: Mutex<BTreeSet<String>>,
    places: usize,
}

impl Sink for Counting {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            if *self.away.lock().expect("no panic") {
                return Err(SendError::NotReady("away".to_owned()));
            }
            let mut fails = self.fails.lock().expect("no panic");
            if fails.remove(&delivery.object) || (delivery.rule == "storm" && fails.remove("storm")) {
                return Err(SendError::Retry { reason: "not now".to_owned(), after: None });
            }
            let _ = self.heard.send(Heard { at: Instant::now(), delivery: delivery.clone() });
            Ok(Receipt("heard".to_owned()))
        })
    }

    fn concurrency(&self) -> usize {
        self.places
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.back.notified())
    }

    fn cost(&self, delivery: &Delivery) -> u32 {
        delivery.message.text.lines().count() as u32
    }
}

/// A store, its writer, and one sink's worker.
struct Office {
    store: Arc<SqliteStore>,
    writer: StoreWriter,
    sink: Arc<Counting>,
    heard: mpsc::UnboundedReceiver<Heard>,
    nudge: Arc<Notify>,
    stop: CancellationToken,
    worker: JoinHandle<Result<(), WriterGone>>,
    /// Moves the clock on.
    clock: JoinHandle<()>,
    /// While this is here, the clock does not move by itself.
    _still: std::sync::mpsc::Sender<()>,
    _folder: TempDir,
}

/// What templates make of a digest, in short.
fn words() -> WriteDigest {
    Arc::new(|digest: Digest| {
        let mut lines = vec![format!("{} changes: {}", digest.count(), digest.states)];
        lines.extend(digest.lines);
        if digest.more_groups > 0 {
            lines.push(format!("and {} more groups with {}", digest.more_groups, digest.more));
        }
        Message { text: lines.join("\n"), ..Message::default() }
    })
}

impl Office {
    /// `irc`: lines are counted, one goes out at a time; else messages, four at a time.
    fn open(per_minute: u32, irc: bool) -> Office {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store =
            Arc::new(SqliteStore::open(&folder.path().join("watchbell.db")).expect("the store opens"));
        let nudge = Arc::new(Notify::new());
        let bell = nudge.clone();
        let writer = StoreWriter::start(store.clone(), move |batch| {
            if !batch.deliveries.is_empty() {
                bell.notify_one();
            }
        })
        .expect("a thread");
        let (tell, heard) = mpsc::unbounded_channel();
        let places = if irc { 1 } else { 4 };
        let sink = Counting {
            heard: tell,
            away: Mutex::new(false),
            back: Notify::new(),
            fails: Mutex::default(),
            places,
        };
        let sink = Arc::new(sink);
        let stop = CancellationToken::new();
        let budgets = BTreeMap::from([("ops".to_owned(), per_minute)]);
        let worker = Worker {
            sink_name: "irc".to_owned(),
            sink: sink.clone(),
            store: store.clone(),
            writer: writer.handle(),
            nudge: nudge.clone(),
            inputs: mpsc::channel(1000).0,
            storms: Some(Arc::new(Storms::new("irc", budgets, irc, words()))),
            fallbacks: Fallbacks::default(),
            policy: BackoffPolicy::QUICK,
            stop: stop.clone(),
        };
        let worker = tokio::spawn(worker.run());
        // The clock of tokio stands still while something blocks.
        let (_still, blocks) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || blocks.recv().is_ok());
        let answers = writer.handle();
        let clock = tokio::spawn(async move {
            while answers.flush().await.is_ok() {
                tokio::time::advance(STEP).await;
            }
        });
        Office { store, writer, sink, heard, nudge, stop, worker, clock, _still, _folder: folder }
    }

    async fn keep(&self, kept: impl IntoIterator<Item = Delivery>) {
        self.writer.handle().keep(deliveries(kept)).await.expect("kept");
    }

    /// Listens until what was told stands for so many.
    async fn hear(&mut self, all: usize) -> Vec<Heard> {
        let mut heard: Vec<Heard> = Vec::new();
        while heard.iter().map(Heard::count).sum::<usize>() < all {
            heard.push(self.heard.recv().await.expect("the sink lives"));
        }
        heard
    }

    /// Goes or comes back.
    fn away(&self, away: bool) {
        *self.sink.away.lock().expect("no panic") = away;
        self.sink.back.notify_one();
        self.nudge.notify_one();
    }

    async fn close(self) {
        self.stop.cancel();
        self.clock.abort();
        self.worker.await.expect("no panic").expect("the writer was there");
        let sums = self.store.digest_sums(Timestamp::UNIX_EPOCH).expect("the sums");
        assert_eq!(self.store.next_due("irc").expect("read"), None, "nothing is left");
        assert_eq!(sums, DigestSums::default(), "what digests tell is what they hold");
        self.writer.stop(MINUTE).expect("stopped");
    }
}

/// The service's change to this state; ten groups.
fn change(number: usize, state: State) -> Delivery {
    let object = format!("host{}!service{number}", number / 10);
    let tells = if state.is_problem() { Tells::Problem } else { Tells::Recovery };
    let group = format!("site{}", number % 10);
    let mut delivery = delivery(&format!("{object} {state}"), &object);
    delivery.brief = Brief { tells, state: Some(state), group, words: String::new() };
    delivery.message.severity = state.severity();
    delivery.message.text = format!("{object} {state}");
    delivery
}

fn sum(heard: &[Heard]) -> usize {
    heard.iter().map(Heard::count).sum()
}

/// The most that was heard within any minute.
fn most_in_a_minute(heard: &[Heard], cost: fn(&Heard) -> usize) -> usize {
    let from = |first: &Heard| {
        heard.iter().filter(|other| other.at >= first.at && other.at < first.at + MINUTE).map(cost).sum()
    };
    heard.iter().map(from).max().unwrap_or(0)
}

async fn storm(office: &mut Office, services: usize) -> Vec<Heard> {
    let kept: Vec<Delivery> = (0..services)
        .map(|number| change(number, if number % 4 == 0 { State::Warning } else { State::Critical }))
        .collect();
    for part in kept.chunks(256) {
        office.keep(part.iter().cloned()).await;
    }
    let mut heard = office.hear(services).await;
    for part in kept.chunks(256) {
        let well = |problem: &Delivery| Delivery {
            key: format!("{} OK", problem.object),
            brief: Brief { tells: Tells::Recovery, state: Some(State::Ok), ..problem.brief.clone() },
            message: Message { text: format!("{} OK", problem.object), ..Message::default() },
            ..problem.clone()
        };
        office.keep(part.iter().map(well)).await;
    }
    heard.extend(office.hear(services).await);
    heard
}

#[tokio::test(start_paused = true)]
async fn a_channel_hears_thirty_lines_a_minute_of_a_storm_and_the_sums_add_up() {
    let mut office = Office::open(30, true);
    let heard = storm(&mut office, 2000).await;
    assert_eq!(sum(&heard), 4000, "the problems and then the recoveries");
    let most = most_in_a_minute(&heard, Heard::lines);
    assert!(most <= 30, "{most} lines in a minute");
    assert!(heard.iter().all(|heard| heard.lines() <= 5), "no digest is long");
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_gets_three_mails_a_minute_of_a_storm_and_the_sums_add_up() {
    let mut office = Office::open(3, false);
    let heard = storm(&mut office, 2000).await;
    assert_eq!(sum(&heard), 4000);
    let most = most_in_a_minute(&heard, |_| 1);
    assert!(most <= 3, "{most} mails in a minute");
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn in_calm_times_everything_goes_out_at_once_and_alone() {
    let mut office = Office::open(30, true);
    office.keep((0..10).map(|number| change(number, State::Critical))).await;
    let heard = office.hear(10).await;
    assert!(heard.iter().all(|heard| !heard.is_digest()), "{heard:#?}");
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn problems_go_before_recoveries_and_the_worst_first() {
    let mut office = Office::open(60, true);
    office.away(true);
    let states = [State::Ok, State::Warning, State::Down, State::Up, State::Critical];
    office.keep(states.into_iter().enumerate().map(|(number, state)| change(number, state))).await;
    office.away(false);
    let told: Vec<State> =
        office.hear(5).await.iter().filter_map(|heard| heard.delivery.brief.state).collect();
    assert_eq!(told, [State::Down, State::Critical, State::Warning, State::Ok, State::Up]);
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_digest_names_the_worst_groups_and_objects_and_counts_the_rest() {
    let mut office = Office::open(30, true);
    office.away(true);
    let state = |number: usize| match number % 10 {
        3 => State::Critical,
        7 => State::Ok,
        _ => State::Warning,
    };
    office.keep((0..200).map(|number| change(number, state(number)))).await;
    office.away(false);
    let heard = office.hear(200).await;
    assert_eq!(heard.len(), 1, "{heard:#?}");
    insta::assert_snapshot!(heard[0].delivery.message.text);
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn no_recovery_overtakes_the_digest_that_holds_its_problem() {
    let mut office = Office::open(30, true);
    office.sink.fails.lock().expect("no panic").insert("storm".to_owned());
    office.keep((0..50).map(|number| change(number, State::Critical))).await;
    office.keep((0..3).map(|number| change(number, State::Ok))).await;
    let heard = office.hear(53).await;
    let problems = heard.iter().position(Heard::is_digest).expect("the problems are folded");
    let recovery = heard.iter().position(|heard| {
        heard.delivery.brief.tells == Tells::Recovery
            || (heard.is_digest() && heard.delivery.message.text.contains(" OK"))
    });
    assert!(recovery.is_some_and(|recovery| recovery >= problems), "{heard:#?}");
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn answers_and_calls_wait_for_no_storm() {
    let mut office = Office::open(30, true);
    office.away(true);
    let answer = Delivery { target: "reply".to_owned(), event: "Reply".to_owned(), ..delivery("answer", "") };
    let call = Delivery { event: "Timer".to_owned(), ..delivery("call", "db1") };
    office.keep((0..100).map(|number| change(number, State::Critical)).chain([answer, call])).await;
    office.away(false);
    let heard = office.hear(102).await;
    let keys: Vec<&str> = heard.iter().map(|heard| heard.delivery.key.as_str()).collect();
    assert_eq!(heard.len(), 3, "{keys:?}");
    assert_eq!(keys[0], "answer", "somebody waits for it");
    assert!(keys.contains(&"call"), "it is not folded: {keys:?}");
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn many_calls_are_folded_too() {
    let mut office = Office::open(30, true);
    office.away(true);
    let call = |number: usize| Delivery {
        event: "Timer".to_owned(),
        ..delivery(&format!("call {number}"), &format!("db{number}"))
    };
    office.keep((0..40).map(call)).await;
    office.away(false);
    let heard = office.hear(40).await;
    assert_eq!(heard.len(), 1, "{heard:#?}");
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_was_down_drains_as_few_digests() {
    let mut office = Office::open(30, true);
    office.away(true);
    let states = [State::Critical, State::Ok, State::Critical];
    for (round, state) in states.into_iter().enumerate() {
        let kept = (0..1500).map(|number| {
            let change = change(number, state);
            Delivery { key: format!("{} {round}", change.key), ..change }
        });
        office.keep(kept).await;
    }
    office.away(false);
    let heard = office.hear(4500).await;
    assert!(heard.len() <= 4, "{} messages", heard.len());
    office.close().await;
}

/// A database in which 20 changes are folded into one digest, and its file.
fn folded() -> (TempDir, SqliteStore, Delivery) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("watchbell.db")).expect("the store opens");
    let kept = (0..20).map(|number| change(number, State::Critical));
    store.commit(&deliveries(kept)).expect("kept");
    let to = Recipient { target: "ops".to_owned(), address: "#ops".to_owned() };
    let at = Timestamp::now();
    let fold = Fold { sink: "irc", to: &to, busy: &[], spare_calls: true, most: 100, groups: 3, at };
    let write = |folded: &Folded| Message { text: format!("{} changes", folded.count), ..Message::default() };
    let made = store.fold(&fold, &write).expect("folded").expect("there is enough to fold");
    assert_eq!(store.fold(&fold, &write).expect("looked"), None, "nothing is folded twice");
    (folder, store, made)
}

#[test]
fn why_says_in_which_digest_a_message_went_and_what_a_digest_stands_for() {
    let (_folder, store, made) = folded();
    let story = |id| {
        let past = store.past(&About::Delivery(id), 50).expect("read");
        explain::story(&past, &jiff::tz::TimeZone::UTC).join("\n")
    };
    assert!(
        story(1).contains(&format!("d1 to #ops by irc: told in the digest d{}", made.id)),
        "{}",
        story(1)
    );
    let of_digest = story(made.id);
    assert!(of_digest.contains("\"20 changes\""), "{of_digest}");
    assert_eq!(of_digest.matches("!service").count(), 20, "{of_digest}");
}

#[test]
fn a_digest_that_does_not_add_up_is_noticed() {
    let (folder, store, made) = folded();
    let sums = || store.digest_sums(Timestamp::UNIX_EPOCH).expect("read");
    assert_eq!(sums(), DigestSums::default());
    let other = rusqlite::Connection::open(folder.path().join("watchbell.db")).expect("it opens");
    let change = |sql: &str| assert_eq!(other.execute(sql, [made.id]).expect("changed"), 1);
    change("UPDATE deliveries SET parent = 999 WHERE id = 7 AND parent = ?1");
    assert_eq!(sums(), DigestSums { orphans: 1, differing: 1 });
    change("UPDATE deliveries SET folded = 19 WHERE id = ?1");
    assert_eq!(sums(), DigestSums { orphans: 1, differing: 0 });
}

/// A bad line in a scaled run: services behind it change every 30 seconds for an hour, and
/// are well at last. Says how often each was told of.
fn behind_a_bad_line(services: usize, icinga_counts: bool) -> BTreeMap<String, usize> {
    let mut world = World::shipped();
    let names: Vec<String> = (0..services).map(|number| format!("host{number}!ping")).collect();
    for round in 0..121 {
        world.wait("30s");
        let state = if round % 2 == 0 { "CRITICAL" } else { "OK" };
        for name in &names {
            if icinga_counts && round == 7 {
                world.happens(name, flapping(true, State::Critical));
            }
            world.reported(name, state, |_| {});
        }
    }
    for name in &names {
        world.reported(name, "OK", |_| {});
        if icinga_counts {
            world.happens(name, flapping(false, State::Ok));
        }
    }
    world.wait("3h");
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for line in world.told() {
        let object = line.split(' ').nth(2).expect("it is about an object");
        *told.entry(object.to_owned()).or_default() += 1;
    }
    assert_eq!(told.len(), services, "each was told of");
    told
}

#[test]
fn an_object_behind_a_bad_line_is_told_of_five_times_at_most() {
    for icinga_counts in [false, true] {
        let told = behind_a_bad_line(10, icinga_counts);
        let most = told.values().max().copied().unwrap_or_default();
        assert!(most <= 5, "with Icinga's own detection: {icinga_counts}; {told:?}");
    }
}

/// What a real ircd shows of a storm that a real Watchbell takes in: `services` change
/// within a moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_channel_stays_readable_and_nobody_quits_for_flood() {
    const SERVICES: usize = 1000;
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let server = Ngircd::start(dir.path());
    let mut icinga = FakeIcinga::start(dir.path(), "r2.14.0").await;
    let site = Site::new(dir.path());
    let irc = format!(
        "[sink.irc.chat]\nserver = \"127.0.0.1:{}\"\ntls = false\nnick = \"watchbell\"\n\
         [target.ops]\nsink = \"chat\"\nto = \"#ops\"\n",
        server.port
    );
    site.configure(&[site.icinga_of(&icinga.settings(), "botpw"), irc]);
    let mut reader = Client::connect(server.port, "reader", None);
    reader.join("#ops");
    let _watchbell = site.start();
    let mut stream = icinga.stream().await;
    reader.expect_line("JOIN :#ops");
    let lines = tokio::task::spawn_blocking(move || {
        let sum = std::cell::Cell::new(0);
        reader.lines_until(|line| {
            let Some((_, text)) = line.split_once("PRIVMSG #ops :") else { return false };
            sum.set(sum.get() + told_by(text));
            sum.get() >= SERVICES
        })
    });
    for number in 0..SERVICES {
        stream.line(&hard_critical(number)).await;
    }
    let lines = lines.await.expect("all of them are told");
    let said: Vec<&str> =
        lines.iter().filter_map(|line| Some(line.split_once("PRIVMSG #ops :")?.1)).collect();
    assert_eq!(said.iter().map(|text| told_by(text)).sum::<usize>(), SERVICES, "{said:#?}");
    assert!(said.len() <= 60, "two minutes at the most: {said:#?}");
    assert!(!lines.iter().any(|line| line.contains(" QUIT ")), "{lines:#?}");
}

/// For how many changes a line in the channel stands; the lines of groups for none, and a
/// busy machine may have Watchbell add a word of its own.
fn told_by(text: &str) -> usize {
    let states = text.split_once(" changes since ").and_then(|(_, rest)| rest.split_once(": "));
    let counted = states.and_then(|(_, states)| states.split_once(" CRITICAL")?.0.parse().ok());
    counted.unwrap_or(usize::from(text.contains("!service") && !text.contains("problem")))
}

/// A line of Icinga's: a service is found to be broken.
fn hard_critical(number: usize) -> String {
    let moment = 1_795_000_000.0 + number as f64 / 1000.0;
    serde_json::json!({
        "type": "StateChange", "timestamp": moment, "host": format!("host{}", number % 20),
        "service": format!("service{number}"), "state": 2, "state_type": 1,
        "downtime_depth": 0, "acknowledgement": false,
        "check_result": {
            "output": "no route", "execution_end": moment, "exit_status": 2, "performance_data": [],
            "check_source": "fake", "state": 2,
            "vars_before": {"attempt": 3, "reachable": true, "state": 0, "state_type": 1},
            "vars_after": {"attempt": 3, "reachable": true, "state": 2, "state_type": 1},
        },
    })
    .to_string()
}
