//! `watchbell diff` and `watchbell replay --journal`, as programs: what other rules would
//! have told.

use crate::common::cli::{Ended, fixture, installation, put, watchbell, watchbell_fed};
use crate::common::engine::key;
use crate::common::happenings;
use crate::common::inquiry::Answering;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use watchbell::engine::{Ask, Question};
use watchbell::model::{Detail, Event, Input, Reply, Speaker, State, Timestamp, Utterance};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, JournalLimits, Store};

const IN_FORCE: &str = r#"
rule("problems", #{ on: "StateChange", is_problem: true }, |e| e.notify("ops"));
rule("ends", #{ on: "StateChange", is_problem: false }, |e| if e.tell_those_told() == 0 { e.drop("untold") });
rule("comments", #{ on: "CommentAdded" }, |e| e.drop("a comment"));
"#;

/// An installation with these rules as a candidate.
fn with_candidate(rules: &str) -> TempDir {
    let folder = installation();
    put(folder.path(), "rules/10-all.rhai", IN_FORCE);
    put(folder.path(), "candidate/10-all.rhai", rules);
    let config = crate::common::cli::CONFIG
        .replace("[target.ops]", "[target.dba]\nsink = \"terminal\"\n\n[target.ops]");
    put(folder.path(), "watchbell.toml", &config);
    folder
}

fn diff(folder: &TempDir, more: &[&str]) -> Ended {
    let all = [&["--config", "watchbell.toml", "diff", "--rules", "candidate"], more].concat();
    watchbell(folder.path(), &all)
}

fn on_lifecycle(rules: &str) -> Ended {
    diff(&with_candidate(rules), &[&fixture("lifecycle.jsonl")])
}

#[test]
fn the_same_rules_tell_the_same() {
    let ended = on_lifecycle(IN_FORCE);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!("same", ended.out);
}

#[test]
fn what_is_told_more_less_and_elsewhere_stands_in_groups_with_examples() {
    let ended = on_lifecycle(
        r#"
rule("warnings", #{ on: "StateChange", state: "WARNING" }, |e| e.drop("who cares"));
rule("hosts", #{ on: "StateChange", is_problem: true, is_host: true }, |e| { e.notify("dba"); e.stop(); });
rule("problems", #{ on: "StateChange", is_problem: true }, |e| e.notify("ops"));
rule("ends", #{ on: "StateChange", is_problem: false }, |e| if e.tell_those_told() == 0 { e.drop("untold") });
rule("comments", #{ on: "CommentAdded" }, |e| e.notify("ops"));
"#,
    );
    insta::assert_snapshot!("more_less_elsewhere", ended.out);
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
}

#[test]
fn what_waits_is_told_later_not_less_here_and_more_there() {
    let patient = r#"
rule("patience", #{ on: "StateChange", hard: true, is_problem: true }, |e| {
    if !e.seen(e.object, "10m") { e.drop("wait", #{ again: "5m" }) }
});
"#;
    let ended = on_lifecycle(&format!("{patient}{IN_FORCE}"));
    insta::assert_snapshot!("later", format!("{}{}", ended.out, ended.err));
    assert_eq!(ended.code, Some(1));
}

#[test]
fn a_candidate_that_fails_is_said_with_its_first_error() {
    let ended = on_lifecycle(
        &IN_FORCE.replace("e.drop(\"a comment\")", "{ let nobody = \"nobody\"; e.notify(nobody) }"),
    );
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("\nfails "), "{}", ended.out);
    assert!(ended.out.contains("there is no target `nobody`"), "{}", ended.out);
}

#[test]
fn a_candidate_with_faults_is_shown_as_check_does() {
    let ended = on_lifecycle("rule(\"all\", #{ on: \"StateChnge\" }, |e| e.notfy(\"ops\"));\n");
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
    insta::assert_snapshot!("faulty_candidate", ended.err);
}

#[test]
fn a_folder_that_is_not_there_and_a_journal_that_is_not_there_are_trouble() {
    let folder = with_candidate(IN_FORCE);
    let unknown = watchbell(folder.path(), &["diff", "--rules", "nothing"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""));
    assert!(unknown.err.contains("nothing: cannot be read"), "{}", unknown.err);
    let no_database = diff(&folder, &[]);
    assert_eq!(no_database.code, Some(2));
    assert!(no_database.err.contains("watchbell.db"), "{}", no_database.err);
    drop(SqliteStore::open(&folder.path().join("watchbell.db")).expect("it opens"));
    let empty = diff(&folder, &[]);
    assert_eq!((empty.code, empty.out.as_str()), (Some(2), ""));
    insta::assert_snapshot!("empty_journal", empty.err);
}

#[test]
fn hostile_output_is_inert() {
    let line = r#"{"type":"StateChange","timestamp":1795000000,"host":"db1","state":1,"state_type":1,
        "check_result":{"execution_end":1795000000,"exit_status":2,"output":"\u001b]0;title\u0007red\u202e\u009b31m",
        "state":2,"vars_before":null,"vars_after":{"attempt":1,"reachable":true,"state":1,"state_type":1}}}"#;
    let folder = with_candidate("rule(\"quiet\", #{}, |e| e.drop(\"all\"));");
    let arguments = ["--config", "watchbell.toml", "diff", "--rules", "candidate", "-"];
    let ended = watchbell_fed(folder.path(), &arguments, line.replace('\n', "").as_bytes());
    let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(ended.out.contains("red") && !ended.out.contains(harmful), "{:?} {}", ended.out, ended.err);
}

// On the journal.

/// A problem of an object in a journal, so many minutes ago.
fn problem(object: &str, state: State, minutes: i64) -> (Timestamp, Input) {
    let at = Timestamp::now() - Duration::from_secs(minutes.unsigned_abs() * 60);
    let mut report = happenings::report(state);
    report.execution_end = Some(at);
    let object = Some(key(object));
    let source = "lab".into();
    let detail = Detail::StateChange(report);
    (at, Input::Event(Event { source, timestamp: at, object, missed: false, withheld: None, detail }))
}

fn keep_journal(folder: &Path) {
    let store = SqliteStore::open(&folder.join("watchbell.db")).expect("it opens");
    let limits = JournalLimits { keep: Duration::from_secs(86_400), size: 1 << 30 };
    let begin = Timestamp::now() - Duration::from_secs(7200);
    store.begin_journal(Some(limits), begin).expect("a copy of the state");
    let journal = vec![
        problem("early", State::Down, 100),
        problem("late", State::Down, 50),
        problem("early", State::Up, 40),
    ];
    store.commit(&Batch { journal, ..Batch::default() }).expect("kept");
}

#[test]
fn the_journal_is_compared_from_a_moment_on_with_what_was_known_by_then() {
    let folder = with_candidate(&IN_FORCE.replace("notify(\"ops\")", "notify(\"dba\")"));
    keep_journal(folder.path());
    let out = diff(&folder, &["--since", "1h"]).out;
    assert!(out.starts_with("2 inputs from "), "{out}");
    assert!(out.contains("elsewhere once to dba instead of ops by 10-all.rhai:2 problems\n"), "{out}");
    assert!(
        !out.contains(" early "),
        "its end goes to those who heard of it under the rules in force: {out}"
    );
    let all = diff(&folder, &["--since", "3h"]);
    assert!(all.out.starts_with("3 inputs from ") && all.out.contains("3 elsewhere"), "{}", all.out);
    assert!(all.err.contains("the journal goes back to "), "{}", all.err);
}

/// What somebody at the terminal wrote, so many seconds ago.
fn said(text: &str, seconds: u64) -> (Timestamp, Input) {
    let at = Timestamp::now() - Duration::from_secs(seconds);
    let speaker = Speaker { nick: "alice".to_owned(), account: None, local: true };
    let (sink, room) = ("terminal".to_owned(), String::new());
    (at, Input::Utterance(Utterance { sink, room, private: true, speaker, text: text.to_owned(), at }))
}

#[test]
fn a_drill_is_no_news_on_either_side() {
    let folder = with_candidate(&IN_FORCE.replace("notify(\"ops\")", "notify(\"dba\")"));
    keep_journal(folder.path());
    let store = SqliteStore::open(&folder.path().join("watchbell.db")).expect("it opens");
    let journal = vec![said("drill early DOWN", 62), said("yes", 60)];
    store.commit(&Batch { journal, ..Batch::default() }).expect("kept");
    drop(store);
    let out = diff(&folder, &["--since", "1h"]).out;
    assert!(out.starts_with("4 inputs from ") && out.contains("1 elsewhere"), "{out}");
    assert!(!out.contains("drill") && !out.contains("DRILL"), "{out}");
}

#[test]
fn the_journal_is_played_and_what_was_before_is_silent() {
    let folder = with_candidate(IN_FORCE);
    keep_journal(folder.path());
    let arguments = ["replay", "--journal", "--since", "1h", "--format", "json"];
    let out = watchbell(folder.path(), &arguments).fine();
    let told: Vec<String> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line))
        .map(|delivery| format!("{} {}", delivery["target"], delivery["text"]))
        .collect();
    assert_eq!(told, [r#""ops" "late is DOWN""#, r#""ops" "early is UP""#]);
    let with_rules = [&arguments[..], &["--rules", "candidate"]].concat();
    assert_eq!(watchbell(folder.path(), &with_rules).fine().lines().count(), 2);
}

// In chat.

/// What is answered to questions that are asked at once, one after the other.
async fn answered(folder: &TempDir, questions: usize) -> Vec<String> {
    let config = watchbell::config::load(&folder.path().join("watchbell.toml"));
    let config = config.unwrap_or_else(|faults| panic!("{}", faults.render(false)));
    let store = Arc::new(SqliteStore::open_in_memory().expect("memory is there"));
    let mut answering = Answering::start(store, config);
    let reply = Reply {
        sink: "irc".into(),
        room: "#ops".into(),
        text: "al: ".into(),
        at: Timestamp::now(),
        thread: Vec::new(),
    };
    for _ in 0..questions {
        let question = Question::Diff { length: Duration::from_secs(3 * 3600) };
        answering.ask.send(Ask { question, reply: reply.clone() }).await.expect("there is room");
    }
    let mut texts = Vec::new();
    for _ in 0..questions {
        let Some(Input::Answer(reply)) = answering.answers.recv().await else { panic!("an answer") };
        assert_eq!((reply.sink.as_str(), reply.room.as_str()), ("irc", "#ops"));
        texts.push(reply.text);
    }
    answering.task.abort();
    texts
}

#[tokio::test]
async fn who_asks_in_chat_hears_the_worst_first_and_a_second_one_waits() {
    let folder = with_candidate("");
    std::fs::rename(folder.path().join("candidate"), folder.path().join("rules.candidate")).expect("renamed");
    put(folder.path(), "rules.candidate/10-all.rhai", &IN_FORCE.replace("\"ops\"", "\"dba\""));
    keep_journal(folder.path());
    let texts = answered(&folder, 2).await;
    assert_eq!(texts[0], "al: a comparison is running already; ask again when it is done");
    assert!(texts[1].contains("3 inputs from ") && texts[1].contains("3 elsewhere"), "{}", texts[1]);
    assert!(
        texts[1].contains("\nelsewhere 2 times to dba instead of ops by 10-all.rhai:2 problems: "),
        "{}",
        texts[1]
    );
}

#[tokio::test]
async fn without_a_candidate_the_answer_says_how_to_make_one() {
    let text = &answered(&with_candidate(IN_FORCE), 1).await[0];
    assert!(text.starts_with("al: there is no folder ") && text.contains("rules.candidate; copy "), "{text}");
}

#[tokio::test]
async fn faults_of_a_candidate_are_told_in_chat() {
    let folder = with_candidate(IN_FORCE);
    put(folder.path(), "rules.candidate/a.rhai", "rule(");
    let text = &answered(&folder, 1).await[0];
    assert!(
        text.contains("the candidate rules have faults\nerror: ") && text.contains("a.rhai:1:"),
        "{text}"
    );
}
