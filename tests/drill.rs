//! Drills: who would be told of a state is told that it is one, and nothing of the world changes.

use crate::common::config::Folder;
use crate::common::engine::{World, compiled_files};
use crate::common::inquiry::answered;
use crate::common::site::Site;
use std::sync::Arc;
use std::time::Duration;
use watchbell::engine::{Drill, Question};
use watchbell::load::Set;
use watchbell::model::{
    Attempt, AttemptResult, Brief, DRILL, Delivery, Input, Message, Object, ObjectKey, Reply, Speaker,
    Timestamp, Utterance, Verdict,
};
use watchbell::pipeline::{Finished, Pipeline};
use watchbell::router::Templates;
use watchbell::store::{Batch, PastDelivery, Store};

const RULES: &str = r#"
    rule("muted", #{ on: ["StateChange", "Escalation"], is_recovery: false }, |e| {
        if e.muted() { e.drop(e.muted_by()) }
    });
    rule("problems", #{ on: "StateChange", is_problem: true }, |e| {
        e.set("broken " + e.object, "yes");
        e.remind("2h");
        e.icinga.comment("it broke");
        if e.host.vars.team == "web" { e.notify("web") }
        e.notify("ops");
        e.escalate("dba");
    });
    rule("reminders", #{ on: "Reminder" }, |e| e.notify("ops"));
    rule("recoveries", #{ on: "StateChange", is_recovery: true }, |e| { e.tell_those_told(); });
    rule("the rest", #{ on: ["MuteEnding", "SinkOutage", "ScheduleGap"] }, |e| e.drop("quiet"));
"#;

/// The rule of the page.
const TELLS: &str = r#"rule("problems", #{ on: "StateChange", is_problem: true }, |e| e.notify("ops"));"#;

const PEOPLE: &str = r##"
[sink.irc.libera]
server = "irc.example.org"
nick = "watchbell"
[sink.email.mail]
server = "smtps://mail.example.org"
from = "watchbell@example.org"
[sink.webhook.pager]
url_file = "chat.url"
[target.ops]
sink = "libera"
to = "#ops"
[target.web]
sink = "libera"
to = "#web"
[defaults]
target = "ops"
zone = "UTC"

[role.trainer]
commands = ["drill"]

[person.alice]
irc = "alice"
mail = "alice@example.org"
roles = ["operator"]
quiet = "11:00-13:00"
quiet_floor = "CRITICAL"
[[person.alice.way]]
sink = "libera"
[[person.alice.way]]
sink = "mail"
after = "5m"

[person.bob]
irc = "bob"
roles = ["admin"]
[[person.bob.way]]
sink = "pager"
to = "bob"

[person.tina]
irc = "tina"
roles = ["trainer"]

[schedule.nights]
[[schedule.nights.layer]]
persons = ["bob"]
rotate = "1w"
handover = "mon 09:00"
from = "2026-12-07"

[escalation.dba]
repeat = 1
repeat_after = "30m"
[[escalation.dba.step]]
to = "person:alice"
[[escalation.dba.step]]
after = "15m"
to = "person:bob"

[escalation.nights]
[[escalation.nights.step]]
to = "schedule:nights"
"##;

fn world_with(rules: &str) -> World {
    let folder = Folder::new();
    let config = folder.load(PEOPLE).unwrap_or_else(|faults| panic!("{}", folder.shown(&faults)));
    let mut world = World::configured(rules, &config);
    for object in ["db1", "db1!load", "web1"] {
        world.object(object, |_| {});
    }
    world
}

fn world() -> World {
    world_with(RULES)
}

/// The drill that was asked about last.
fn drill(world: &World) -> &Drill {
    match world.asks.last().map(|ask| &ask.question) {
        Some(Question::Drill(drill)) => drill,
        other => panic!("no drill: {other:?}"),
    }
}

#[test]
fn all_who_would_be_told_over_all_steps_are_shown_and_then_told_once() {
    let mut world = world();
    let shown = world.say("bob", "!drill db1");
    world.expect_silence();
    assert_eq!(
        shown,
        "bob: this would send a drill of db1 DOWN at once to 4 targets, 2 persons; in earnest it would come to \
         ops (#ops) at once (test.rhai:5 problems), alice by libera at once (step 1 of dba), \
         alice by mail after 5m (step 1 of dba), bob by pager after 15m (step 2 of dba); \
         what comes after 1d was not looked at; `!yes` within 60 s does it"
    );
    let answer = world.say("bob", "!yes");
    assert_eq!(answer, "bob: the drill is on its way to 4 targets; within 60 s I say whom it reached");
    world.expect(&[
        "ops: Trouble \"DRILL by bob: nothing is wrong with db1, and nothing is to be done.\nIf db1 became DOWN now, \
         the message would come here at once (test.rhai:5 problems), and 4 more within 22h.\"",
        "alice/libera: Trouble \"DRILL by bob: nothing is wrong with db1, and nothing is to be done.\nIf db1 became \
         DOWN now, a call would come here at once (step 1 of dba), and 1 more within 45m.\"",
        "alice/mail: Trouble \"DRILL by bob: nothing is wrong with db1, and nothing is to be done.\nIf db1 became \
         DOWN now, a call would come here after 5m (step 1 of dba), and 1 more within 50m.\"",
        "bob/pager: Trouble \"DRILL by bob: nothing is wrong with db1, and nothing is to be done.\nIf db1 became \
         DOWN now, a call would come here after 15m (step 2 of dba), and 1 more within 1h.\"",
    ]);
    let drill = drill(&world);
    assert_eq!(drill.what, "db1 DOWN");
    assert_eq!(drill.persons.get("bob/pager").map(String::as_str), Some("bob"));
    assert_eq!(drill.persons.get("ops"), None);
}

#[test]
fn nothing_of_the_world_changes_and_icinga_is_asked_for_nothing() {
    let mut world = world();
    world.state("web1", "DOWN");
    world.told();
    let (held, wake, asked) = (world.all_held(), world.engine.next_wake(), world.actions.len());
    world.say("bob", "!drill db1 DOWN dba");
    world.say("bob", "!yes");
    assert_eq!(world.told().len(), 4);
    assert_eq!(reported(&mut world), ["#ops: 4 of 4"]);
    assert_eq!(world.all_held(), held);
    assert_eq!(world.engine.next_wake(), wake);
    assert_eq!(world.actions.len(), asked);
    // What comes in earnest is told as if there had been no drill.
    world.state("db1", "DOWN");
    assert_eq!(world.told(), ["ops: StateChange db1 DOWN", "alice/libera: Escalation db1 DOWN 1.1/2"]);
    assert_eq!(world.engine.world().incidents().count(), 2);
}

/// Somebody has watched the drill that was asked about last: what is said in rooms.
fn reported(world: &mut World) -> Vec<String> {
    let number = drill(world).number;
    let reply = world.asks.last().expect("it is asked").reply.clone();
    world.said();
    world.step(Input::Drilled { number, report: Reply { text: "4 of 4".to_owned(), ..reply } });
    world.said()
}

#[test]
fn a_report_survives_a_restart_and_comes_once() {
    let mut world = world();
    world.say("bob", "!drill db1");
    world.say("bob", "!yes");
    let asked = drill(&world).clone();
    assert_eq!((asked.waited, asked.by.as_str()), (Duration::ZERO, "bob"));
    for (away, waited) in [(20, 20), (3600, 3620)] {
        world.asks.clear();
        world.now += Duration::from_secs(away);
        world.restart();
        assert!(world.engine.next_wake().is_some_and(|wake| wake <= world.now), "it is due at once");
        world.step(Input::Tick);
        let waited = Duration::from_secs(waited);
        assert_eq!(*drill(&world), Drill { waited, ..asked.clone() });
        world.step(Input::Tick);
        assert_eq!(world.asks.len(), 1, "it is asked once");
    }
    assert_eq!(reported(&mut world), ["#ops: 4 of 4"]);
    assert_eq!(reported(&mut world), [""; 0], "also where it was watched twice");
    world.restart();
    world.asks.clear();
    world.wait("1h");
    assert_eq!(world.asks, []);
    assert_eq!(world.held("report"), []);
}

#[test]
fn a_report_that_does_not_come_is_asked_for_again() {
    let mut world = world();
    world.say("bob", "!drill db1");
    world.say("bob", "!yes");
    world.wait("89s");
    assert_eq!(world.asks.len(), 1);
    world.wait("1s");
    assert_eq!(world.asks.len(), 2);
    assert_eq!(drill(&world).waited.as_secs(), 90);
    // Where the clock is set back, what was waited for stays that long.
    world.now -= Duration::from_secs(7200);
    world.step(Input::Tick);
    world.wait("90s");
    assert_eq!(drill(&world).waited.as_secs(), 180);
    assert_eq!(reported(&mut world), ["#ops: 4 of 4"]);
}

#[test]
fn what_is_tried_on_a_copy_waits_for_no_report() {
    let mut world = world();
    world.say("bob", "!drill db1");
    world.say("bob", "!yes");
    assert!(world.engine.world().next_wake().is_some());
    assert_eq!(world.engine.world().for_trial().ask_for_reports(world.now + Duration::from_secs(999)), []);
}

#[test]
fn a_drill_is_plain_to_see_in_the_audit() {
    let mut world = world();
    world.say("bob", "!drill db1 DOWN");
    world.say("bob", "!yes");
    let found: Vec<_> = world.decisions.iter().filter(|decision| decision.event == DRILL).collect();
    let [decision] = found[..] else { panic!("{found:#?}") };
    assert_eq!((decision.object.as_str(), decision.incident), ("db1", None));
    assert_eq!(decision.summary, "a drill of DOWN by bob");
    let targets = ["ops", "alice/libera", "alice/mail", "bob/pager"].map(str::to_owned);
    assert_eq!(decision.verdict, Verdict::Told(targets.to_vec()));
    assert_eq!(decision.steps[0].did[3], "bob/pager would hear after 15m (step 2 of dba)");
    let lines: Vec<_> = world.commands.iter().map(|command| command.line.as_str()).collect();
    assert_eq!(lines, ["drill db1 DOWN", "yes: drill db1 DOWN"]);
    assert_eq!(world.commands[1].objects, ["db1"]);
}

#[test]
fn quiet_hours_hold_back_what_is_not_grave() {
    let mut world = world();
    let shown = world.say("bob", "!drill load warning");
    assert!(shown.contains("alice by libera after 59m 59s (step 1 of dba)"), "{shown}");
    let shown = world.say("bob", "!drill load");
    assert!(shown.contains("alice by libera at once (step 1 of dba)"), "{shown}");
}

#[test]
fn a_schedule_with_nobody_on_call_is_told() {
    let mut world = world();
    let shown = world.say("bob", "!drill web1 DOWN nights");
    assert!(shown.contains("; step 1 of nights: nobody is on call in nights; "), "{shown}");
    world.say("bob", "!yes");
    assert!(drill(&world).notes.contains(&"step 1 of nights: nobody is on call in nights".to_owned()));
}

#[test]
fn what_is_muted_is_told_with_the_reason_and_when_it_is_heard_after_all() {
    let mut world = world();
    world.say("alice", "!mute db1 1h it moves");
    let shown = world.say("bob", "!drill db1");
    assert!(shown.contains("ops (#ops) after 59m 59s (test.rhai:5 problems)"), "{shown}");
    let kept = "; kept from people at once: muted by alice: it moves (test.rhai:2 muted); ";
    assert!(shown.contains(kept), "{shown}");
    world.say("alice", "!mute web1 2d it is old");
    assert_eq!(
        world.say("bob", "!drill web1"),
        "bob: nobody would be told if web1 became DOWN now: kept from people at once: muted by alice: it is old \
         (test.rhai:2 muted); what comes after 1d was not looked at"
    );
    assert_eq!(world.say("bob", "!yes"), "bob: nothing waits for your `yes`; say the command again");
    world.told();
    assert!(world.asks.is_empty());
}

#[test]
fn an_object_that_is_broken_already_is_drilled_by_its_escalation_alone() {
    let mut world = world();
    world.state("db1", "DOWN");
    world.wait("1s");
    assert_eq!(
        world.say("bob", "!drill db1"),
        "bob: nobody would be told: db1 is DOWN already; name another state, or an escalation to play"
    );
    let shown = world.say("bob", "!drill db1 nights");
    assert!(shown.contains("a drill of db1 DOWN with nights at once to"), "{shown}");
    world.told();
    world.say("bob", "!yes");
    let told = world.told();
    let words =
        "\nIf nights were called now, while db1 is DOWN, a call would come here at once (step 1 of nights)";
    assert!(told.iter().any(|told| told.starts_with("ops: ") && told.contains(words)), "{told:#?}");
}

#[test]
fn a_yes_tells_nobody_who_was_not_shown() {
    let mut world = world();
    world.say("bob", "!drill db1");
    world.object_with_vars("db1", serde_json::json!({ "team": "web" }));
    let again = world.say("bob", "!yes");
    world.expect_silence();
    assert!(
        again.contains("at once to 5 targets, 2 persons; in earnest it would come to web (#web)"),
        "{again}"
    );
    world.say("bob", "!yes");
    assert_eq!(world.told().len(), 5);
}

#[test]
fn a_slip_is_answered_with_what_there_is() {
    let mut world = world();
    for (line, answer) in [
        ("!drill bd1", "I know no `bd1`; did you mean `db1`?"),
        ("!drill db1 WARNING dba", "`WARNING` is no state of a host; it has: UP, DOWN"),
        (
            "!drill db1 DOWN dbs",
            "there is no escalation `dbs`; did you mean `dba`? watchbell.toml has: dba, nights",
        ),
        (
            "!drill db1 DWON",
            "there is no escalation `DWON`; watchbell.toml has: dba, nights; the states of db1 are UP, DOWN",
        ),
        ("!drill db1 UP dba", "people are called about problems, and UP is none"),
    ] {
        assert_eq!(world.say("bob", line), format!("bob: {answer}"), "{line}");
    }
    assert!(world.say("alice", "!drill db1").contains("needs the role `admin`"));
    assert!(world.say("tina", "!drill db1").contains("`!yes` within 60 s does it"));
    world.expect_silence();
}

#[test]
fn what_would_go_on_for_ever_is_played_up_to_a_bound() {
    let rules = r#"
        rule("all", #{ on: "StateChange" }, |e| { e.notify("ops"); e.after("1s", "again", ()); });
        rule("again", #{ on: "Timer" }, |e| { e.notify("web"); e.after("1s", "again", ()); });
    "#;
    let mut world = world_with(rules);
    let shown = world.say("bob", "!drill db1");
    assert!(shown.contains("; what comes after 8m 20s was not looked at; "), "{shown}");
}

#[test]
fn a_drill_that_arrives_nowhere_is_no_news() {
    let mut world = world();
    let delivery = Delivery {
        id: 1,
        key: String::new(),
        at: world.now,
        sink: "libera".to_owned(),
        target: "alice/libera".to_owned(),
        recipient: "account:alice".to_owned(),
        event: DRILL.to_owned(),
        object: String::new(),
        incident: None,
        rule: "drill by bob".to_owned(),
        message: Message::default(),
        brief: Brief::default(),
        attempts: 1,
        revived: None,
    };
    let result = AttemptResult::Dead("is not here".to_owned());
    world.step(Input::GivenUp(Attempt { delivery, at: world.now, result }));
    world.expect_silence();
}

/// A site in which a drill is on its way to `#dba`, `carol` and `#ops`.
fn drilled() -> Site {
    let mut site = Site::new();
    site.object("db1", serde_json::json!({ "role": "db" }));
    site.say("!drill db1");
    site.say("!yes");
    site
}

/// What came of the message to this recipient.
fn ended(site: &Site, recipient: &str, result: AttemptResult) {
    let due = site.store.due("net", site.now, &[], 100).expect("it can be read");
    let delivery = due
        .into_iter()
        .find(|delivery| delivery.is_drill() && delivery.recipient == recipient)
        .expect("it is due");
    let attempts = vec![Attempt { delivery, at: site.now, result }];
    site.store.commit(&Batch { attempts, ..Batch::default() }).expect("it is kept");
}

#[tokio::test]
async fn the_report_says_who_was_reached_and_who_was_not() {
    let mut site = drilled();
    ended(&site, "#ops", AttemptResult::Sent("echoed".to_owned()));
    ended(&site, "#dba", AttemptResult::Sent("echoed".to_owned()));
    ended(&site, "carol", AttemptResult::Dead("carol is not here".to_owned()));
    let report = answered(&mut site).await;
    assert_eq!(
        report,
        "the drill of db1 DOWN: 2 of 3 messages accepted\n  reached dba (#dba) by net after 0.0 s\n  \
         reached ops (#ops) by net after 0.0 s\n  not reached: dba (carol) by net: carol is not here"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_still_tried_after_a_minute_is_reported_with_how_to_look_it_up() {
    let mut site = drilled();
    ended(&site, "#ops", AttemptResult::Sent("echoed".to_owned()));
    let begun = tokio::time::Instant::now();
    let report = answered(&mut site).await;
    assert_eq!(begun.elapsed().as_secs(), 60);
    assert!(report.starts_with("the drill of db1 DOWN: 1 of 3 messages accepted\n"), "{report}");
    assert!(
        report.contains("  still trying after 1m: dba (#dba) by net: it waits to be sent (d"),
        "{report}"
    );
    assert!(report.lines().last().is_some_and(|line| line.starts_with("  `!why d")), "{report}");
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_restart_is_tried_before_it_is_reported() {
    let mut site = drilled();
    let begun = site.now;
    site.restart();
    site.now += Duration::from_secs(3600);
    site.take(Input::Tick);
    let watched = tokio::time::Instant::now();
    let report = answered(&mut site).await;
    assert_eq!(watched.elapsed().as_secs(), 10);
    assert!(report.contains("  still trying after 1h: dba (#dba) by net: it waits to be sent"), "{report}");
    // What came of it before the restart counts from the drill on.
    site.restart();
    site.now = begun + Duration::from_secs(3);
    for recipient in ["#ops", "#dba", "carol"] {
        ended(&site, recipient, AttemptResult::Sent("echoed".to_owned()));
    }
    site.take(Input::Tick);
    let report = answered(&mut site).await;
    assert!(report.contains("\n  reached ops (#ops) by net after 3.0 s"), "{report}");
}

/// The answers, and what the targets are told, when somebody at the terminal writes this.
fn said(pipeline: &mut Pipeline, now: Timestamp, text: &str) -> Finished {
    let speaker = Speaker { nick: "alice".to_owned(), account: None, local: true };
    let (sink, room) = ("libera".to_owned(), "#ops".to_owned());
    let said = Utterance { sink, room, private: false, speaker, text: text.to_owned(), at: now };
    pipeline.take(Input::Utterance(said), now)
}

#[test]
fn the_page_shows_what_is_said() {
    let page = include_str!("../docs/escalation.md");
    let (_, toml) = page.split_once("```toml\n").expect("there is a configuration");
    let folder = Folder::new();
    let config = folder.load(toml.split_once("```").expect("it ends").0).expect("it is sound");
    let templates = Arc::new(Templates::built_in().expect("the shipped templates are right"));
    let set = Set { rules: compiled_files(&[("50-route.rhai", TELLS)]), templates, hash: String::new() };
    let mut pipeline = Pipeline::new(config.clone(), set, watchbell::engine::World::new(true));
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a moment");
    pipeline.take(Input::Objects(vec![Object::bare(ObjectKey::from_name(&"lab".into(), "db1"))]), now);
    let mut lines = vec!["<alice> !drill db1 DOWN dba".to_owned()];
    let answered = |lines: &mut Vec<String>, text: &str| {
        lines.extend(text.lines().map(|line| format!("<watchbell> {line}")));
    };
    answered(
        &mut lines,
        &format!("alice: {}", said(&mut pipeline, now, "!drill db1 DOWN dba").deliveries[0].message.text),
    );
    lines.push("<alice> !yes".to_owned());
    let Finished { deliveries, asks, .. } = said(&mut pipeline, now, "!yes");
    answered(&mut lines, &format!("alice: {}", deliveries[0].message.text));
    let Some(Question::Drill(drill)) = asks.first().map(|ask| &ask.question) else { panic!("{asks:?}") };
    let ends = deliveries[1..].iter().zip(1..).map(|(delivery, id)| {
        let refused = delivery.recipient == "account:alice";
        let (status, note) =
            if refused { ("dead", "nobody is here under the account alice") } else { ("sent", "") };
        PastDelivery {
            delivery: Delivery { id, ..delivery.clone() },
            status: status.to_owned(),
            parent: None,
            note: note.to_owned(),
            last_attempt: None,
        }
    });
    let ends: Vec<PastDelivery> = ends.collect();
    let accepted = ends
        .iter()
        .map(|past| (past.delivery.id, Duration::from_millis(100 * past.delivery.id.unsigned_abs())));
    answered(
        &mut lines,
        &watchbell::explain::drill(drill, &ends, &accepted.collect(), Duration::from_secs(1), "!"),
    );
    let written = lines.join("\n");
    assert!(page.contains(&written), "write instead:\n{written}");
    let mail = deliveries.iter().find(|delivery| delivery.sink == "mail").expect("there is a mail");
    let text = mail.message.text.replace('\n', "\n  ");
    assert!(page.contains(&text), "write instead:\n{text}");
    assert_eq!(mail.message.subject.as_deref(), mail.message.text.lines().next());
}

#[test]
fn what_is_in_earnest_waits_for_no_drill() {
    let mut site = drilled();
    site.state("db1", "DOWN", true);
    site.say("!test ops");
    let due = site.store.due("net", site.now, &[], 100).expect("it can be read");
    let to_ops = due.iter().filter(|delivery| delivery.target == "ops");
    let events: Vec<&str> = to_ops.map(|delivery| delivery.event.as_str()).collect();
    assert_eq!(events, [DRILL, "StateChange", "Trouble"]);
}
