//! The Icinga source against a real Icinga 2.

use crate::common::icinga::{Icinga, NODE};
use crate::common::reader::Reader;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use watchbell::config::IcingaSettings;
use watchbell::model::event::Detail;
use watchbell::model::{
    Action, ActionKind, EventType, Input, ObjectKey, Snapshot, SnapshotObject, State, Timestamp,
};
use watchbell::source::icinga::{ActError, IcingaClient, Limits};

async fn lab(hosts: usize, services: usize) -> (TempDir, Icinga) {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), hosts, services).await;
    (dir, icinga)
}

fn of<'a>(snapshot: &'a Snapshot, name: &str) -> &'a SnapshotObject {
    let found = snapshot.objects.iter().find(|found| found.object.key.name() == name);
    found.unwrap_or_else(|| panic!("{name} is not in the snapshot"))
}

fn action(object: &str, kind: ActionKind) -> Action {
    Action {
        id: 1,
        object: ObjectKey::from_name(&Arc::from("lab"), object),
        author: "alice".to_owned(),
        kind,
        reply_to: None,
        asked_by: String::new(),
        thread: Vec::new(),
        is_one_of_many: false,
    }
}

fn acknowledge() -> ActionKind {
    ActionKind::Acknowledge { comment: "looking".to_owned(), expiry: None, sticky: true, notify: false }
}

#[tokio::test]
async fn a_stream_is_subscribed_to_and_received() {
    let (_dir, icinga) = lab(2, 1).await;
    let mut reader = Reader::start(&icinga.settings());
    assert_eq!(reader.snapshot().await.broken, None);

    icinga.check_result("host1!svc0", 0, "OK").await;
    reader.event(EventType::StateChange, "host1!svc0").await;
    for _ in 0..3 {
        icinga.check_result("host1!svc0", 2, "CRITICAL - load 17").await;
    }
    let soft = reader.event(EventType::StateChange, "host1!svc0").await;
    let soft = soft.report().expect("a state report").clone();
    assert_eq!((soft.state, soft.hard, soft.attempt), (State::Critical, false, 1));
    reader.event(EventType::StateChange, "host1!svc0").await;
    let hard = reader.event(EventType::StateChange, "host1!svc0").await;
    let hard = hard.report().expect("a state report").clone();
    assert_eq!((hard.state, hard.hard, &*hard.output), (State::Critical, true, "CRITICAL - load 17"));
    reader.event(EventType::Notification, "host1!svc0").await;

    icinga.check_result("host1", 1, "DOWN").await;
    let down = reader.event(EventType::StateChange, "host1").await;
    assert_eq!(down.report().map(|report| report.state), Some(State::Down));
    assert_eq!(reader.counters.bad_lines(), 0);
}

#[tokio::test]
async fn a_snapshot_holds_configuration_state_comments_and_downtimes() {
    let (_dir, icinga) = lab(8, 1).await;
    for _ in 0..3 {
        icinga.check_result("host1!svc0", 2, "CRITICAL - it burns").await;
    }
    icinga.check_result("host0", 0, "PING OK").await;
    let client = IcingaClient::new(&icinga.settings()).expect("the settings are good");
    client.act(&action("host1!svc0", acknowledge())).await.expect("it is acknowledged");
    let now = Timestamp::now();
    let downtime = ActionKind::ScheduleDowntime {
        comment: "new disks".to_owned(),
        start: now,
        end: now + Duration::from_secs(3600),
        flexible_seconds: None,
        all_services: false,
        children: false,
    };
    client.act(&action("host2", downtime)).await.expect("it is scheduled");

    let mut reader = Reader::start(&icinga.settings());
    let snapshot = reader.snapshot().await;
    assert_eq!(snapshot.objects.len(), 16);

    let host2 = &of(&snapshot, "host2").object;
    assert_eq!((&*host2.display_name, &*host2.address), ("Host number 2", "127.0.0.1"));
    assert_eq!(host2.notes_url, "https://wiki.example/host2");
    assert_eq!(*host2.groups, ["db"]);
    assert_eq!((&host2.vars["team"], &host2.vars["idx"]), (&json!("team2"), &json!(2)));
    let parents: Vec<&str> = of(&snapshot, "host7").object.parents.iter().map(|key| key.name()).collect();
    assert_eq!(parents, ["host0"]);

    let burning = of(&snapshot, "host1!svc0");
    assert_eq!((burning.state, burning.hard), (Some(State::Critical), true));
    assert_eq!((burning.last_hard_state, &*burning.output), (Some(State::Critical), "CRITICAL - it burns"));
    assert!(burning.acknowledged && burning.sticky && burning.since.is_some());
    assert!(burning.execution_end.is_some());
    let well = of(&snapshot, "host0");
    assert_eq!((well.state, &*well.output), (Some(State::Up), ""));
    assert_eq!(of(&snapshot, "host3").state, None, "it was never checked");

    let (object, comment) = &snapshot.comments.as_ref().expect("comments may be read")[0];
    assert_eq!((object.name(), &*comment.text, comment.entry_type), ("host1!svc0", "looking", 4));
    let (object, downtime) = &snapshot.downtimes.as_ref().expect("downtimes may be read")[0];
    assert_eq!((object.name(), &*downtime.comment, downtime.fixed), ("host2", "new disks", true));
}

#[tokio::test]
async fn an_object_made_changed_and_deleted_by_the_api_arrives() {
    let (_dir, icinga) = lab(1, 0).await;
    let mut reader = Reader::start(&icinga.settings());
    reader.snapshot().await;
    let path = "/v1/objects/hosts/new%20host";
    let attrs = json!({"attrs": {"check_command": "passive", "vars.role": "db", "address": "10.0.0.1"}});
    icinga.call(reqwest::Method::PUT, path, attrs).await;

    let objects = |input| if let Input::Objects(objects) = input { Some(objects) } else { None };
    let made = reader.next("the new object", objects).await;
    assert_eq!((made[0].key.name(), &*made[0].address), ("new host", "10.0.0.1"));
    assert_eq!((&made[0].vars["role"], made[0].groups.as_slice()), (&json!("db"), &["db".to_owned()][..]));
    reader.event(EventType::ObjectCreated, "new host").await;

    icinga.api(path, json!({"attrs": {"vars.role": "web"}})).await;
    let changed = reader.next("the changed object", objects).await;
    assert_eq!(changed[0].vars["role"], json!("web"));
    reader.event(EventType::ObjectModified, "new host").await;

    icinga.call(reqwest::Method::DELETE, path, json!({"cascade": true})).await;
    reader.event(EventType::ObjectDeleted, "new host").await;
    let gone = |input| if let Input::ObjectsGone(keys) = input { Some(keys) } else { None };
    assert_eq!(reader.next("its end", gone).await[0].name(), "new host");
}

#[tokio::test]
async fn a_dependency_made_and_deleted_by_the_api_changes_the_parents_of_its_child() {
    let (_dir, icinga) = lab(2, 0).await;
    let mut reader = Reader::start(&icinga.settings());
    reader.snapshot().await;
    let path = "/v1/objects/dependencies/host1!needs";
    let attrs = json!({"attrs": {"parent_host_name": "host0", "child_host_name": "host1"}});
    icinga.call(reqwest::Method::PUT, path, attrs).await;
    let parents = |input| {
        let Input::Objects(objects) = input else { return None };
        assert_eq!(objects[0].key.name(), "host1");
        Some(objects[0].parents.iter().map(|key| key.name().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(reader.next("its parent", parents).await, ["host0"]);
    icinga.call(reqwest::Method::DELETE, path, json!({})).await;
    assert_eq!(reader.next("no parent", parents).await, [""; 0]);
}

#[tokio::test]
async fn a_wrong_ca_is_named_with_what_to_do() {
    let (dir, icinga) = lab(1, 0).await;
    // Every Icinga CA has the same subject; another Icinga's looks like this.
    for subject in ["Icinga CA", "somebody else"] {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, subject);
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let other = dir.path().join("other-ca.crt");
        std::fs::write(&other, parameters.self_signed(&key).expect("a CA").pem()).expect("it is written");

        let mut reader = Reader::start(&IcingaSettings { ca_file: Some(other), ..icinga.settings() });
        reader.error(&["not signed by the CA in", "other-ca.crt", "set `ca_file`", "ca.crt"]).await;
    }
}

#[tokio::test]
async fn a_wrong_name_is_named_and_server_name_mends_it() {
    let (_dir, icinga) = lab(1, 0).await;
    let mut reader = Reader::start(&IcingaSettings { server_names: Vec::new(), ..icinga.settings() });
    reader.error(&["not for `127.0.0.1`", &format!("set `server_name = \"{NODE}\"`")]).await;

    let mut reader = Reader::start(&icinga.settings());
    assert_eq!(reader.snapshot().await.objects.len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let (_dir, icinga) = lab(1, 0).await;
    let mut reader = Reader::start(&icinga.settings_of("bot", "s3cret-but-wrong"));
    let error = reader.error(&["wrong user or password", "`bot`"]).await;
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_logs_in() {
    let (_dir, icinga) = lab(1, 0).await;
    let mut reader = Reader::start(&icinga.settings_by_certificate());
    assert_eq!(reader.snapshot().await.objects.len(), 1);
}

#[tokio::test]
async fn missing_permissions_are_named_all_at_once() {
    let (_dir, icinga) = lab(1, 1).await;
    let mut reader = Reader::start(&icinga.settings_of("narrow", "narrowpw"));
    reader
        .error(&[
            "`narrow`",
            "\"events/Flapping\"",
            "\"events/CheckResult\"",
            "\"objects/query/Service\"",
            "\"objects/query/Comment\"",
            "\"status/query\"",
        ])
        .await;
}

#[tokio::test]
async fn without_some_permissions_it_goes_on_and_names_them() {
    let (_dir, icinga) = lab(1, 1).await;
    let mut reader = Reader::start(&icinga.settings_of("partial", "partialpw"));
    assert_eq!(reader.snapshot().await.objects.len(), 2);
    let error = reader.error(&["\"events/Flapping\"", "\"objects/query/Downtime\""]).await;
    assert!(!error.contains("StateChange") && !error.contains("query/Host"), "{error}");
    icinga.check_result("host0!svc0", 1, "WARNING").await;
    reader.event(EventType::StateChange, "host0!svc0").await;
}

#[tokio::test]
async fn the_user_of_the_readme_may_do_all_that_watchbell_does() {
    let (_dir, icinga) = lab(2, 1).await;
    let settings = icinga.settings_of("watchbell", "change-me");
    let mut reader = Reader::start(&settings);
    let snapshot = reader.snapshot().await;
    assert!(snapshot.comments.is_some() && snapshot.downtimes.is_some());

    let object = "host1!svc0";
    for _ in 0..3 {
        icinga.check_result(object, 2, "CRITICAL").await;
    }
    reader.event(EventType::StateChange, object).await;
    assert_eq!(reader.complaint(), None);
    let client = IcingaClient::new(&settings).expect("the settings are good");
    let comment = ActionKind::AddComment { comment: "seen".to_owned() };
    for kind in [acknowledge(), ActionKind::RemoveAcknowledgement, comment, ActionKind::RescheduleCheck] {
        let name = kind.name();
        client.act(&action(object, kind)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn an_icinga_killed_and_restarted_gives_a_snapshot_with_the_reason() {
    let (_dir, mut icinga) = lab(2, 0).await;
    let mut reader = Reader::start(&icinga.settings());
    assert_eq!(reader.snapshot().await.broken, None);
    icinga.kill();
    icinga.restart().await;
    icinga.check_result("host1", 1, "DOWN - while nobody looked").await;

    let snapshot = reader.snapshot().await;
    let reason = snapshot.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("event stream"), "{reason}");
    icinga.check_result("host0", 1, "DOWN").await;
    reader.event(EventType::StateChange, "host0").await;
}

#[tokio::test]
async fn a_reload_gives_a_snapshot_with_the_reason() {
    let (_dir, icinga) = lab(1, 0).await;
    let mut reader = Reader::start(&icinga.settings());
    reader.snapshot().await;
    icinga.reload();
    let snapshot = reader.snapshot().await;
    let reason = snapshot.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("event stream"), "{reason}");
}

#[tokio::test]
async fn rules_that_ask_for_more_types_are_served() {
    let (_dir, icinga) = lab(1, 0).await;
    let few = [EventType::StateChange].into();
    let mut reader = Reader::start_with(&icinga.settings(), Limits::default(), 64, &few);
    reader.snapshot().await;
    icinga.check_result("host0", 1, "DOWN").await;
    reader.event(EventType::StateChange, "host0").await;
    assert_eq!(reader.counters.lines(), 1, "no CheckResult was asked for");

    reader.types.send_replace([EventType::StateChange, EventType::CheckResult].into());
    let snapshot = reader.snapshot().await;
    let reason = snapshot.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("CheckResult"), "{reason}");
    icinga.check_result("host0", 1, "DOWN").await;
    reader.event(EventType::CheckResult, "host0").await;
}

#[tokio::test]
async fn actions_are_done_and_their_events_come_back() {
    let (_dir, icinga) = lab(1, 1).await;
    let client = IcingaClient::new(&icinga.settings()).expect("the settings are good");
    let mut reader = Reader::start(&icinga.settings());
    reader.snapshot().await;
    let object = "host0!svc0";
    // A soft problem: Icinga tells nobody of its own accord.
    icinga.check_result(object, 0, "OK").await;
    icinga.check_result(object, 2, "CRITICAL").await;

    client.act(&action(object, acknowledge())).await.expect("it is acknowledged");
    let event = reader.event(EventType::AcknowledgementSet, object).await;
    let Detail::AcknowledgementSet(set) = event.detail else { panic!("{event:?}") };
    assert_eq!((&*set.author, &*set.comment, set.sticky), ("alice", "looking", true));
    client.act(&action(object, ActionKind::RemoveAcknowledgement)).await.expect("it is removed");
    reader.event(EventType::AcknowledgementCleared, object).await;

    let comment = "a \"comment\"\r\nof two lines";
    let add = ActionKind::AddComment { comment: comment.to_owned() };
    client.act(&action(object, add)).await.expect("it is added");
    let event = reader.event(EventType::CommentAdded, object).await;
    assert_eq!(event.comment().map(|found| &*found.text), Some(comment));

    let now = Timestamp::now();
    let schedule = ActionKind::ScheduleDowntime {
        comment: "new disks".to_owned(),
        start: now,
        end: now + Duration::from_secs(7200),
        flexible_seconds: Some(600),
        all_services: true,
        children: false,
    };
    client.act(&action(object, schedule)).await.expect("it is scheduled");
    let event = reader.event(EventType::DowntimeAdded, object).await;
    let downtime = event.downtime().expect("a downtime").clone();
    assert_eq!((downtime.fixed, downtime.length_seconds()), (false, 600.0));
    let remove = ActionKind::RemoveDowntime { downtime: downtime.name };
    client.act(&action(object, remove)).await.expect("it is removed");
    let event = reader.event(EventType::DowntimeRemoved, object).await;
    assert!(event.downtime().expect("a downtime").remove_time.is_some());

    client.act(&action(object, ActionKind::RescheduleCheck)).await.expect("it is rescheduled");
    reader.event(EventType::CheckResult, object).await;

    let custom = ActionKind::SendCustomNotification { comment: "hear, hear".to_owned(), force: true };
    client.act(&action(object, custom)).await.expect("it is sent");
    let event = reader.event(EventType::Notification, object).await;
    let Detail::Notification(told) = event.detail else { panic!("{event:?}") };
    assert_eq!((&*told.notification_type, &*told.text, &*told.author), ("CUSTOM", "hear, hear", "alice"));
}

#[tokio::test]
async fn what_icinga_will_not_do_is_refused_and_what_it_cannot_is_unavailable() {
    let (_dir, mut icinga) = lab(1, 0).await;
    let client = IcingaClient::new(&icinga.settings()).expect("the settings are good");
    icinga.check_result("host0", 1, "DOWN").await;
    client.act(&action("host0", acknowledge())).await.expect("it is acknowledged");
    let refused = |words: &str| ActError::Refused(words.to_owned());
    let second = client.act(&action("host0", acknowledge())).await;
    assert_eq!(second, Err(ActError::Already("Host host0 is already acknowledged.".to_owned())));
    let unknown = client.act(&action("no host", ActionKind::RescheduleCheck)).await;
    assert_eq!(unknown, Err(refused("Icinga knows no host `no host`, or this API user may not see it")));

    let narrow = IcingaClient::new(&icinga.settings_of("narrow", "narrowpw")).expect("good settings");
    let Err(ActError::Refused(words)) = narrow.act(&action("host0", acknowledge())).await else {
        panic!("it may not acknowledge");
    };
    assert!(words.contains("\"actions/acknowledge-problem\""), "{words}");

    icinga.kill();
    let away = client.act(&action("host0", acknowledge())).await;
    assert!(matches!(&away, Err(ActError::Unavailable(words)) if words.contains("refused")), "{away:?}");
}

#[tokio::test]
async fn an_icinga_says_what_it_is() {
    let (_dir, icinga) = lab(1, 0).await;
    let client = IcingaClient::new(&icinga.settings()).expect("the settings are good");
    let status = client.status().await.expect("it answers");
    assert_eq!(status.node_name, NODE);
    assert!(status.version.starts_with('r') && status.program_start.is_some(), "{status:?}");
}

#[tokio::test]
async fn the_second_master_is_asked_when_the_first_is_away() {
    let (_dir, icinga) = lab(1, 0).await;
    let mut settings = icinga.settings();
    let away = format!("https://127.0.0.1:{}", crate::common::free_port());
    settings.urls.insert(0, away.parse().expect("a URL"));
    let mut reader = Reader::start(&settings);
    assert_eq!(reader.snapshot().await.objects.len(), 1);
    let client = IcingaClient::new(&settings).expect("the settings are good");
    client.act(&action("host0", ActionKind::RescheduleCheck)).await.expect("it is done by the second");
}
