//! One round: a new Watchbell under load, the faults that a scenario brings about, and
//! what came of it.

use crate::common::channel::now;
use crate::common::wait_for;
use crate::common::watchbell::Site;
use crate::ground::{Ground, tells};
use crate::judge::{Case, Driven, Gap, Gaps, Moment, Sink, Tally, judge};
use crate::load::{Field, Load, States, last_states};
use crate::router::{Manner, Router};
use regex::Regex;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use watchbell::model::Timestamp;

/// What happened so shortly before a death may not have been kept: Icinga 2.13 at times
/// keeps events to itself for 5 s.
const LAST_BREATH: f64 = 6.0;
/// What Icinga says so shortly after the catching up is still part of it.
const FIRST_BREATH: f64 = 0.5;
/// How long the first look may take. What is a problem then is counted, not told one by
/// one, so the load waits for it.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// How long nothing may be told while something waits: on a machine with other work all of it may
/// take much longer.
const SETTLE: Duration = Duration::from_secs(120);
/// How long nothing more may come before a round is over.
const QUIET: Duration = Duration::from_millis(700);

/// Icinga 2.13 may keep the last events of a burst to itself for 5 s.
const ICINGA_KEEPS: Duration = Duration::from_secs(6);

static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bn=(\d+)").expect("a regular expression"));

/// A round that is going on.
pub(crate) struct Round<'a> {
    pub(crate) ground: &'a mut Ground,
    pub(crate) site: Site,
    pub(crate) router: Router,
    pub(crate) deaths: usize,
    /// Whether an Icinga that is heard again may have forgotten something.
    pub(crate) icinga_forgets: bool,
    /// How many deaths of any side may have left something that comes twice.
    may_repeat: usize,
    /// Times from a start to having caught up.
    pub(crate) ready: Vec<Duration>,
    store: PathBuf,
    log: PathBuf,
    /// Of the next load.
    seed: u64,
    field: Field,
    load: Option<Load>,
    /// By loads that have ended.
    driven: Vec<Driven>,
    heard_before: usize,
    gaps: Vec<Gap>,
    silent_since: Option<Moment>,
    /// The newest change that was kept when it was killed with a bad disk, and when that was.
    unkept: Vec<(u64, Moment)>,
}

/// What came of a round.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) deaths: usize,
    /// How many deaths of any side may have left something that comes twice.
    pub(crate) may_repeat: usize,
    pub(crate) ready: Vec<Duration>,
    pub(crate) dead: usize,
    pub(crate) panics: usize,
    /// The log, for whoever has to find out.
    pub(crate) log: PathBuf,
}

impl<'a> Round<'a> {
    /// Starts a Watchbell, and the load once it has caught up.
    pub(crate) async fn begin(ground: &'a mut Ground, rate: f64, seed: u64) -> Round<'a> {
        let folder = ground.folder().await;
        let store = folder.join("watchbell.db");
        Round::begin_at(ground, folder, store, rate, seed)
    }

    /// The same, with the database at a place of the scenario's own.
    pub(crate) fn begin_at(
        ground: &'a mut Ground,
        folder: PathBuf,
        store: PathBuf,
        rate: f64,
        seed: u64,
    ) -> Round<'a> {
        let site = ground.install(&folder, &store);
        let log = folder.join("log");
        let mut router = Router::start(&site.path(""), &log, &Manner::default());
        let ready = router.ready().unwrap_or_else(|| panic!("it does not start: {}", router.logged()));
        wait_for("the first look to be kept", FIRST_LOOK, || (looks_kept(&store) > 0).then_some(()));
        let heard_before = ground.ears.count();
        let field = ground.field(rate);
        let mut round = Round {
            ground,
            site,
            router,
            deaths: 0,
            icinga_forgets: true,
            may_repeat: 0,
            ready: vec![ready],
            store,
            log,
            seed,
            field,
            load: None,
            driven: Vec::new(),
            heard_before,
            gaps: Vec::new(),
            silent_since: None,
            unkept: Vec::new(),
        };
        round.drive(BTreeMap::new());
        round
    }

    /// Starts the load; objects have these states.
    fn drive(&mut self, states: States) {
        self.load = Some(Load::start(&self.ground.icinga, &self.field, self.seed, states));
        self.seed = self.seed.wrapping_add(1);
    }

    /// Ends the load, until [`Round::drive`].
    async fn rest(&mut self) {
        let driven = self.load.take().expect("it runs until the end").end().await;
        self.driven.extend(driven);
    }

    /// Lets things go on for a time.
    pub(crate) async fn wait(&self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// Nothing is heard of Icinga from now on, until the next catching up.
    pub(crate) fn goes_deaf(&mut self) {
        self.silent_since.get_or_insert(now() - LAST_BREATH);
    }

    /// Everything is heard again from now on.
    pub(crate) fn hears_again(&mut self) {
        if let Some(from) = self.silent_since.take() {
            self.gaps.push(Gap { from, to: now() + FIRST_BREATH, forgot: None });
        }
    }

    /// It turned out that everything was heard all the time.
    pub(crate) fn never_deaf(&mut self) {
        self.silent_since = None;
    }

    /// Icinga was killed and has started again, perhaps with old states: changes each object
    /// that was driven once more. Gives the objects that until then stood otherwise in Icinga
    /// than was told last.
    pub(crate) async fn wake_icinga(&mut self) -> Vec<String> {
        self.rest().await;
        self.all_told().await;
        let truth = self.truth().await;
        let told = self.ground.ears.since(self.heard_before);
        let mut believed: BTreeMap<&str, u8> = BTreeMap::new();
        told.iter().filter(|told| told.sink == Sink::Hook).for_each(|told| {
            believed.insert(&told.object, told.state);
        });
        let is_wrong =
            |(object, state): &(&String, &u8)| believed.get(object.as_str()).unwrap_or(&0) != *state;
        let wrong = truth
            .iter()
            .filter(is_wrong)
            .map(|(object, state)| {
                format!(
                    "{object}: Icinga came back with {state}, told was {}",
                    believed.get(object.as_str()).unwrap_or(&0)
                )
            })
            .collect();
        let others: States = last_states(&self.driven)
            .into_keys()
            .map(|object| {
                let other = (truth.get(&object).copied().unwrap_or(0) + 1) % 3;
                (object, other)
            })
            .collect();
        self.driven.extend(Load::once(&self.ground.icinga, &self.field, &others).await);
        self.all_told().await;
        let from = self.silent_since.take().expect("Icinga was killed before");
        self.gaps.push(Gap { from, to: now() + FIRST_BREATH, forgot: Some(from + LAST_BREATH) });
        self.drive(others);
        wrong
    }

    /// Waits until nothing is left to be told of what Icinga has said.
    async fn all_told(&self) {
        self.wait(ICINGA_KEEPS.as_secs_f64()).await;
        while self.count("pending") > 0 {
            self.wait(0.1).await;
        }
        self.wait(QUIET.as_secs_f64()).await;
    }

    /// Kills Watchbell at once.
    pub(crate) fn kill(&mut self) {
        self.router.kill();
        self.died();
    }

    /// Kills Watchbell at once where its disk has failed in its life, whatever it says by now.
    pub(crate) fn kill_with_a_bad_disk(&mut self) {
        self.kill();
        self.unkept.push((newest_kept(&self.store), now()));
    }

    /// It has ended. If its disk still failed, what it had not been able to keep is not promised,
    /// but for the state that it left.
    pub(crate) fn leaves_unkept(&mut self) {
        if self.router.disk_fails() {
            self.unkept.push((newest_kept(&self.store), now()));
        }
    }

    /// Watchbell is dead.
    pub(crate) fn died(&mut self) {
        self.goes_deaf();
        self.leaves_unkept();
        self.deaths += 1;
        self.may_repeat += 1;
    }

    /// The far side of a sink died or refused, perhaps with something it had heard.
    pub(crate) fn sink_died(&mut self) {
        self.may_repeat += 1;
    }

    /// Starts it again, and does not wait for it.
    pub(crate) fn launch(&mut self, manner: &Manner) {
        self.router = Router::start(&self.site.path(""), &self.log, manner);
    }

    /// Waits until it has caught up; false if it died before.
    pub(crate) fn catch_up(&mut self) -> bool {
        let Some(ready) = self.router.ready() else { return false };
        self.ready.push(ready);
        self.hears_again();
        true
    }

    /// Starts it again, and waits until it has caught up.
    pub(crate) fn start(&mut self) {
        self.launch(&Manner::default());
        assert!(self.catch_up(), "it does not start: {}", self.router.logged());
    }

    /// How many deliveries of a status the database holds.
    pub(crate) fn count(&self, status: &str) -> usize {
        let count: i64 = self
            .database()
            .query_row("SELECT count(*) FROM deliveries WHERE status = ?1", [status], |row| row.get(0))
            .expect("the database can be read");
        usize::try_from(count).expect("a count")
    }

    /// The database, as an operator sees it.
    pub(crate) fn database(&self) -> Connection {
        open(&self.store)
    }

    /// Ends the load, lets everything be told, and judges.
    pub(crate) async fn end(mut self) -> Outcome {
        let tally = self.settled().await;
        self.router.kill();
        self.outcome(tally)
    }

    /// What came of it so far: the load rests until everything is told.
    pub(crate) async fn so_far(&mut self) -> Outcome {
        let tally = self.settled().await;
        self.drive(last_states(&self.driven));
        self.outcome(tally)
    }

    async fn settled(&mut self) -> Tally {
        self.rest().await;
        assert!(self.silent_since.is_none(), "a scenario ends with a Watchbell that runs");
        let truth = self.truth().await;
        let mut quiet = (self.ground.ears.count(), Instant::now());
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let count = self.ground.ears.count();
            if count != quiet.0 {
                quiet = (count, Instant::now());
            }
            let is_late = quiet.1.elapsed() > SETTLE;
            if !is_late && (quiet.1.elapsed() < QUIET || self.count("pending") > 0) {
                continue;
            }
            // Judging takes a while, and what is told meanwhile is not in the tally.
            let is_over = is_late || quiet.1.elapsed() > ICINGA_KEEPS + QUIET;
            let tally = self.judge(&truth);
            if is_over || tally.lost.is_empty() {
                return tally;
            }
        }
    }

    fn outcome(&self, tally: Tally) -> Outcome {
        let log = fs::read(&self.log).expect("the log can be read");
        Outcome {
            tally,
            deaths: self.deaths,
            may_repeat: self.may_repeat,
            ready: self.ready.clone(),
            dead: self.count("dead"),
            panics: String::from_utf8_lossy(&log).matches("panicked at").count(),
            log: self.log.clone(),
        }
    }

    /// The states that Icinga has now.
    async fn truth(&self) -> BTreeMap<String, u8> {
        let path = "/v1/objects/services?attrs=__name&attrs=state";
        let answer = self.ground.icinga.call(reqwest::Method::GET, path, Value::Null).await;
        let services = answer["results"].as_array().expect("a list").iter().map(|service| {
            let name = service["attrs"]["__name"].as_str().expect("a name").to_owned();
            (name, service["attrs"]["state"].as_f64().expect("a state") as u8)
        });
        services.collect()
    }

    fn judge(&self, truth: &BTreeMap<String, u8>) -> Tally {
        let told = self.ground.ears.since(self.heard_before);
        let gaps = Gaps::new([self.gaps.clone(), self.logged_gaps(), self.unkept_gaps()].concat());
        let case =
            Case { driven: &self.driven, told: &told, gaps: &gaps, folded: &self.folded(), truth, tells };
        judge(&case)
    }

    /// What the database says was folded into a later message.
    fn folded(&self) -> BTreeSet<(Sink, u64)> {
        let database = self.database();
        let mut rows = database
            .prepare("SELECT sink, message FROM deliveries WHERE status IN ('superseded', 'digested')")
            .expect("the table is there");
        let rows = rows
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
            .expect("it can be read");
        rows.flatten()
            .filter_map(|(name, message)| {
                let sink = Sink::ALL.into_iter().find(|sink| sink.name() == name)?;
                let number = NUMBER.captures(&message)?[1].parse().ok()?;
                Some((sink, number))
            })
            .collect()
    }

    /// What had not been kept when it was killed with a bad disk.
    fn unkept_gaps(&self) -> Vec<Gap> {
        let gap = |(number, to): &(u64, Moment)| {
            let kept = self.driven.iter().find(|change| change.number == *number);
            Gap { from: kept.map_or(0.0, |kept| kept.began) - FIRST_BREATH, to: *to, forgot: None }
        };
        self.unkept.iter().map(gap).collect()
    }

    /// The gaps that Watchbell itself has logged: the stream broke, and it caught up. An
    /// Icinga that ends may have taken results that its next life does not know.
    fn logged_gaps(&self) -> Vec<Gap> {
        let text = String::from_utf8_lossy(&fs::read(&self.log).expect("the log can be read")).into_owned();
        let moment = |line: &str| {
            let at: Timestamp = line.split_whitespace().next()?.parse().ok()?;
            Some(at.as_duration().as_secs_f64())
        };
        let mut gaps = Vec::new();
        let mut broken = None;
        for line in text.lines() {
            if line.contains("connects again") {
                broken = broken.or(moment(line));
            } else if line.contains("caught up")
                && let (Some(from), Some(to)) = (broken.take(), moment(line))
            {
                let to = to + 2.0 * FIRST_BREATH;
                let forgot = self.icinga_forgets.then_some(from);
                gaps.push(Gap { from: from - LAST_BREATH, to, forgot });
            }
        }
        gaps
    }
}

/// How many readings of all objects have been judged and kept.
pub(crate) fn looks_kept(store: &Path) -> i64 {
    let count = "SELECT count(*) FROM decisions WHERE event = 'Gap'";
    open(store).query_row(count, [], |row| row.get(0)).unwrap_or(0)
}

/// The number of the newest change that was kept; 0 if none was.
fn newest_kept(store: &Path) -> u64 {
    let database = open(store);
    let mut rows = database
        .prepare("SELECT message FROM deliveries WHERE sink = 'hook' ORDER BY id DESC LIMIT 1000")
        .expect("the table is there");
    let messages = rows.query_map([], |row| row.get::<_, String>(0)).expect("it can be read");
    let number = |message: String| NUMBER.captures(&message).and_then(|found| found[1].parse().ok());
    messages.flatten().filter_map(number).max().unwrap_or(0)
}

/// The database, to be read beside its writer.
pub(crate) fn open(store: &Path) -> Connection {
    let connection =
        Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database opens");
    connection.busy_timeout(Duration::from_secs(10)).expect("it can be set");
    connection
}
