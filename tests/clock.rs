//! A clock that is set, stopped, or has always been wrong.

use crate::common::alone::Alone;
use crate::common::engine::World;
use crate::common::wait_for;
use crate::common::watchbell::Watchbell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchbell::model::Input;

const DB: &str = "db1!postgres";
const HOUR: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(60);

/// Rules by which something is to come in ten minutes, and what is told then.
const TO_COME: &[(&str, &str, &str)] = &[
    (
        "a timer",
        r#"rule("t", #{ on: ["StateChange", "Timer"] }, |e| { if e.type == "Timer" { e.notify("ops"); } else { e.after("10m", "t"); e.drop("later"); } });"#,
        "ops: Timer db1!postgres CRITICAL",
    ),
    (
        "a problem that is held",
        r#"rule("h", #{ on: "StateChange" }, |e| { e.hold("10m"); e.notify("ops"); });"#,
        "ops: StateChange db1!postgres CRITICAL (was: held 10m: does it heal?)",
    ),
    (
        "a message that is gathered",
        r#"rule("g", #{ on: "StateChange" }, |e| { e.group("k", #{ wait: "10m" }); e.notify("ops"); });"#,
        "",
    ),
    (
        "a reminder",
        r#"rule("r", #{ on: ["StateChange", "Reminder"] }, |e| { if e.type == "Reminder" { e.notify("ops"); } else { e.remind("10m"); e.drop("heard"); } });"#,
        "ops: Reminder db1!postgres CRITICAL",
    ),
];

/// The clock is set back, and the engine takes something in, as it does when that is told.
fn set_back(world: &mut World, by: Duration) {
    world.step(Input::Tick);
    world.now -= by;
    world.step(Input::Tick);
}

#[test]
fn what_is_to_come_neither_freezes_nor_comes_twice_when_the_clock_is_set_back() {
    for (what, rule, told) in TO_COME {
        let mut world = World::new(rule);
        world.state(DB, "CRITICAL");
        world.wait("4m");
        assert_eq!(world.told(), Vec::<String>::new(), "{what}: too early");
        set_back(&mut world, 24 * HOUR);
        world.wait("5m");
        assert_eq!(world.told(), Vec::<String>::new(), "{what}: too early after the clock was set");
        world.wait("1m");
        let heard = world.told();
        assert_eq!(heard.len(), 1, "{what}: {heard:?}");
        assert!(told.is_empty() || heard[0] == *told, "{what}: {heard:?}");
        set_back(&mut world, HOUR);
        world.wait("9m");
        assert_eq!(world.told(), Vec::<String>::new(), "{what}: it came twice");
    }
}

#[test]
fn what_moved_with_the_clock_is_kept_so() {
    for (what, rule, _) in TO_COME {
        let mut world = World::new(rule);
        world.state(DB, "CRITICAL");
        set_back(&mut world, 24 * HOUR);
        world.wait("9m");
        world.restart();
        world.wait("30s");
        assert_eq!(world.told(), Vec::<String>::new(), "{what}: too early");
        world.wait("1m");
        assert_eq!(world.told().len(), 1, "{what}");
    }
}

#[test]
fn what_rules_remember_lasts_as_long_as_before_when_the_clock_is_set_back() {
    let rule = r#"rule("s", #{ on: "StateChange" }, |e| { if e.seen("k", "10m") { e.drop("seen"); return; } e.notify("ops"); });"#;
    let mut world = World::new(rule);
    world.state(DB, "CRITICAL");
    assert_eq!(world.told().len(), 1);
    set_back(&mut world, 24 * HOUR);
    world.wait("9m");
    world.state("db2!postgres", "CRITICAL");
    world.expect_silence();
    world.wait("2m");
    world.state("db3!postgres", "CRITICAL");
    assert_eq!(world.told().len(), 1, "the window is over");
}

/// Where Debian has the library that shows programs another time.
fn libfaketime() -> PathBuf {
    let found = fs::read_dir("/usr/lib").expect("it is there").flatten();
    let mut paths = found.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.exists()).expect("the package faketime; tests/run installs it")
}

/// Starts it with a wall clock that the file `clock` sets, such as `+1h`.
fn start_with_clock(alone: &Alone, folder: &Path) -> Watchbell {
    let clock = folder.join("clock");
    fs::write(&clock, "+0s\n").expect("the folder is writable");
    alone.site.start_so(|command| {
        command
            .env("LD_PRELOAD", libfaketime())
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    })
}

/// Waits until a delivery has failed at least once.
fn wait_for_a_try(alone: &Alone) {
    let tried = || {
        let database = rusqlite::Connection::open(alone.site.path("watchbell.db")).ok()?;
        let sql = "SELECT count(*) FROM deliveries WHERE status = 'pending' AND last_attempt IS NOT NULL";
        let count: i64 = database.query_row(sql, [], |row| row.get(0)).ok()?;
        (count > 0).then_some(())
    };
    wait_for("a try that fails", PATIENCE, tried);
}

#[test]
fn deliveries_that_wait_for_another_try_are_sent_once_however_the_clock_is_set() {
    for (set, words) in
        [("+1h", "it jumped ahead"), ("+3650d", "it jumped ahead"), ("-1h", "it was set back")]
    {
        let folder = tempfile::tempdir().expect("there is room");
        let alone = Alone::new(folder.path(), &[]);
        let mut watchbell = start_with_clock(&alone, folder.path());
        alone.wait_until_it_listens(&mut watchbell);
        alone.site.write("broken", "");
        assert!(alone.send("before the clock is set"), "{set}");
        wait_for_a_try(&alone);

        set_clock(folder.path(), set);
        watchbell.log.expect(words);
        assert!(alone.send("after the clock is set"), "{set}");
        fs::remove_file(alone.site.path("broken")).expect("it is there");

        alone.wait_for_told("after the clock is set");
        alone.wait_for_told(words);
        assert!(watchbell.terminate().success(), "{set}");
        for text in ["before the clock is set", "after the clock is set", words] {
            assert_eq!(alone.count_told(text), 1, "{set}: {text}: {:?}", alone.told());
        }
        assert_eq!(alone.count_told("given up"), 0, "{set}");
    }
}

#[test]
fn a_timer_fires_once_and_at_once_behind_a_pause_that_outlasted_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    let rule = r#"rule("later", #{ on: ["Webhook", "Timer"] }, |e| {
        if e.type == "Timer" { e.notify("default", #{ text: "the time has come" }); } else { e.after("8s", "t"); }
    });"#;
    alone.site.write("rules/10-later.rhai", rule);
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    assert!(alone.send("begin"));
    alone.wait_for_told("begin");
    watchbell.signal("STOP");
    // The pause itself: it must outlast the timer.
    std::thread::sleep(Duration::from_secs(9));
    assert_eq!(alone.count_told("the time has come"), 0);
    watchbell.signal("CONT");
    alone.wait_for_told("the time has come");
    assert!(alone.send("end"));
    alone.wait_for_told("end");
    assert!(watchbell.terminate().success());
    assert_eq!(alone.count_told("the time has come"), 1);
}

/// What people muted is kept from them; whatever else happens is told.
const MUTED: &str = r#"rule("all", #{ on: ["StateChange", "MuteEnding"] }, |e| { if e.type == "StateChange" && e.muted() { e.drop(e.muted_by()); return; } e.notify("ops"); });"#;

#[test]
fn a_mute_lasts_as_long_as_was_asked_for_when_the_clock_is_set_back() {
    let mut world = World::new(MUTED);
    let said = world.say("alice", "!mute db* 1h");
    assert!(said.contains("muted until"), "{said}");
    set_back(&mut world, HOUR);
    world.wait("50m");
    world.state(DB, "CRITICAL");
    world.expect_dropped("muted by alice@icinga");
    set_back(&mut world, 24 * HOUR);
    world.restart();
    world.wait("9m");
    world.expect_silence();
    world.wait("1m");
    let hidden = "ops: StateChange db1!postgres CRITICAL (was: muted by alice@icinga)";
    world.expect(&["ops: MuteEnding", hidden]);
    world.wait("25h");
    world.expect_silence();
}

#[test]
fn a_mute_whose_end_came_while_nothing_ran_is_told_at_the_start_with_what_it_hid() {
    let mut world = World::new(MUTED);
    world.say("alice", "!mute db* 1h");
    world.wait("50m");
    world.restart();
    world.state(DB, "CRITICAL");
    world.expect_dropped("muted by alice@icinga");
    world.restart();
    world.now += HOUR;
    world.step(Input::Tick);
    world.expect(&["ops: MuteEnding", "ops: StateChange db1!postgres CRITICAL (was: muted by alice@icinga)"]);
}

/// What a webhook says is done: `mute LENGTH` mutes all others, which are told unless muted.
const MUTES: &str = r#"
rule("mutes", #{ on: "Webhook" }, |e| {
    let text = e.webhook.body.text;
    if text.starts_with("mute ") {
        mute(#{ "webhook.name": "test" }, text.split(" ")[1], "", "a test");
        e.notify("default", #{ text: "it is muted" });
        e.stop();
    } else if e.muted() {
        e.drop("muted");
    }
});
rule("ends", #{ on: "MuteEnding" }, |e| e.notify("default", #{ text: `it ends, ${e.mute.events} hidden` }));
"#;

/// A Watchbell whose clock can be set, and that mutes.
fn start_with_mutes(folder: &Path) -> (Alone, Watchbell) {
    let alone = Alone::new(folder, &[]);
    alone.site.write("rules/05-mutes.rhai", MUTES);
    let mut watchbell = start_with_clock(&alone, folder);
    alone.wait_until_it_listens(&mut watchbell);
    (alone, watchbell)
}

fn set_clock(folder: &Path, by: &str) {
    fs::write(folder.join("clock"), format!("{by}\n")).expect("the folder is writable");
}

#[test]
fn a_mute_ends_in_its_time_when_the_clock_of_the_machine_is_set_back() {
    let folder = tempfile::tempdir().expect("there is room");
    let (alone, mut watchbell) = start_with_mutes(folder.path());
    assert!(alone.send("mute 15s"));
    alone.wait_for_told("it is muted");
    set_clock(folder.path(), "-1h");
    alone.wait_for_told("it was set back");
    assert!(alone.send("while it is muted"));
    alone.wait_for_told("it ends, 1 hidden");
    assert!(watchbell.terminate().success());
    assert_eq!(alone.count_told("while it is muted"), 0);
}

#[test]
fn a_jump_ahead_that_is_not_believed_yet_or_is_taken_back_ends_no_mute() {
    let folder = tempfile::tempdir().expect("there is room");
    let (alone, mut watchbell) = start_with_mutes(folder.path());
    assert!(alone.send("mute 30m"));
    alone.wait_for_told("it is muted");
    for jump in ["+1h", "+3650d"] {
        set_clock(folder.path(), jump);
        watchbell.log.expect("it jumped ahead");
        assert!(alone.send("while it is ahead"), "{jump}");
        set_clock(folder.path(), "+0s");
        watchbell.log.expect("was taken back");
        assert!(alone.send("and behind it"), "{jump}");
    }
    assert!(watchbell.terminate().success());
    for text in ["while it is ahead", "and behind it", "it ends"] {
        assert_eq!(alone.count_told(text), 0, "{text}: {:?}", alone.told());
    }
}

#[test]
fn a_mute_outlives_a_crash_and_ends_at_the_start_where_its_time_has_come() {
    let folder = tempfile::tempdir().expect("there is room");
    let (alone, mut watchbell) = start_with_mutes(folder.path());
    assert!(alone.send("mute 30m"));
    alone.wait_for_told("it is muted");
    watchbell.kill();
    let mut watchbell = start_with_clock(&alone, folder.path());
    alone.wait_until_it_listens(&mut watchbell);
    assert!(alone.send("what is hidden"));
    assert!(watchbell.terminate().success());
    let mut watchbell = alone.site.start_so(|command| {
        command
            .env("LD_PRELOAD", libfaketime())
            .env("FAKETIME", "+1h")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    });
    alone.wait_for_told("it ends, 1 hidden");
    assert!(watchbell.terminate().success());
    assert_eq!(alone.count_told("what is hidden"), 0);
}
