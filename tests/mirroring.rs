//! Who may have a mute stand in Icinga as well: whoever may do there what it does.

use crate::common::config::Folder;
use crate::common::engine::World;
use watchbell::engine::Settings;

const RULES: &str = r#"rule("all", #{ on: "StateChange" }, |e| e.notify("ops"));"#;

/// Two databases, of which one is broken, and who may mute them: mia no more than that, kim also with
/// short downtimes and acknowledgements.
fn mirrors(is_usual: bool) -> World {
    let mut world = World::new(RULES);
    let people = r##"
[sink.console.terminal]
[target.ops]
sink = "terminal"
[sink.irc.irc]
server = "irc.example.org"
nick = "bell"
[defaults]
target = "ops"
zone = "UTC"
[role.quiet]
commands = ["mute", "unmute"]
[role.keeper]
commands = ["downtime", "ack"]
longest = "2h"
objects = { host.name = "db1" }
[person.mia]
irc = "mia"
roles = ["quiet"]
[person.kim]
irc = "kim"
roles = ["quiet", "keeper"]
[person.alice]
irc = "alice"
roles = ["operator"]
"##;
    let config = Folder::new().load(people).unwrap_or_else(|faults| panic!("{faults}"));
    let settings = Settings { bounds_commands: false, mirror_mutes: is_usual, ..Settings::of(&config) };
    world.restart_with(|old| *old = settings);
    for name in ["db1", "db1!disk", "db2"] {
        world.object(name, |_| {});
    }
    world.state("db1!disk", "CRITICAL");
    world.told();
    world
}

/// What is answered to a line, how many mutes there are then, and what Icinga is asked.
fn tried(is_usual: bool, who: &str, line: &str) -> (String, usize, Vec<&'static str>) {
    let mut world = mirrors(is_usual);
    let answer = world.say(who, line);
    let asked = world.actions.iter().map(|action| action.kind.name()).collect();
    (answer, world.engine.world().mutes().count(), asked)
}

#[test]
fn a_mute_stands_in_icinga_only_where_that_may_be_done_there() {
    let no_downtime = "this needs a role with `downtime` here; you have quiet: mute, unmute";
    for (who, line, words) in [
        (
            "mia",
            "!mute db1 1h mirror disks",
            format!("`mirror` does in Icinga what `downtime` does: {no_downtime}"),
        ),
        (
            "mia",
            "!mute db1 until ok mirror disks",
            "`mirror` does in Icinga what `ack` does: this needs a role with `ack` here".to_owned(),
        ),
        ("kim", "!mute db2 1h mirror disks", "db2 is none of the objects of keeper".to_owned()),
        ("kim", "!mute db1,db2 1h mirror disks", "db2 is none of the objects of keeper".to_owned()),
        ("kim", "!mute db1 3h mirror disks", "this lasts 3h, and keeper gives at most 2h".to_owned()),
        ("kim", "!mute db1 until ok mirror disks", "say for how long; keeper gives at most 2h".to_owned()),
    ] {
        let (answer, mutes, asked) = tried(false, who, line);
        assert!(answer.contains(&words), "{line}: {answer}");
        assert_eq!((mutes, asked.as_slice()), (0, &[][..]), "{line}");
        // Where the configuration asks for it, the mute itself is done.
        let (answer, mutes, asked) = tried(true, who, &line.replace(" mirror", ""));
        let reason = words.strip_prefix("`mirror` does in Icinga what ").unwrap_or(&words);
        let reason = reason.split_once(": ").map_or(reason, |(_, reason)| reason);
        assert!(
            answer.contains("muted until") && answer.contains("; not in Icinga as well, "),
            "{line}: {answer}"
        );
        assert!(answer.contains(reason), "{line}: {answer}");
        assert_eq!((mutes, asked.as_slice()), (line.split(',').count(), &[][..]), "{line}");
    }
    for (who, line, wanted) in [
        ("kim", "!mute db1 1h disks", "schedule-downtime"),
        ("kim", "!mute db1!disk 2h disks", "schedule-downtime"),
        ("alice", "!mute db2 5d disks", "schedule-downtime"),
        ("alice", "!mute db1 until ok disks", "acknowledge-problem"),
    ] {
        let (answer, mutes, asked) = tried(true, who, line);
        assert_eq!((mutes, asked.as_slice()), (1, &[wanted][..]), "{line}: {answer}");
        assert!(!answer.contains("Icinga"), "{line}: {answer}");
    }
    // What can stand nowhere but in Watchbell asks for no right.
    let (answer, mutes, _) = tried(true, "mia", "!mute db* 1h disks");
    assert!(mutes == 1 && !answer.contains("Icinga"), "{answer}");
}

#[test]
fn a_mute_that_stands_in_icinga_lasts_longer_only_where_that_may_be_done_there() {
    let mut world = mirrors(false);
    world.say("alice", "!mute db1 1h mirror disks");
    world.say("alice", "!mute db2 1h disks");
    world.actions.clear();
    let answer = world.say("mia", "!mute m1 2h");
    assert!(
        answer.contains("does in Icinga what `downtime` does: this needs a role with `downtime`"),
        "{answer}"
    );
    let answer = world.say("mia", "!mute m1,m2 2h");
    assert!(answer.contains("this needs a role with `downtime`"), "{answer}");
    assert_eq!(world.actions, []);
    assert!(world.say("mia", "!mutes").contains("m1 db1 and its services for 59m"), "nothing was done");
    assert!(world.say("mia", "!mute m2 2h").contains("m2: db2 and its services muted"));
    assert_eq!(world.actions, []);
    assert!(world.say("kim", "!mute m1 2h").contains("m1: db1 and its services muted"));
    assert_eq!(world.actions.len(), 1);
    // Its end is its end there, too.
    assert!(world.say("mia", "!unmute m1").contains("no longer muted"));
}
