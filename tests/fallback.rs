//! What one target cannot be told goes to its fallback, too: at once, once, with the
//! reason.

use crate::common::config::Folder;
use crate::common::deliveries::delivery;
use crate::common::free_port;
use crate::common::http::{Answer as HttpAnswer, Http};
use crate::common::watchbell::Site;
use crate::outbox::{Answer, FAST, Office, ScriptedSink, folder, next, next_keys, past, statuses};
use std::path::PathBuf;
use watchbell::config::{Config, ConsoleSettings, Fallback, SinkKind, SinkSettings, Target};
use watchbell::model::{Brief, Delivery, Message, State, Tells};
use watchbell::outbox::Fallbacks;
use watchbell::store::Store;

/// `ops` by `irc`, then `dba` by `mail`, then `boss` by `irc`.
fn config() -> Config {
    let target = |name: &str, sink: &str, to: &[&str], fallback: Option<&str>| {
        let to = to.iter().map(|address| (*address).to_owned()).collect();
        let fallback = fallback.map(|target| Fallback { target: target.to_owned(), after: 2 });
        (
            name.to_owned(),
            Target { name: name.to_owned(), sink: sink.to_owned(), to, per_minute: None, fallback },
        )
    };
    let sink = |name: &str| {
        let kind = SinkKind::Console(ConsoleSettings { zone: jiff::tz::TimeZone::UTC });
        (name.to_owned(), SinkSettings { name: name.to_owned(), kind })
    };
    Config {
        sinks: ["irc", "mail"].map(sink).into(),
        targets: [
            target("ops", "irc", &["#ops"], Some("dba")),
            target("dba", "mail", &["a@example.org", "b@example.org"], Some("boss")),
            target("boss", "irc", &["boss"], None),
        ]
        .into(),
        default_target: "ops".to_owned(),
        mirror_mutes: false,
        ..watchbell::config::builtin(PathBuf::new(), PathBuf::new())
    }
}

fn problem(key: &str, object: &str) -> Delivery {
    let brief = Brief { tells: Tells::Problem, state: Some(State::Critical), ..Brief::default() };
    Delivery { brief, ..delivery(key, object) }
}

fn office(folder: &std::path::Path) -> Office {
    let mut office = Office::open(folder);
    office.fallbacks = Fallbacks::new(&config());
    office
}

/// What each target was to be told of an object, in order: target, recipient and text.
fn told(store: &impl Store, object: &str) -> Vec<String> {
    let mut kept = store.deliveries(object, 100).expect("deliveries");
    kept.reverse();
    let line = |past: &watchbell::store::PastDelivery| {
        format!("{} {}: {}", past.delivery.target, past.delivery.recipient, past.delivery.message.text)
    };
    kept.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_goes_to_the_fallback_at_once_and_on_along_the_chain() {
    let folder = folder();
    let mut office = office(folder.path());
    let (irc, mut heard) = ScriptedSink::new(Answer::Accept, 2);
    let (mail, _mails) = ScriptedSink::new(Answer::Reject, 2);
    office.employ("irc", irc.with("a1", [Answer::Reject]), FAST);
    office.employ("mail", mail, FAST);
    office.keep([problem("a1", "db1")]).await;
    // The refusal, and both refused mails at the end of the chain, which have one recipient.
    next_keys(&mut heard, 2).await;
    let store = office.store.clone();
    office.close().await;
    let mails = "text of a1 [ops did not get this: no such room]";
    let told = told(&*store, "db1");
    assert_eq!(told[0], "ops #ops: text of a1");
    assert_eq!(told[1], format!("dba a@example.org: {mails}"));
    assert_eq!(told[2], format!("dba b@example.org: {mails}"));
    assert_eq!(told[3], format!("boss boss: {mails} [dba did not get this: no such room]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_twice_goes_there_once_and_is_tried_on() {
    let folder = folder();
    let mut office = office(folder.path());
    let (irc, mut heard) = ScriptedSink::new(Answer::Accept, 2);
    let (mail, mut mails) = ScriptedSink::new(Answer::Accept, 2);
    office.employ("irc", irc.with("a1", [Answer::Retry, Answer::Retry, Answer::Retry, Answer::Retry]), FAST);
    office.employ("mail", mail, FAST);
    office.keep([problem("a1", "db1")]).await;
    next_keys(&mut heard, 5).await;
    next_keys(&mut mails, 2).await;
    let store = office.store.clone();
    office.close().await;
    assert_eq!(told(&*store, "db1").len(), 3, "one for each recipient of the fallback");
    drop(store);
    assert_eq!(statuses(folder.path(), "db1"), ["sent"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_sink_that_is_down_goes_there_also_untried_and_after_a_restart_not_again() {
    let folder = folder();
    for run in 0..2 {
        let mut office = office(folder.path());
        let (irc, _heard) = ScriptedSink::new(Answer::NotReady, 1);
        let (mail, mut mails) = ScriptedSink::new(Answer::Accept, 2);
        office.employ("irc", irc, FAST);
        office.employ("mail", mail, FAST);
        let acknowledged = Delivery { event: "AcknowledgementSet".to_owned(), ..delivery("k2", "db2") };
        let answer =
            Delivery { event: "Reply".to_owned(), target: "reply".to_owned(), ..delivery("k3", "db3") };
        let news = Delivery { event: "Gap".to_owned(), ..delivery("k4", "db4") };
        let mark = problem(&format!("mark{run}"), "mark");
        office.keep([problem("k1", "db1"), acknowledged, answer, news, mark]).await;
        // All that waits is handed over in order, so the mark is the last.
        while past(&office.store, "mark").len() < 3 * (run + 1) {
            next(&mut mails).await;
        }
        office.close().await;
    }
    let store = watchbell::store::sqlite::SqliteStore::open(&folder.path().join("watchbell.db"))
        .expect("the store opens");
    let told: Vec<usize> =
        ["db1", "db2", "db3", "db4"].iter().map(|object| told(&store, object).len()).collect();
    assert_eq!(told, [3, 1, 1, 3], "problems and news, once each; neither what people did nor answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fallback_is_told_in_the_words_of_its_own_sink() {
    let folder = folder();
    let mut office = office(folder.path());
    let (irc, mut heard) = ScriptedSink::new(Answer::Accept, 2);
    office.employ("irc", irc.with("a1", [Answer::Reject]), FAST);
    let fallback = Message {
        text: "long words".to_owned(),
        subject: Some("[CRITICAL] db1".to_owned()),
        json: Some(r#"{"blocks":[{"say":"long words"}],"level":2}"#.to_owned()),
        ..Message::default()
    };
    let mut given = problem("a1", "db1");
    given.message.fallback = Some(Box::new(fallback));
    office.keep([given]).await;
    next(&mut heard).await;
    while past(&office.store, "db1").len() < 3 {
        tokio::task::yield_now().await;
    }
    let message = past(&office.store, "db1")[0].delivery.message.clone();
    office.close().await;
    let note = "[ops did not get this: no such room]";
    assert_eq!(message.text, format!("long words {note}"));
    assert_eq!(message.subject, Some(format!("[CRITICAL] db1 {note}")));
    let json: serde_json::Value = serde_json::from_str(&message.json.expect("there is some")).expect("JSON");
    assert_eq!(json, serde_json::json!({"blocks": [{"say": format!("long words {note}")}], "level": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_sink_that_refuses_is_stood_in_for_by_a_webhook_with_its_own_json() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (site, http) = (Site::new(dir.path()), Http::start(vec![HttpAnswer::new(200, "ok"); 8]).await);
    let port = free_port();
    for name in ["hook.token", "icinga.password"] {
        site.secret(name, "s3cret");
    }
    site.secret("hook.url", &format!("http://{}/alerts", http.address));
    std::fs::create_dir_all(site.path("templates/pager")).expect("the folder is writable");
    site.write("templates/pager/Webhook.json", r#"{"summary": {{ text }}, "by": {{ webhook.name }}}"#);
    site.configure(&[
        "[sink.exec.bell]\ncommand = [\"/bin/false\"]\n[sink.webhook.pager]\nurl_file = \"hook.url\"\n\
         [target.ops]\nsink = \"bell\"\nfallback = \"phone\"\n[target.phone]\nsink = \"pager\"\n"
            .to_owned(),
        "[[icinga]]\nname = \"away\"\nurls = [\"https://127.0.0.1:1\"]\nuser = \"bot\"\n\
         password_file = \"icinga.password\"\n"
            .to_owned(),
        format!("[listen]\naddress = \"127.0.0.1:{port}\"\n[webhook.deploys]\ntoken_file = \"hook.token\"\n"),
    ]);
    let mut watchbell = site.start();
    watchbell.log.expect("webhooks are taken at");
    watchbell::tls::install_provider();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
    let request = client.expect("a client").post(format!("http://127.0.0.1:{port}/webhook/deploys"));
    let sent =
        request.bearer_auth("s3cret").body(r#"{"text": "shop 4.2"}"#).send().await.expect("it answers");
    assert_eq!(sent.status(), 202);

    let is_stood_in = |request: &crate::common::http::Request| request.body.contains("summary");
    let body = loop {
        if let Some(request) = http.requests().into_iter().find(is_stood_in) {
            break request.body;
        }
        tokio::task::yield_now().await;
    };
    let json: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let summary = json["summary"].as_str().expect("a text");
    assert!(summary.starts_with("deploys: shop 4.2 [ops did not get this: "), "{summary}");
    assert_eq!(json["by"], "deploys");
    // That it failed is told past the sink that failed.
    while !http.requests().iter().any(|request| request.body.contains("could not tell ops")) {
        tokio::task::yield_now().await;
    }
    watchbell.terminate();
}

#[test]
fn fallbacks_that_cannot_work_are_named() {
    let folder = Folder::new();
    let config = |targets: &str| {
        format!("[sink.console.c]\n[defaults]\ntarget = \"ops\"\n[target.ops]\nsink = \"c\"\n{targets}")
    };
    let more =
        |ops: &str, dba: &str| config(&format!("fallback = \"{ops}\"\n[target.dba]\nsink = \"c\"\n{dba}"));
    let sound = folder.load(&more("dba", "")).unwrap_or_else(|faults| panic!("{}", folder.shown(&faults)));
    let fallback = sound.targets["ops"].fallback.as_ref().expect("it has one");
    assert_eq!((&*fallback.target, fallback.after), ("dba", 5));
    for (text, wanted) in [
        (more("dab", ""), "names the target `dab`, which is not configured"),
        (more("dab", ""), "did you mean `dba`?"),
        (more("ops", ""), "leads back to where it began: ops -> ops"),
        (more("dba", "fallback = \"ops\""), "leads back to where it began: dba -> ops -> dba"),
        (config("fallback_after = 0"), "must be between 1 and 100"),
    ] {
        let Err(faults) = folder.load(&text) else { panic!("{text} was taken") };
        let shown = folder.shown(&faults);
        assert!(shown.contains(wanted), "{shown}");
        assert_eq!(shown.matches("leads back").count(), wanted.matches("leads back").count(), "told once");
    }
}
