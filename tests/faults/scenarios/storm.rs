//! Storms: very much changes at once, and few lines and mails tell all of it.

use crate::Campaign;
use crate::common::channel::now;
use crate::common::icinga::Icinga;
use crate::common::wait_for;
use crate::common::watchbell::Site;
use crate::ears::Heard;
use crate::far_side::CHANNEL;
use crate::judge::{Driven, Moment, Sink};
use crate::load::{Field, Load};
use crate::report::Verdict;
use crate::router::{Manner, Router};
use crate::witness::Witness;
use regex::Regex;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many services change in a second.
const RATE: f64 = 333.0;
const SERVICES_OF_HOST: usize = 50;
const MINUTE: f64 = 60.0;
/// What a channel hears in a minute, by default.
const LINES: usize = 30;
/// The first line comes so soon after Icinga's stream had the first change for anybody, and
/// where a digest has just been told, with the next one.
const FIRST_LINE: f64 = 2.0;
const NEXT_DIGEST: f64 = 20.0;
/// So much longer may it take: Icinga may have kept the event for this one of its readers, and
/// the machine is busy.
const BUSY: f64 = 5.0;
/// Icinga 2.13 at times keeps events for so long.
const ICINGA_KEEPS: Duration = Duration::from_secs(5);
/// How long all of it may take to be told: a mailbox gets a digest a minute.
const SETTLE: Duration = Duration::from_secs(300);
/// How often one object may be told of, however often it changes.
const MESSAGES: usize = 5;

const RULE: &str = r#"
rule("all", #{ on: "StateChange", hard: true }, |e| { e.notify("ops"); e.notify("mail"); });
"#;

/// All services of a site break within a minute, and then all of them are well again.
pub(crate) async fn storm(campaign: &mut Campaign) -> Verdict {
    let hosts = campaign.pick(40, 400);
    // A short run has no minutes to wait for: a mailbox of it hears a digest each 10 s.
    let mails = campaign.pick(12, 3);
    let folder = campaign.ground.folder().await;
    let icinga = Icinga::start_hard(&folder, hosts, SERVICES_OF_HOST).await;
    let site = campaign.ground.install(&folder, &folder.join("watchbell.db"));
    site.write("rules/campaign.rhai", RULE);
    site.configure(&[site.icinga(&icinga), ways_out(campaign, &folder, mails)]);
    let field = all_well(&icinga, hosts, SERVICES_OF_HOST, campaign).await;
    let mut router = start(&site, &folder);
    let mut notes = vec![at_work(campaign)];
    let witness = Witness::start(&icinga).await;

    let at_first = campaign.ground.ears.heard().len();
    let mut faults = Vec::new();
    for (what, state, soon) in [("broken", 2, FIRST_LINE), ("well", 0, NEXT_DIGEST)] {
        let heard_before = campaign.ground.ears.heard().len();
        let driven = Load::sweep(&icinga, &field, state).await;
        let told = || campaign.ground.ears.heard()[heard_before..].to_vec();
        wait_for("all of it to be told", SETTLE, || {
            [Sink::Chat, Sink::Mail].iter().all(|sink| sum(&told(), *sink) >= driven.len()).then_some(())
        });
        let (note, found) = judge(what, &told(), &driven, &witness, soon);
        notes.push(note);
        faults.extend(found);
    }
    let heard = &campaign.ground.ears.heard()[at_first..];
    for (sink, most) in [(Sink::Chat, LINES), (Sink::Mail, mails)] {
        let minute = most_in_a_minute(heard, sink);
        if minute > most {
            faults.push(format!("{} told {minute} within a minute", sink.name()));
        }
    }
    router.kill();
    Verdict::Measured { note: notes.join("; "), faults }
}

/// Services behind a bad line break and are well again in turns; the shipped rules judge it.
pub(crate) async fn flapping_link(campaign: &mut Campaign) -> Verdict {
    let (hosts, rounds) = (campaign.pick(3, 30), campaign.pick(12, 120));
    let each = 10;
    let folder = campaign.ground.folder().await;
    let icinga = Icinga::start_hard(&folder, hosts, each).await;
    let site = Site::new(&folder);
    let hook = campaign.ground.hook.port;
    let way_out =
        format!("[sink.webhook.hook]\nurl = \"http://127.0.0.1:{hook}/\"\n[target.ops]\nsink = \"hook\"\n");
    site.configure(&[site.icinga(&icinga), way_out]);
    let field = all_well(&icinga, hosts, each, campaign).await;
    let mut router = start(&site, &folder);
    let heard_before = campaign.ground.ears.heard().len();
    let mut driven = 0;
    for round in 0..rounds {
        driven += Load::sweep(&icinga, &field, if round % 2 == 0 { 2 } else { 0 }).await.len();
    }
    wait_for("each object to be told of", SETTLE, || {
        (messages(&campaign.ground.ears.heard()[heard_before..]).len() == hosts * each).then_some(())
    });
    tokio::time::sleep(ICINGA_KEEPS).await;
    let told = messages(&campaign.ground.ears.heard()[heard_before..]);
    router.kill();
    let most = told.values().max().copied().unwrap_or_default();
    let many = told.iter().filter(|(_, count)| **count > MESSAGES);
    let faults = many.map(|(object, count)| format!("{object} was told of {count} times")).collect();
    Verdict::Measured {
        note: format!("{driven} changes of {} services, {most} messages at most of one", hosts * each),
        faults,
    }
}

fn ways_out(campaign: &Campaign, folder: &Path, mails: usize) -> String {
    let (chat, mail) = (campaign.ground.chat.gate.port, campaign.ground.mail.port);
    format!(
        "[store]\npath = \"{}\"\n\
         [sink.irc.chat]\nserver = \"127.0.0.1:{chat}\"\ntls = false\nnick = \"watchbell\"\n\
         lines_per_second = 10\nburst = 10\n[target.ops]\nsink = \"chat\"\nto = \"{CHANNEL}\"\n\
         [sink.email.mail]\nserver = \"smtp://127.0.0.1:{mail}\"\ntls = \"off\"\nfrom = \"watchbell@lab.test\"\n\
         [target.mail]\nsink = \"mail\"\nto = \"ops@lab.test\"\nper_minute = {mails}\n",
        folder.join("watchbell.db").display()
    )
}

/// Every service has been checked once, and is OK.
async fn all_well(icinga: &Icinga, hosts: usize, each: usize, campaign: &Campaign) -> Field {
    for kind in ["Host", "Service"] {
        let body = json!({"type": kind, "filter": "true", "exit_status": 0, "plugin_output": "at first"});
        icinga.api("/v1/actions/process-check-result", body).await;
    }
    let service = |number| format!("host{}!svc{}", number / each, number % each);
    Field {
        objects: (0..hosts * each).map(service).collect(),
        rate: RATE,
        numbers: Arc::clone(&campaign.ground.field(RATE).numbers),
    }
}

fn start(site: &Site, folder: &Path) -> Router {
    let mut router = Router::start(&site.path(""), &folder.join("log"), &Manner::default());
    assert!(router.ready().is_some(), "it does not start: {}", router.logged());
    router
}

/// Waits until Watchbell has judged all that it read first: it answers in turn. How long
/// that took since it had read it.
fn at_work(campaign: &Campaign) -> String {
    let (asked, before) = (now(), campaign.ground.ears.heard().len());
    campaign.ground.chat.say("!ping");
    wait_for("an answer", SETTLE, || {
        campaign.ground.ears.heard()[before..].iter().any(|heard| heard.text.contains("pong")).then_some(())
    });
    format!("the first look was judged after {:.1} s", now() - asked)
}

/// What came of one storm, and what is wrong with it.
fn judge(
    what: &str,
    heard: &[Heard],
    driven: &[Driven],
    witness: &Witness,
    soon: f64,
) -> (String, Vec<String>) {
    let began = driven.first().expect("there are services").began;
    let took = driven.iter().map(|change| change.ended - began).fold(0.0, f64::max);
    let (could, late) = witness.of(driven).expect("Icinga told them");
    let first = first_line(heard, could);
    let last = heard.last().map_or(0.0, |heard| heard.at - began);
    let in_minute = |sink| {
        let soon = |heard: &&Heard| heard.sink == sink && heard.at < began + MINUTE;
        heard.iter().filter(soon).count()
    };
    let note = format!(
        "{} {what} in {took:.0} s: Icinga told the first after {:.1} s, each within {late:.1} s; first line {first:.1} s \
         later, {} lines and {} mails in the first minute, all told after {last:.0} s",
        driven.len(),
        could - began,
        in_minute(Sink::Chat),
        in_minute(Sink::Mail)
    );
    let mut faults = Vec::new();
    if first > soon + BUSY {
        faults.push(format!("{what}: the first line came after {first:.1} s"));
    }
    for sink in [Sink::Chat, Sink::Mail] {
        let sum = sum(heard, sink);
        if sum != driven.len() {
            faults.push(format!(
                "{what}: {} told {sum} of {}: {}",
                sink.name(),
                driven.len(),
                said(heard, sink)
            ));
        }
    }
    (note, faults)
}

/// All that a sink said that stands for changes.
fn said(heard: &[Heard], sink: Sink) -> String {
    let counted = heard.iter().filter(|heard| heard.sink == sink && heard.stands_for > 0);
    counted.map(|heard| heard.text.as_str()).collect::<Vec<_>>().join(" | ")
}

fn first_line(heard: &[Heard], began: Moment) -> f64 {
    let tells = |heard: &&Heard| heard.sink == Sink::Chat && heard.stands_for > 0;
    heard.iter().find(tells).map_or(f64::MAX, |heard| heard.at - began)
}

/// For how many changes all that a sink said stands.
fn sum(heard: &[Heard], sink: Sink) -> usize {
    heard.iter().filter(|heard| heard.sink == sink).map(|heard| heard.stands_for).sum()
}

fn most_in_a_minute(heard: &[Heard], sink: Sink) -> usize {
    let of_sink: Vec<&Heard> = heard.iter().filter(|heard| heard.sink == sink).collect();
    let from = |first: &&Heard| {
        of_sink.iter().filter(|other| other.at >= first.at && other.at < first.at + MINUTE).count()
    };
    of_sink.iter().map(from).max().unwrap_or(0)
}

/// How many messages tell of each object.
fn messages(heard: &[Heard]) -> BTreeMap<String, usize> {
    let object = Regex::new(r#""object":\s*"(host\d+!svc\d+)""#).expect("a regular expression");
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for found in heard.iter().filter_map(|heard| object.captures(&heard.text)) {
        *told.entry(found[1].to_owned()).or_default() += 1;
    }
    told
}
