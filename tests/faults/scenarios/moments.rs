//! Killed at moments that a load alone does not reach.

use super::disk::{Disk, NO_DISK, SMALL};
use crate::Campaign;
use crate::common::ircd::Inspircd;
use crate::common::wait_for;
use crate::common::watchbell::Site;
use crate::far_side::{Chat, Ircd, LISTENER};
use crate::report::Verdict;
use crate::round::Round;
use crate::router::{Manner, NO_STRACE, Router, can_trace};
use rand::RngExt;
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a moment may take to be reached.
const REACHED: Duration = Duration::from_secs(30);

/// How long a command may take from the channel to the point.
const HEARD: Duration = Duration::from_secs(20);

/// The schema of a Watchbell before fates were kept.
const OLD_SCHEMA: [&str; 3] = [
    include_str!("../../../src/store/migrations/001_first.sql"),
    include_str!("../../../src/store/migrations/002_facts.sql"),
    include_str!("../../../src/store/migrations/003_journal.sql"),
];
/// Deliveries that an old database holds.
const OLD: std::ops::RangeInclusive<i64> = 900_000_001..=900_000_003;

fn dies_at(point: &str, passages: usize) -> Manner {
    Manner { failpoints: Some(format!("{point}={passages}*off->return")), ..Manner::default() }
}

/// Only a checkpoint writes to the database file itself: `strace` kills at such a write.
pub(crate) async fn in_a_checkpoint(campaign: &mut Campaign) -> Verdict {
    if !can_trace() {
        return Verdict::Skipped(NO_STRACE.to_owned());
    }
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    // On a small disk the WAL is folded every few seconds.
    let folder = campaign.ground.folder().await;
    let Some(disk) = Disk::mount(&folder, SMALL) else { return Verdict::Skipped(NO_DISK.to_owned()) };
    let mut round = Round::begin_at(&mut campaign.ground, folder, disk.store(), rate, seed);
    let mut faults = Vec::new();
    round.kill();
    for _ in 0..times {
        let write = campaign.chance.random_range(1..200);
        let file = disk.store();
        let strace = [
            "-P".to_owned(),
            file.display().to_string(),
            "-e".to_owned(),
            "trace=pwrite64".to_owned(),
            "-e".to_owned(),
            format!("inject=pwrite64:signal=SIGKILL:when={write}"),
        ];
        round.launch(&Manner { strace: strace.to_vec(), ..Manner::default() });
        round.catch_up();
        if round.router.ended_within(REACHED).is_none() {
            faults.push(format!("no checkpoint came to its write {write}"));
            round.router.kill();
        }
        round.died();
    }
    round.start();
    round.wait(0.5).await;
    Verdict::of(round.end().await).and(format!("{times} times"), faults)
}

/// New rules are read and tested, and not yet in force.
pub(crate) async fn in_a_swap_of_rules(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    round.kill();
    for number in 0..times {
        round.launch(&dies_at("rules.swap", 0));
        round.catch_up();
        let rules = round.site.read("rules/campaign.rhai");
        round.site.replace("rules/campaign.rhai", &format!("{rules}\n// {number}\n"));
        if round.router.ended_within(REACHED).is_none() {
            faults.push("the rules were not swapped".to_owned());
            round.router.kill();
        }
        round.died();
    }
    round.start();
    round.wait(0.5).await;
    Verdict::of(round.end().await).and(format!("{times} times"), faults)
}

/// Each step of a new database, and the first step that an old one needs, in which
/// something waits.
pub(crate) async fn in_a_migration(campaign: &mut Campaign) -> Verdict {
    let folder = campaign.ground.folder().await;
    let (mut deaths, mut faults) = (0, Vec::new());
    for time in 1..=campaign.times {
        deaths += of_a_new_database(campaign, &folder.join(format!("new-{time}")), &mut faults);
        deaths += of_an_old_database(campaign, &folder.join(format!("old-{time}")), &mut faults);
    }
    let note =
        format!("{deaths} deaths; what waited in an old database was told, each of {} times", campaign.times);
    Verdict::Measured { note, faults }
}

/// Dies in each step: how many there were.
fn of_a_new_database(campaign: &Campaign, folder: &Path, faults: &mut Vec<String>) -> usize {
    let new = Installed::new(campaign, folder);
    // Each start comes one step further, and dies in the next.
    let steps = (0..).take_while(|step| new.dies(&dies_at("migration.inside", 1.min(*step)))).count();
    if steps <= OLD_SCHEMA.len() {
        faults.push(format!("a new database died in {steps} steps only"));
    }
    if new.dies(&Manner::default()) {
        faults.push("the new database cannot be used after that".to_owned());
    }
    steps
}

/// Dies in the first step that it needs: how often it died.
fn of_an_old_database(campaign: &Campaign, folder: &Path, faults: &mut Vec<String>) -> usize {
    let old = Installed::new(campaign, folder);
    make_old(&old.store).expect("the database can be made");
    let heard = campaign.ground.ears.count();
    let died = old.dies(&dies_at("migration.inside", 0));
    if !died {
        faults.push("no step of the old database was reached".to_owned());
    }
    let mut router = Router::start(&old.site.path(""), &old.log, &Manner::default());
    if router.ready().is_none() {
        faults.push("the old database cannot be used after that".to_owned());
    }
    let ears = campaign.ground.ears.clone();
    wait_for("what waited in the old database to be told", REACHED, || {
        let told = ears.since(heard);
        OLD.into_iter()
            .all(|number| told.iter().any(|told| told.number == Some(number.cast_unsigned())))
            .then_some(())
    });
    router.kill();
    usize::from(died)
}

/// An installation that runs only now and then.
struct Installed {
    site: Site,
    store: PathBuf,
    log: PathBuf,
}

impl Installed {
    fn new(campaign: &Campaign, folder: &Path) -> Installed {
        fs::create_dir_all(folder).expect("the folder can be made");
        let store = folder.join("watchbell.db");
        Installed { site: campaign.ground.install(folder, &store), store, log: folder.join("log") }
    }

    /// Starts it: whether it dies before it has caught up. Otherwise it is killed then.
    fn dies(&self, manner: &Manner) -> bool {
        let mut router = Router::start(&self.site.path(""), &self.log, manner);
        let is_ready = router.ready().is_some();
        if is_ready {
            router.kill();
        }
        !is_ready
    }
}

fn make_old(store: &Path) -> rusqlite::Result<()> {
    let database = Connection::open(store)?;
    OLD_SCHEMA.iter().try_for_each(|sql| database.execute_batch(sql))?;
    database.pragma_update(None, "user_version", OLD_SCHEMA.len() as i64)?;
    for number in OLD {
        database.execute(
            "INSERT INTO deliveries (key, at, sink, target, recipient, lane, event, object, rule, message)
             VALUES ('old-' || ?1, unixepoch() * 1000000, 'hook', 'hook', '',
                 'hook' || char(31) || char(31) || 'host0', 'StateChange',
                 'host0', 'campaign', '{\"text\": \"host0!svc9 is WARNING: n=' || ?1 || '\", \"severity\": 0}')",
            [number],
        )?;
    }
    Ok(())
}

/// A command is heard, kept, asked of Icinga: dies after each. Who commands has an account, so
/// the network is one with services.
pub(crate) async fn around_a_command(campaign: &mut Campaign) -> Verdict {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let server = Inspircd::start_with_services(folder.path());
    server.register(LISTENER, "oraclepw");
    let chat = Chat::start(Ircd::Inspircd(server), campaign.ground.ears.clone()).await;
    chat.tell("NickServ", "IDENTIFY oraclepw");
    let usual = std::mem::replace(&mut campaign.ground.chat, chat);
    let verdict = commands_that_kill(campaign).await;
    campaign.ground.chat = usual;
    verdict
}

async fn commands_that_kill(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    let mut said = Vec::new();
    // The point, and how often the comment may stand in Icinga then.
    let points = [("chat.heard", 0..=0), ("action.due", 1..=1), ("action.answered", 1..=2)];
    for (point, may) in points.iter().flat_map(|point| std::iter::repeat_n(point, times)) {
        round.kill();
        round.launch(&dies_at(point, 0));
        round.catch_up();
        let words = format!("campaign {seed} {}", said.len());
        wait_for("watchbell in the channel", REACHED, || {
            round.router.logged().contains("connected sink=\"chat\"").then_some(())
        });
        // Again only where it was not heard: each that is heard is one comment.
        let reached = (0..5).any(|_| {
            round.ground.chat.say(&format!("!comment host0!svc5 {words}"));
            round.router.ended_within(HEARD).is_some()
        });
        if !reached {
            faults.push(format!("{point} was not reached"));
            round.router.kill();
        }
        round.died();
        round.start();
        said.push((point, words, may.clone()));
    }
    wait_for("all that was asked of Icinga to be done", REACHED, || {
        let sql = "SELECT count(*) FROM actions WHERE status = 'pending'";
        let pending: i64 = round.database().query_row(sql, [], |row| row.get(0)).expect("it can be read");
        (pending == 0).then_some(())
    });
    let comments = round.ground.icinga.call(reqwest::Method::GET, "/v1/objects/comments", Value::Null).await;
    let texts: Vec<&str> = comments["results"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|comment| comment["attrs"]["text"].as_str())
        .collect();
    for (point, words, may) in said {
        let stands = texts.iter().filter(|text| **text == words).count();
        if !may.contains(&stands) {
            faults.push(format!("{point}: the comment stands {stands} times in Icinga"));
        }
    }
    Verdict::of(round.end().await).and(format!("{times} times each"), faults)
}
