//! What is about no checked object, and what Watchbell itself has to say.

use super::Sample;
use super::stage::{at, our_scene, sample};
use crate::model::event::{
    Called, DeliveryFailed, Digest, Gap, MuteEnding, ObjectChange, Page, RulesetChanged, ScheduleGap,
    SinkOutage, Trouble, Webhook,
};
use crate::model::{Detail, State};

pub(super) fn objects() -> Vec<Sample> {
    let change = |object_type: &str, object_name: &str| ObjectChange {
        object_type: object_type.to_owned(),
        object_name: object_name.to_owned(),
    };
    vec![
        sample("a host is created", our_scene("prod", Detail::ObjectCreated(change("Host", "web7")))),
        sample(
            "a service is changed",
            our_scene("prod", Detail::ObjectModified(change("Service", "web7!http"))),
        ),
        sample("a user is deleted", our_scene("prod", Detail::ObjectDeleted(change("User", "mallory")))),
    ]
}

pub(super) fn ours() -> Vec<Sample> {
    let gap = Gap {
        since: Some(at(-123)),
        until: at(0),
        open: false,
        made_up: 3,
        problems: 12,
        reason: "connection reset by peer".to_owned(),
    };
    let open = Gap { open: true, made_up: 0, ..gap.clone() };
    let first = Gap { since: None, made_up: 0, problems: 1, reason: String::new(), ..gap.clone() };
    let mute = MuteEnding {
        what: "host.name = san*".to_owned(),
        owner: "alice".to_owned(),
        reason: "storage firmware update".to_owned(),
        muted_events: 14,
        how: "ended".to_owned(),
        removed_by: String::new(),
    };
    let unmuted = MuteEnding {
        reason: String::new(),
        muted_events: 1,
        how: "removed".to_owned(),
        removed_by: "bob".to_owned(),
        ..mute.clone()
    };
    let failed = DeliveryFailed {
        target: "ops".to_owned(),
        sink: "libera".to_owned(),
        recipient: "#ops".to_owned(),
        reason: "cannot send to channel: banned".to_owned(),
        text: "#12 host1!svc0 is CRITICAL: load average 17.3".to_owned(),
        attempts: 5,
    };
    let down = SinkOutage {
        sink: "libera".to_owned(),
        open: true,
        since: at(-47),
        reason: "not connected: connection refused".to_owned(),
        waiting: 12,
    };
    let up = SinkOutage { open: false, since: at(-620), waiting: 1, ..down.clone() };
    let hash = "3f2a91c0".to_owned();
    let accepted = RulesetChanged { accepted: true, hash, rules: 42, error: String::new(), warnings: 0 };
    let doubtful = RulesetChanged { warnings: 2, ..accepted.clone() };
    let error = "error: there is no target `opps`; did you mean `ops`?\n --> 50-route.rhai:3:14\n  |\n3 |     e.notify(\"opps\");\n  |              ^^^^^^";
    let refused = RulesetChanged { accepted: false, error: error.to_owned(), ..accepted.clone() };
    let trouble = Trouble {
        what: "the task sink libera".to_owned(),
        text:
            "it panicked 5 times within a minute and is started again every minute; the log has the reasons"
                .to_owned(),
        over: false,
    };
    let mended = Trouble { text: "it has run for a minute".to_owned(), over: true, ..trouble.clone() };
    let nobody = ScheduleGap { schedule: "dba".to_owned(), from: at(86_400), until: Some(at(90_000)) };
    let for_long = ScheduleGap { from: at(0), until: None, ..nobody.clone() };
    let webhook = Webhook {
        name: "deploys".to_owned(),
        body: serde_json::json!({ "text": "shop 4.2 is on its way", "by": "alice" }),
        id: None,
    };
    let bare = Webhook {
        body: serde_json::json!({ "status": "firing", "labels": { "job": "backup" } }),
        ..webhook.clone()
    };
    vec![
        sample("Icinga was out of reach", our_scene("prod", Detail::Gap(gap))),
        sample("Icinga is out of reach", our_scene("prod", Detail::Gap(open))),
        sample("the first look at Icinga", our_scene("prod", Detail::Gap(first))),
        sample("a mute ends", our_scene("watchbell", Detail::MuteEnding(mute))),
        sample("a mute is removed", our_scene("watchbell", Detail::MuteEnding(unmuted))),
        sample("a delivery was given up", our_scene("watchbell", Detail::DeliveryFailed(failed))),
        sample("a sink is down", our_scene("watchbell", Detail::SinkOutage(down))),
        sample("a sink works again", our_scene("watchbell", Detail::SinkOutage(up))),
        sample("new rules are in force", our_scene("watchbell", Detail::RulesetChanged(accepted))),
        sample("new rules have warnings", our_scene("watchbell", Detail::RulesetChanged(doubtful))),
        sample("new rules are refused", our_scene("watchbell", Detail::RulesetChanged(refused))),
        sample("Watchbell itself has a trouble", our_scene("watchbell", Detail::Trouble(trouble))),
        sample("a trouble is over", our_scene("watchbell", Detail::Trouble(mended))),
        sample("nobody will be on call", our_scene("watchbell", Detail::ScheduleGap(nobody))),
        sample("nobody is on call", our_scene("watchbell", Detail::ScheduleGap(for_long))),
        sample("a webhook with a text", our_scene("watchbell", Detail::Webhook(webhook))),
        sample("a webhook without one", our_scene("watchbell", Detail::Webhook(bare))),
    ]
}

pub(super) fn digests() -> Vec<Sample> {
    let line = |number: u32| format!("san{number}!disk CRITICAL: CRITICAL - latency {number}00 ms");
    let storm = Digest {
        key: "san".to_owned(),
        rule: "45-storage.rhai:3 storage is one thing".to_owned(),
        since: at(-30),
        problems: 31,
        recoveries: 2,
        worst: Some(State::Critical),
        lines: (1..=5).map(line).collect(),
        more: 29,
        changes: 0,
        states: String::new(),
        more_groups: 0,
    };
    let folded = Digest {
        key: "storm".to_owned(),
        rule: "the budget of ops".to_owned(),
        problems: 640,
        recoveries: 172,
        lines: vec![
            "wan-berlin: 412 problems, worst CRITICAL: sw1!uplink, sw2!uplink, sw3!uplink, ...".to_owned(),
            "wan-munich: 228 problems, worst CRITICAL: sw41!uplink, sw42!uplink, sw43!uplink, ...".to_owned(),
        ],
        more: 172,
        changes: 812,
        states: "640 CRITICAL, 172 OK".to_owned(),
        more_groups: 3,
        ..storm.clone()
    };
    let healed = Digest {
        problems: 0,
        recoveries: 1,
        worst: None,
        lines: vec!["san1!disk OK again (was CRITICAL)".to_owned()],
        more: 0,
        ..storm.clone()
    };
    vec![
        sample("what was gathered is told", our_scene("watchbell", Detail::Digest(storm))),
        sample("a storm is folded", our_scene("watchbell", Detail::Digest(folded))),
        sample("a digest of one", our_scene("watchbell", Detail::Digest(healed))),
    ]
}

pub(super) fn pages() -> Vec<Sample> {
    let called = vec![Called { target: "bob/pager".to_owned(), person: Some("bob".to_owned()), way: 0 }];
    let text = "the database is yours, please look".to_owned();
    let page = Page { by: "alice".to_owned(), text, called, after: String::new() };
    let text = "alice calls you: the database is yours, please look".to_owned();
    let again = Page { text, after: "bob/libera".to_owned(), ..page.clone() };
    vec![
        sample("a person calls people", our_scene("watchbell", Detail::Page(page))),
        sample("another way is tried", our_scene("watchbell", Detail::Page(again))),
    ]
}
