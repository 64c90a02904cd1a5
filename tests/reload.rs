//! Rules and templates that change while Watchbell runs, good ones and bad ones.

use crate::common::cli::{installation, put};
use crate::common::fake_icinga::{FakeIcinga, FakeStream};
use crate::common::watchbell::{Site, Watchbell};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use watchbell::config;
use watchbell::load::Set;
use watchbell::model::Input;
use watchbell::reload::{Reloader, Request};

/// A Watchbell that tells on its standard output what a fake Icinga says.
struct Bench {
    site: Site,
    watchbell: Watchbell,
    stream: FakeStream,
    /// Keeps Icinga's own time going.
    moment: f64,
    _icinga: FakeIcinga,
    _dir: TempDir,
}

impl Bench {
    async fn open() -> Bench {
        Bench::open_with(|_| {}).await
    }

    async fn open_with(prepare: impl FnOnce(&Site)) -> Bench {
        Bench::open_as(prepare, &[]).await
    }

    async fn open_as(prepare: impl FnOnce(&Site), arguments: &[&str]) -> Bench {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let mut icinga = FakeIcinga::start(dir.path(), "r2.14.0").await;
        let site = Site::new(dir.path());
        site.configure(&[site.icinga_of(&icinga.settings(), "botpw"), site.console()]);
        prepare(&site);
        let mut watchbell = site.start_with(arguments);
        let stream = icinga.stream().await;
        watchbell.out.expect("first look at Icinga lab");
        Bench { site, watchbell, stream, moment: 1_795_000_000.0, _icinga: icinga, _dir: dir }
    }

    /// Icinga says that a host is in a hard state.
    async fn report(&mut self, host: &str, state: u8, output: &str) {
        self.moment += 1.0;
        let event = json!({
            "type": "StateChange", "timestamp": self.moment, "host": host, "state": state, "state_type": 1,
            "downtime_depth": 0, "acknowledgement": false,
            "check_result": {
                "output": output, "execution_end": self.moment, "exit_status": state,
                "performance_data": [], "check_source": "fake", "state": state,
                "vars_before": {"attempt": 3, "reachable": true, "state": 1 - state, "state_type": 1},
                "vars_after": {"attempt": 3, "reachable": true, "state": state, "state_type": 1},
            },
        });
        self.stream.line(&event.to_string()).await;
    }

    /// What is told of a host that goes down.
    async fn told_of(&mut self, host: &str) -> String {
        self.report(host, 1, "no answer").await;
        self.watchbell.out.expect(&format!("{host} "))
    }
}

/// A rule that tells of everything in words of its own.
fn saying(words: &str) -> String {
    format!(
        "rule(\"own words\", #{{ on: \"StateChange\", hard: true }}, |e| {{\n    \
         e.notify(\"default\", #{{ text: `${{e.host.name}} {words}` }});\n    e.stop();\n}});\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_edited_while_it_runs_takes_effect() {
    let mut bench = Bench::open().await;
    assert!(bench.told_of("web1").await.ends_with("#1 web1 is DOWN: no answer"));
    bench.site.replace("rules/05-own.rhai", &saying("is in the first version"));
    bench.watchbell.out.expect("new rules are in force");
    assert!(bench.told_of("web2").await.ends_with("web2 is in the first version"));
    bench.site.write("rules/05-own.rhai", &saying("is in the second version"));
    bench.watchbell.out.expect("new rules are in force");
    assert!(bench.told_of("web3").await.ends_with("web3 is in the second version"));
    fs::remove_file(bench.site.path("rules/05-own.rhai")).expect("it is there");
    bench.watchbell.out.expect("new rules are in force");
    assert!(bench.told_of("web4").await.ends_with("web4 is DOWN: no answer"));
}

/// A version of the rules as Kubernetes keeps it: a hidden folder in the folder.
fn version(site: &Site, name: &str, words: &str) {
    fs::create_dir(site.path("rules").join(name)).expect("it is new");
    site.write(&format!("rules/{name}/05-own.rhai"), &saying(words));
    symlink(name, site.path("rules/..data.new")).expect("it is new");
    fs::rename(site.path("rules/..data.new"), site.path("rules/..data")).expect("it is one folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_swapped_by_its_link_takes_effect() {
    // rules/05-own.rhai -> ..data/05-own.rhai, rules/..data -> ..one
    let mut bench = Bench::open_with(|site| {
        version(site, "..one", "is in the first version");
        symlink("..data/05-own.rhai", site.path("rules/05-own.rhai")).expect("it is new");
    })
    .await;
    assert!(bench.told_of("web1").await.ends_with("web1 is in the first version"));
    for (host, name, words) in
        [("web2", "..two", "is in the second version"), ("web3", "..three", "is in the third version")]
    {
        version(&bench.site, name, words);
        bench.watchbell.out.expect("new rules are in force");
        let told = bench.told_of(host).await;
        assert!(told.ends_with(words), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_the_rules_is_told_even_if_no_rule_asks_for_it() {
    let mut bench = Bench::open_with(|site| {
        fs::remove_dir_all(site.path("rules")).expect("it is there");
        fs::create_dir(site.path("rules")).expect("it is new");
        site.write("rules/05-own.rhai", &saying("is told by the only rule"));
    })
    .await;
    bench.site.replace("rules/05-own.rhai", "rule(");
    bench.watchbell.out.expect("the new rules are refused");
    assert!(bench.told_of("web1").await.ends_with("web1 is told by the only rule"));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rules_with_a_warning_say_so_to_people() {
    let mut bench = Bench::open().await;
    let doubtful =
        "rule(\"never\", #{ on: \"StateChange\", state: \"Critical\" }, |e| e.notify(\"default\"));\n";
    bench.site.replace("rules/05-own.rhai", doubtful);
    bench.watchbell.out.expect(", with 1 warning: the log and `watchbell check` show it");
    bench.watchbell.log.expect("`state` is never `Critical`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_rule_file_changes_nothing_and_is_told_with_line_and_caret() {
    let mut bench = Bench::open().await;
    let broken = "rule(\"half\", #{ on: \"StateChange\" }, |e| {\n    e.notify(\"default\"\n});\n";
    bench.site.replace("rules/05-own.rhai", broken);
    bench.watchbell.out.expect("the new rules are refused");
    bench.watchbell.out.expect("05-own.rhai:3:1");
    bench.watchbell.out.expect("^");
    bench.watchbell.log.expect("not taken, those in force stay");
    bench.watchbell.log.expect("05-own.rhai:3:1");
    bench.watchbell.log.expect("^");
    assert!(bench.told_of("web1").await.ends_with("#1 web1 is DOWN: no answer"));
    bench.site.replace("rules/05-own.rhai", &saying("is told by the mended rule"));
    bench.watchbell.out.expect("new rules are in force");
    assert!(bench.told_of("web2").await.ends_with("web2 is told by the mended rule"));
}

/// A rule that stands in all sets of these tests, and a test that holds as long as it
/// tells of hosts in these words.
fn promising(words: &str, promised: &str) -> String {
    format!(
        "{}test(\"a promise\", |t| {{\n    t.state(\"web1\", \"DOWN\");\n    \
         t.expect(\"ops\", \"web1 {promised}\");\n}});\n",
        saying(words)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_whose_tests_fail_changes_nothing_and_the_test_is_named() {
    let mut bench = Bench::open_with(|site| {
        site.write("rules/05-own.rhai", &promising("is down", "is down"));
    })
    .await;
    assert!(bench.told_of("web1").await.ends_with("web1 is down"));
    bench.site.replace("rules/05-own.rhai", &promising("is fine", "is down"));
    bench.watchbell.out.expect("the new rules are refused");
    bench.watchbell.out.expect("the test `a promise` failed: ops did not hear \"web1 is down\"");
    bench.watchbell.out.expect("05-own.rhai:7:");
    bench.watchbell.out.expect("^");
    assert!(bench.told_of("web2").await.ends_with("web2 is down"));
    bench.site.replace("rules/05-own.rhai", &promising("is up again", "is up again"));
    bench.watchbell.out.expect("new rules are in force");
    assert!(bench.told_of("web3").await.ends_with("web3 is up again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_whose_tests_fail_at_the_start_is_taken_and_told() {
    let mut bench = Bench::open_with(|site| {
        site.write("rules/05-own.rhai", &promising("is fine", "is down"));
    })
    .await;
    let seen = bench.watchbell.out.seen.join("\n");
    assert!(seen.contains("although their tests fail"), "{seen}");
    assert!(seen.contains("the test `a promise` failed"), "{seen}");
    bench.watchbell.log.expect("in force although their tests fail");
    assert!(bench.told_of("web2").await.ends_with("web2 is fine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_force_every_set_is_taken_and_its_failing_tests_are_told() {
    let prepare = |site: &Site| site.write("rules/05-own.rhai", &promising("is down", "is down"));
    let mut bench = Bench::open_as(prepare, &["--force"]).await;
    bench.site.replace("rules/05-own.rhai", &promising("is fine", "is down"));
    bench.watchbell.out.expect("although their tests fail");
    bench.watchbell.out.expect("the test `a promise` failed");
    assert!(bench.told_of("web2").await.ends_with("web2 is fine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_by_force_gets_a_set_whose_tests_fail() {
    let folder = installation();
    let config = Arc::new(config::load(&folder.path().join("watchbell.toml")).expect("it is sound"));
    let set = Set::load(&config).expect("it is sound");
    let (set_sender, mut sets) = mpsc::channel(4);
    let (input_sender, mut inputs) = mpsc::channel(4);
    let (types, _wanted) = watch::channel(BTreeSet::new());
    let (asks, requests) = mpsc::channel(4);
    let stop = CancellationToken::new();
    let mut reloader = Reloader {
        config,
        set: set.clone(),
        sets: set_sender,
        inputs: input_sender,
        types,
        in_force: watch::channel(set.clone()).0,
        requests,
        refused: false,
        force: false,
        stop: stop.clone(),
    };
    put(folder.path(), "rules/own.test.rhai", "test(\"a promise\", |t| t.expect(\"ops\"));\n");
    let running = tokio::spawn(async move { reloader.run().await });
    let mut answer = async |force| {
        asks.send(Request { force }).await.expect("it listens");
        match inputs.recv().await {
            Some(Input::RulesetChanged(changed)) => changed,
            other => panic!("{other:?}"),
        }
    };
    let refused = answer(false).await;
    assert!(!refused.accepted && refused.error.contains("the test `a promise` failed"), "{refused:?}");
    assert!(refused.error.contains("`reload force` takes all as it is"), "{refused:?}");
    assert!(sets.try_recv().is_err());
    let taken = answer(true).await;
    assert!(taken.accepted && taken.error.contains("the test `a promise` failed"), "{taken:?}");
    assert!(sets.try_recv().is_ok_and(|taken| taken.hash != set.hash));
    stop.cancel();
    running.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_edit_that_is_taken_back_is_told() {
    let mut bench = Bench::open().await;
    bench.site.replace("rules/05-own.rhai", "rule(");
    bench.watchbell.out.expect("the new rules are refused");
    fs::remove_file(bench.site.path("rules/05-own.rhai")).expect("it is there");
    bench.watchbell.out.expect("new rules are in force");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_rule_file_at_the_start_leaves_the_shipped_rules_in_force() {
    let mut bench = Bench::open_with(|site| site.write("rules/05-own.rhai", "rule(\n")).await;
    let seen = bench.watchbell.out.seen.join("\n");
    let refusal = if seen.contains("refused") { seen } else { bench.watchbell.out.expect("refused") };
    assert!(refusal.contains("the new rules are refused"), "{refusal}");
    assert!(bench.told_of("web1").await.ends_with("#1 web1 is DOWN: no answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_fails_leads_the_event_to_the_default_target_with_the_error() {
    let rule = "rule(\"fails\", #{ on: \"StateChange\" }, |e| {\n    throw \"out of ideas\";\n});\n\
                rule(\"silences\", #{ on: \"StateChange\" }, |e| e.drop(\"nobody cares\"));\n";
    let mut bench = Bench::open_with(|site| site.write("rules/05-own.rhai", rule)).await;
    let told = bench.told_of("web1").await;
    assert!(told.contains("web1 is DOWN: no answer [a rule failed: "), "{told}");
    assert!(told.contains("05-own.rhai:2") && told.contains("out of ideas"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_loops_is_cut_off_and_the_event_is_told() {
    let rule = "rule(\"loops\", #{ on: \"StateChange\" }, |e| {\n    loop { }\n});\n";
    let mut bench = Bench::open_with(|site| site.write("rules/05-own.rhai", rule)).await;
    let told = bench.told_of("web1").await;
    assert!(told.contains("web1 is DOWN: no answer [a rule failed: "), "{told}");
    assert!(told.contains("05-own.rhai:1") && told.contains("Too many operations"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_fails_is_replaced_by_a_plain_line_that_names_it() {
    let failing = "{% if 'no answer' in output %}{{ output|round }}{% endif %}x\n";
    let mut bench = Bench::open_with(|site| {
        fs::create_dir_all(site.path("templates/console")).expect("it can be made");
        site.write("templates/console/StateChange.text", failing);
    })
    .await;
    bench.report("web1", 1, "no answer").await;
    let told = bench.watchbell.out.expect("web1");
    assert!(told.contains("#1 web1: StateChange DOWN: no answer"), "{told}");
    assert!(told.contains("[template console/StateChange.text failed: "), "{told}");
}
