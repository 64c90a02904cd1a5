//! The far side away, refusing, full; and much that waits for it.

use crate::Campaign;
use crate::common::ircd::Inspircd;
use crate::common::wait_for;
use crate::far_side::{Chat, Ircd};
use crate::judge::Sink;
use crate::report::Verdict;
use crate::round::Round;
use crate::router::{Manner, Router};
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// How many deliveries wait, and on how many lanes.
const WAITING: i64 = 100_000;
const LANES: i64 = 1000;
/// Ready so soon, in a build for use.
const READY: Duration = Duration::from_secs(2);
/// Icinga may grow by so many MiB while no sink takes anything, for however long.
const MOST_GROWN: u64 = 50;
/// No start may take so long, in any build on any machine.
const MUCH_TOO_LATE: Duration = Duration::from_secs(30);

/// ngircd is killed and comes back.
pub(crate) async fn ircd_killed(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    for cycle in 1..=times {
        round.wait(1.5).await;
        round.ground.chat.kill();
        round.wait(1.0).await;
        round.ground.chat.restart();
        // What was said and not yet proved when the server died is said again.
        round.sink_died();
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(1.0).await;
    Verdict::of(round.end().await).and(format!("{times} times"), Vec::new())
}

/// The same with InspIRCd, which proves in other words that it has taken a line.
pub(crate) async fn inspircd_killed(campaign: &mut Campaign) -> Verdict {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let server = Ircd::Inspircd(Inspircd::start_with_services(folder.path()));
    let chat = Chat::start(server, campaign.ground.ears.clone()).await;
    let usual = std::mem::replace(&mut campaign.ground.chat, chat);
    let verdict = ircd_killed(campaign).await;
    campaign.ground.chat = usual;
    verdict
}

/// The mail server is killed, busy, and full.
pub(crate) async fn mail_server_killed_and_full(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    for cycle in 1..=times {
        round.wait(1.0).await;
        round.ground.mail.kill();
        round.wait(1.0).await;
        round.ground.mail.restart();
        round.wait(1.0).await;
        for answer in ["451 4.7.1 come back later", "452 4.3.1 the disk is full"] {
            round.ground.mail.refuse(Some(answer));
            round.wait(1.0).await;
        }
        round.ground.mail.refuse(None);
        round.sink_died();
        campaign.progress.done(cycle, &mut round).await;
    }
    Verdict::of(round.end().await).and(format!("{times} times each"), Vec::new())
}

/// All sinks down under load: reading goes on, and Icinga does not grow.
pub(crate) async fn all_down(campaign: &mut Campaign) -> Verdict {
    // Icinga 2.13 may keep all of it to itself for 5 s.
    let seconds = campaign.pick(8.0, 600.0);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    round.wait(1.0).await;
    let before = round.ground.icinga.resident_bytes() >> 20;
    round.ground.chat.gate.set_open(false);
    round.ground.mail.refuse(Some("451 4.7.1 come back later"));
    round.ground.hook.answer(503);
    round.wait(seconds).await;
    let after = round.ground.icinga.resident_bytes() >> 20;
    let waiting = round.count("pending");
    round.ground.chat.open();
    round.ground.mail.refuse(None);
    round.ground.hook.answer(200);
    let note = format!("for {seconds} s, {waiting} waited; Icinga went from {before} to {after} MiB");
    round.sink_died();
    let grown = after.saturating_sub(before);
    let faults = (grown > MOST_GROWN).then(|| format!("Icinga grew by {grown} MiB"));
    let faults = faults.into_iter().chain((waiting == 0).then(|| "nothing waited".to_owned()));
    Verdict::of(round.end().await).and(note, faults.collect())
}

/// A start with very much that waits: it is ready soon, and what is new is told at once
/// where the sink works.
pub(crate) async fn much_waits(campaign: &mut Campaign) -> Verdict {
    let folder = campaign.ground.folder().await;
    let store = folder.join("watchbell.db");
    let (site, log) = (campaign.ground.install(&folder, &store), folder.join("log"));
    let mut router = Router::start(&site.path(""), &log, &Manner::default());
    let usual = router.ready().expect("it starts");
    router.kill();
    campaign.ground.hook.answer(503);
    let mut database = Connection::open(&store).expect("the database opens");
    fill(&mut database).expect("the database can be written");
    drop(database);

    let mut router = Router::start(&site.path(""), &log, &Manner::default());
    let ready = router.ready().expect("it starts");
    let (ears, heard) = (campaign.ground.ears.clone(), campaign.ground.ears.count());
    let began = Instant::now();
    campaign.ground.icinga.check_result("host0!svc0", 2, "n=999999999").await;
    wait_for("the channel to tell", MUCH_TOO_LATE, || {
        ears.since(heard).iter().any(|told| told.sink == Sink::Chat).then_some(())
    });
    let told = began.elapsed();
    router.kill();
    campaign.ground.hook.answer(200);
    let note = format!(
        "ready after {:.2} s ({:.2} s with nothing; {} s in a build for use), chat told after {:.2} s",
        ready.as_secs_f64(),
        usual.as_secs_f64(),
        READY.as_secs(),
        told.as_secs_f64()
    );
    let late = (ready > MUCH_TOO_LATE).then(|| format!("ready after {ready:?}"));
    Verdict::Measured { note, faults: late.into_iter().collect() }
}

fn fill(database: &mut Connection) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    transaction.execute(
        "INSERT INTO deliveries (key, at, sink, target, recipient, lane, event, object, rule, message)
         WITH RECURSIVE numbers (number) AS
             (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1)
         SELECT 'waits-' || number, unixepoch() * 1000000, 'hook', 'hook', '',
             'hook' || char(31) || char(31) || 'host' || (number % ?2), 'StateChange', 'host' || (number % ?2), 'campaign', '{\"text\": \"waits\", \"severity\": 0}'
         FROM numbers",
        [WAITING, LANES],
    )?;
    transaction.commit()
}
