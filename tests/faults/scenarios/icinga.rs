//! Icinga read again, frozen, killed.

use crate::Campaign;
use crate::common::icinga::Icinga;
use crate::common::wait_for;
use crate::common::watchbell::Site;
use crate::report::Verdict;
use crate::round::{Round, looks_kept, open};
use crate::router::{Manner, Router};
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long it may take until Watchbell has caught up after a break.
const BACK: Duration = Duration::from_secs(120);
/// How long it may take from the first answer of Icinga's API, where nothing else is slow.
const IN_SYNC: Duration = Duration::from_secs(10);

/// Reading all objects of a large site may take no longer, and no more mebibytes.
const READ_WITHIN: Duration = Duration::from_secs(30);
const MEBIBYTES: u64 = 512;
const SERVICES_OF_HOST: usize = 49;

/// A large site is read at the first start, at the next one, and after a reload of Icinga.
pub(crate) async fn many_objects(campaign: &mut Campaign) -> Verdict {
    let hosts = campaign.pick(40, 2000);
    let folder = campaign.ground.folder().await;
    let icinga = Icinga::start_hard(&folder, hosts, SERVICES_OF_HOST).await;
    let site = Site::new(&folder);
    site.configure(&[site.icinga(&icinga), site.console()]);
    let store = site.path("watchbell.db");
    let (mut notes, mut faults) = (vec![format!("{} objects", hosts * (SERVICES_OF_HOST + 1))], Vec::new());
    let mut judge = |what: &str, took: Duration, router: &Router| {
        let words =
            format!("{what} after {:.1} s, {} MiB at most", took.as_secs_f64(), router.most_mebibytes());
        if took > READ_WITHIN || router.most_mebibytes() > MEBIBYTES {
            faults.push(words.clone());
        }
        notes.push(words);
    };
    let start = || Router::start(&site.path(""), &folder.join("log"), &Manner::default());

    let mut router = start();
    all_is_kept(&store, 0);
    judge("first start: judged and kept", router.age(), &router);
    router.kill();
    let before = looks_kept(&store);
    let mut router = start();
    all_is_kept(&store, before);
    judge("next start: judged and kept", router.age(), &router);

    // A service of each host is broken, so that there is something to tell twice.
    let body = json!({"type": "Service", "filter": "service.name == \"svc0\"", "exit_status": 2,
        "plugin_output": "before the reload"});
    icinga.api("/v1/actions/process-check-result", body).await;
    wait_for("all that is broken to be told", BACK, || (told(&store).len() == hosts).then_some(()));
    let before = looks_kept(&store);
    icinga.reload_and_wait().await;
    let back = Instant::now();
    all_is_kept(&store, before);
    judge("SIGHUP of Icinga: judged and kept", back.elapsed(), &router);
    // What comes last is judged last: all else that the reload led to is before it.
    icinga.check_result("host1!svc1", 2, "after the reload").await;
    wait_for("what broke after the reload to be told", BACK, || {
        told(&store).contains_key("host1!svc1").then_some(())
    });
    let told = told(&store);
    let wrong: Vec<_> = told.iter().filter(|(_, times)| **times != 1).collect();
    notes.push(format!("{} problems told before it or after it, {} of them twice", told.len(), wrong.len()));
    if told.len() != hosts + 1 || !wrong.is_empty() {
        let some: Vec<_> = wrong.iter().take(10).collect();
        faults.push(format!("{} objects were told of, not {}; not once: {some:?}", told.len(), hosts + 1));
    }
    router.kill();
    Verdict::Measured { note: notes.join("; "), faults }
}

fn all_is_kept(store: &Path, before: i64) {
    let is_kept = || store.exists() && looks_kept(store) > before;
    wait_for("all objects to be kept", BACK, || is_kept().then_some(()));
}

/// How often each object was told of.
fn told(store: &Path) -> HashMap<String, i64> {
    let database = open(store);
    let sql = "SELECT object, count(*) FROM deliveries WHERE object <> '' GROUP BY object";
    let mut statement = database.prepare(sql).expect("the table is there");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("it can be asked");
    rows.collect::<rusqlite::Result<_>>().expect("it can be read")
}

/// SIGHUP under load.
pub(crate) async fn reloads(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut longest = Duration::ZERO;
    for cycle in 1..=times {
        round.wait(1.0).await;
        let before = round.router.times_ready();
        round.ground.icinga.reload_and_wait().await;
        longest = longest.max(caught_up_again(&round, before));
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(1.0).await;
    let (note, late) = in_sync(longest);
    Verdict::of(round.end().await).and(format!("{times} times, {note}"), late)
}

/// How long it took at most since Icinga's API answered again, and whether that was too long.
fn in_sync(longest: Duration) -> (String, Vec<String>) {
    let note = format!("in sync {:.1} s after its API was back at most", longest.as_secs_f64());
    let late = (longest > IN_SYNC).then(|| note.clone());
    (note, late.into_iter().collect())
}

/// SIGSTOP and SIGCONT of all of Icinga. A short freeze breaks nothing; in a long one Watchbell
/// gives the connection up, and with it what Icinga had not handed over before.
pub(crate) async fn frozen(campaign: &mut Campaign) -> Verdict {
    let (seconds, breaks) = campaign.pick((4.0, false), (120.0, true));
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut longest = Duration::ZERO;
    for cycle in 1..=campaign.times {
        round.wait(1.0).await;
        let before = round.router.times_ready();
        if breaks {
            round.goes_deaf();
        }
        round.ground.icinga.freeze();
        round.wait(seconds).await;
        round.ground.icinga.thaw();
        if breaks {
            longest = longest.max(caught_up_again(&round, before));
            round.hears_again();
        }
        round.wait(2.0).await;
        campaign.progress.done(cycle, &mut round).await;
    }
    let (back, late) = if breaks { in_sync(longest) } else { ("nothing broke".to_owned(), Vec::new()) };
    let note = format!("{} times for {seconds} s, {back}", campaign.times);
    Verdict::of(round.end().await).and(note, late)
}

/// `kill -9` of Icinga under load: it comes back with states of before, and those are told.
pub(crate) async fn killed(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let (mut wrong, mut longest) = (Vec::new(), Duration::ZERO);
    for cycle in 1..=times {
        // It keeps its states when it reads its configuration again, so that those it
        // comes back with are not from before the round.
        let before = round.router.times_ready();
        round.ground.icinga.reload();
        caught_up_again(&round, before);
        round.wait(1.5).await;
        let before = round.router.times_ready();
        round.goes_deaf();
        round.ground.icinga.kill();
        round.ground.icinga.restart().await;
        longest = longest.max(caught_up_again(&round, before));
        wrong.extend(round.wake_icinga().await);
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(1.5).await;
    let (note, late) = in_sync(longest);
    wrong.extend(late);
    Verdict::of(round.end().await).and(format!("{times} times, {note}"), wrong)
}

/// Waits until it has caught up oftener than `before`: for how long.
pub(super) fn caught_up_again(round: &Round<'_>, before: usize) -> Duration {
    let begun = Instant::now();
    wait_for("watchbell to catch up again", BACK, || (round.router.times_ready() > before).then_some(()));
    begun.elapsed()
}
