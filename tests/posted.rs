//! Commands that were posted at the listening socket, through the engine alone.

use crate::common::engine::World;
use watchbell::engine::{Ask, Question};
use watchbell::model::{
    ActionResult, CommandEnd, Commanded, Completing, Input, PostedAnswer, PostedCommand, PostedEnd, Reply,
};

const RULES: &str = r#"
rule("all", #{ on: "StateChange" }, |e| e.notify("ops"));
rule("rest", #{}, |e| e.drop("not of this test"));
command("hello", #{}, |c| `hello ${c.nick} in ${c.room}`);
"#;

/// Three hosts that are down.
fn site() -> World {
    let mut world = World::new(RULES);
    for name in ["db1", "db2", "web 1"] {
        world.object(name, |_| {});
        world.state(name, "DOWN");
    }
    world.told();
    world
}

fn posted(world: &World, request: &str, person: &str, key: Option<&str>, line: &str) -> PostedCommand {
    PostedCommand {
        request: request.to_owned(),
        person: person.to_owned(),
        line: line.to_owned(),
        key: key.map(str::to_owned),
        at: world.now,
    }
}

/// Posts a command: the one answer.
#[track_caller]
fn post(world: &mut World, request: &str, person: &str, line: &str) -> PostedAnswer {
    post_as(world, request, person, None, line)
}

#[track_caller]
fn post_as(world: &mut World, request: &str, person: &str, key: Option<&str>, line: &str) -> PostedAnswer {
    world.now += std::time::Duration::from_secs(1);
    let command = posted(world, request, person, key, line);
    let replies = world.step(Input::PostedCommand(command));
    assert_eq!(replies, [], "nothing goes to a room");
    let [answer] = world.answers().try_into().expect("there is one answer");
    let PostedAnswer { request: named, .. } = &answer;
    assert_eq!(named, request);
    answer
}

/// What Icinga says to all that it was asked: the answers.
fn icinga_says(world: &mut World, outcomes: &[Result<&str, &str>]) -> Vec<(String, String, PostedEnd)> {
    let actions = std::mem::take(&mut world.actions);
    assert_eq!(actions.len(), outcomes.len());
    for (action, outcome) in actions.into_iter().zip(outcomes) {
        let outcome = outcome.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(world.step(Input::ActionResult(ActionResult { action, outcome })), []);
    }
    world.answers().into_iter().map(|answer| (answer.request, answer.text, answer.end)).collect()
}

#[test]
fn what_icinga_answers_goes_to_the_request_that_asked() {
    let mut world = site();
    let answer = post(&mut world, "r1", "alice", "ack #1 looking");
    assert_eq!((answer.text.as_str(), answer.end, answer.later), ("", PostedEnd::Asked, 1));
    assert_eq!(world.actions[0].author, "alice@icinga");
    let answers = icinga_says(&mut world, &[Ok("done")]);
    assert_eq!(answers, [("r1".to_owned(), "db1 is acknowledged".to_owned(), PostedEnd::Done)]);

    let answer = post(&mut world, "r2", "alice", "recheck db1,db2");
    assert_eq!((answer.end, answer.later), (PostedEnd::Done, 2));
    assert_eq!(answer.text, "Icinga is asked to check 2 objects: db1, db2");
    let answers = icinga_says(&mut world, &[Ok("done"), Err("Icinga says 503")]);
    let r2 = |text: &str, end| ("r2".to_owned(), text.to_owned(), end);
    let wanted = [r2("", PostedEnd::Done), r2("not done for db2: Icinga says 503", PostedEnd::NotDone)];
    assert_eq!(answers, wanted);
}

#[test]
fn what_is_answered_from_elsewhere_goes_to_the_request_that_asked() {
    let mut world = site();
    let answer = post(&mut world, "r1", "bob", "why db1");
    assert_eq!((answer.end, answer.later), (PostedEnd::Asked, 1));
    let reply = world.asks.pop().expect("somebody is asked").reply;
    let said = Reply { text: format!("{}told ops", reply.text), ..reply };
    assert_eq!(world.step(Input::Answer(said)), []);
    let later = world.answers();
    assert_eq!(later.len(), 1);
    assert_eq!((later[0].request.as_str(), later[0].text.as_str()), ("r1", "told ops"));
    // What comes of a reload is told to all.
    assert_eq!(post(&mut world, "r2", "alice", "reload").later, 0);
    assert_eq!(post(&mut world, "r3", "bob", "hello").text, "hello bob in api");
}

/// Root posts a drill of something that is well; `kept` is how long it took until all its messages
/// had ended.
fn drilled(world: &mut World, kept: &str, restarts: bool) -> (Vec<PostedAnswer>, Vec<String>) {
    world.object("web2", |_| {});
    let shown = post(world, "r1", "root", "drill web2");
    assert_eq!(shown.end, PostedEnd::Waits, "{shown:?}");
    assert!(shown.text.contains("this would send a drill of web2 DOWN at once to 1 target"), "{shown:?}");
    let answer = post(world, "r2", "root", "yes");
    assert_eq!((answer.end, answer.later), (PostedEnd::Done, 1));
    let words = "the drill is on its way to 1 target; within 60 s I say whom it reached, here or else to ops";
    assert_eq!(answer.text, words);
    assert!(world.told()[0].starts_with("ops: Trouble \"DRILL by root@icinga: nothing is wrong with web2"));
    if restarts {
        world.restart();
        world.step(Input::Tick);
    }
    world.wait(kept);
    let Some(Ask { question: Question::Drill(drill), reply }) = world.asks.last().cloned() else {
        panic!("{:?}", world.asks)
    };
    let report = Reply { text: "the drill of web2: 1 of 1".to_owned(), ..reply };
    assert_eq!(world.step(Input::Drilled { number: drill.number, report }), [], "nothing goes to a room");
    (world.answers(), world.told())
}

#[test]
fn the_report_of_a_drill_goes_to_the_request_while_it_waits_and_then_to_the_default_target() {
    let answer = PostedAnswer {
        request: "r2".to_owned(),
        text: "the drill of web2: 1 of 1".to_owned(),
        end: PostedEnd::Done,
        later: 0,
    };
    let told = "ops: Trouble \"the drill of web2: 1 of 1\n  asked for by root@icinga by api\"";
    assert_eq!(drilled(&mut site(), "2s", false), (vec![answer.clone()], vec![]));
    // It may have gone this very moment.
    assert_eq!(drilled(&mut site(), "3s", false), (vec![answer], vec![told.to_owned()]));
    assert_eq!(
        drilled(&mut site(), "1s", true),
        (vec![], vec![told.to_owned()]),
        "the request ended with the run"
    );
}

#[test]
fn a_drill_is_for_those_who_may_by_the_socket_too() {
    let mut world = site();
    for (person, line, end, words) in [
        ("alice", "drill db1 UP", PostedEnd::Denied, "needs the role `admin`"),
        ("root", "drill db1", PostedEnd::NotDone, "nobody would be told: db1 is DOWN already"),
        ("root", "drill nosuch", PostedEnd::NotDone, "I know no `nosuch`"),
        ("root", "drill", PostedEnd::NotUnderstood, "write: drill"),
        ("root", "yes", PostedEnd::NotDone, "nothing waits"),
    ] {
        let answer = post(&mut world, "r", person, line);
        assert!(answer.end == end && answer.text.contains(words), "{line}: {answer:?}");
    }
    assert_eq!(world.told(), [""; 0]);
    assert_eq!(world.asks, []);
}

#[test]
fn a_right_that_is_found_missing_where_it_is_done_is_told_as_that() {
    let mut world = site();
    assert_eq!(post(&mut world, "r1", "alice", "dead replay d1").end, PostedEnd::Asked);
    let Some(Ask { reply, question: Question::ReplayDead { command, .. } }) = world.asks.pop() else {
        panic!("somebody is asked")
    };
    let why = "d1 (web1) is none of the objects of dba".to_owned();
    let command = Commanded { end: CommandEnd::Refused(why.clone()), ..*command };
    let reply = Reply { text: why, ..reply };
    assert_eq!(world.step(Input::Denied { reply, command: Box::new(command) }), []);
    let audit: Vec<_> =
        world.commands.iter().map(|row| (row.nick.as_str(), row.line.as_str(), row.end.name())).collect();
    assert_eq!(audit, [("alice", "dead replay d1", "asked"), ("alice", "dead replay d1", "refused")]);
    let [answer] = world.answers().try_into().expect("there is one answer");
    let PostedAnswer { request, text, end, .. } = answer;
    let words = "d1 (web1) is none of the objects of dba";
    assert_eq!((request.as_str(), text.as_str(), end), ("r1", words, PostedEnd::Denied));
}

#[test]
fn each_end_is_told_apart() {
    let mut world = site();
    for (person, line, end, words) in [
        ("bob", "ack db1 x", PostedEnd::Denied, "needs the role `operator`"),
        ("alice", "test ops", PostedEnd::Denied, "needs the role `admin`"),
        ("alice", "code bob 123456 ping", PostedEnd::Denied, "do not count here"),
        ("alice", "ack nosuch x", PostedEnd::NotDone, "I know no `nosuch`"),
        ("alice", "unack db1", PostedEnd::NotDone, "is not acknowledged"),
        ("alice", "yes", PostedEnd::NotDone, "nothing waits"),
        ("alice", "ack", PostedEnd::NotUnderstood, "write: ack"),
        ("alice", "nosuch", PostedEnd::NotUnderstood, "no command `nosuch`"),
        ("alice", "!", PostedEnd::NotUnderstood, "there is no command"),
        ("carol", "ping", PostedEnd::Denied, ""),
        ("alice", "ack host.name=db1 x", PostedEnd::Waits, "this would acknowledge db1"),
        ("alice", "yes", PostedEnd::Asked, ""),
    ] {
        let answer = post(&mut world, "r", person, line);
        assert!(answer.end == end && answer.text.contains(words), "{line}: {answer:?}");
    }
    let verdicts: Vec<&str> = world.commands.iter().rev().take(2).map(|command| command.end.name()).collect();
    assert_eq!(verdicts, ["asked", "asked"], "what waits for a `yes` is no refusal");
}

#[test]
fn a_key_counts_once_something_was_done_and_for_its_person_alone() {
    let mut world = site();
    let mut ends = |person: &str, key: &str, line: &str| {
        let answer = post_as(&mut world, "r", person, Some(key), line);
        (answer.end, std::mem::take(&mut world.actions).len())
    };
    assert_eq!(ends("alice", "k", "ack nosuch x"), (PostedEnd::NotDone, 0));
    assert_eq!(ends("alice", "k", "ack db1,db2 x"), (PostedEnd::Done, 2));
    assert_eq!(ends("alice", "k", "ack db1,db2 x"), (PostedEnd::Repeated, 0));
    assert_eq!(ends("alice", "k", "comment db1 other words"), (PostedEnd::Repeated, 0));
    assert_eq!(ends("root", "k", "comment db1 x"), (PostedEnd::Asked, 1));
    assert_eq!(ends("alice", "l", "comment db1 x"), (PostedEnd::Asked, 1));
    world.restart();
    let answer = post_as(&mut world, "r", "alice", Some("l"), "comment db1 x");
    assert_eq!(answer.end, PostedEnd::Repeated, "also after a restart");
    world.wait("24h");
    let answer = post_as(&mut world, "r", "alice", Some("l"), "comment db1 x");
    assert_eq!(answer.end, PostedEnd::Asked, "for a day");
}

#[test]
fn who_posts_too_much_is_answered_each_time() {
    let mut world = site();
    world.restart_with(|settings| settings.bounds_commands = true);
    let mut post_now = |person: &str, key: Option<&str>| {
        let command = posted(&world, "r", person, key, "ping");
        world.step(Input::PostedCommand(command));
        world.answers().pop().expect("there is an answer").end
    };
    for _ in 0..20 {
        assert_ne!(post_now("bob", Some("k")), PostedEnd::TooMany(20));
    }
    // Neither a repetition nor silence is free.
    assert_eq!([post_now("bob", Some("k")), post_now("bob", None)], [PostedEnd::TooMany(20); 2]);
    assert_eq!(post_now("alice", None), PostedEnd::Done);
}

#[test]
fn what_is_said_to_the_socket_later_goes_nowhere() {
    let mut world = site();
    assert_eq!(post(&mut world, "r1", "alice", "mute db1 1h disks").end, PostedEnd::Done);
    assert!(post(&mut world, "r2", "alice", "watch db1").text.contains("say it in chat"));
    world.said();
    world.wait("2h");
    assert_eq!(world.said(), [""; 0], "in chat one is told that a mute ends soon");
    assert_eq!(world.answers(), []);
}

#[test]
fn a_line_is_completed_with_what_one_may_and_what_there_is() {
    let mut world = site();
    let mut completed = |person: &str, line: &str| {
        let asked = Completing { request: "r".to_owned(), person: person.to_owned(), line: line.to_owned() };
        assert_eq!(world.step(Input::Completing(asked)), []);
        world.answers().pop().expect("there is an answer").text.replace('\n', " ")
    };
    for (person, line, words) in [
        ("alice", "una", "unack"),
        ("bob", "una", ""),
        ("alice", "!ACK d", "db1 db2"),
        // What no command can hold is not offered.
        ("alice", "ack we", ""),
        ("alice", "ack #", "#3 #2 #1"),
        ("alice", "ack db1,d", "db1,db1 db1,db2"),
        ("alice", "page ro", "root role:operator role:admin"),
        ("alice", "help hel", "help hello"),
        ("alice", "ack db1 ", "for until fri sticky quiet"),
        ("alice", "page  b", "bob"),
    ] {
        assert_eq!(completed(person, line), words, "{line}");
    }
    assert!(world.commands.is_empty() && world.decisions.iter().all(|decision| decision.event != "Command"));
}

#[test]
fn a_half_written_line_is_not_kept_in_the_journal() {
    let asked = Completing { request: String::new(), person: String::new(), line: String::new() };
    assert!(!Input::Completing(asked).is_kept());
    let command = posted(&site(), "r", "alice", None, "ping");
    assert!(Input::PostedCommand(command.clone()).is_kept());
    let json = serde_json::to_string(&Input::PostedCommand(command.clone())).expect("plain data");
    let read: Input = serde_json::from_str(&json).expect("what was written");
    assert_eq!(read, Input::PostedCommand(command));
}
