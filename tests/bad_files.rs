//! Files and folders in every bad shape, read by the real reloader: the old set stays in force, the
//! admin is told, and what is only unusual is read.

use crate::common::engine::{World, key};
use crate::common::reloading::{Reloading, prepare};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use watchbell::engine::{RuleFile, Ruleset};
use watchbell::model::{Object, Scene};
use watchbell::router::{Templates, samples};

const GOOD: &str = "rule(\"own\", #{ on: \"StateChange\" }, |e| e.notify(\"default\"));\n";
const OTHER: &str = "rule(\"other\", #{ on: \"StateChange\" }, |e| e.notify(\"default\"));\n";
const FILE: &str = "rules/10-own.rhai";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_leaves_the_old_set_in_force_and_is_told_with_its_place() {
    let mut reloading = Reloading::start(GOOD);
    let first = reloading.first.hash.clone();
    let tabs = b"rule(\"a\", #{}, |e| {\n\t\te.log(\"\xe6\x97\xa5\xe6\x9c\xac\"); e.stpo();\n});\n";
    for (bytes, place, words) in [
        (&b"rule("[..], "10-own.rhai:1:", "^"),
        (b"rule(\"a\", #{}, |e| e.notfy(\"default\"));", "10-own.rhai:1:22", "did you mean `notify`?"),
        (b"1 + #{};", "10-own.rhai:1:3", "^"),
        (b"rule(\"a\", #{}, |e| e.notify(\"dfault\"));", "10-own.rhai:1:29", "did you mean `default`?"),
        (b"rule(\"a\", #{}, |e| ());\nlet x\0 = 1;", "10-own.rhai:2:6", "^"),
        (b"rule(\"a\", #{}, |e| ());\n// caf\xe9\n", "10-own.rhai:2:7", "the byte 0xe9 is no UTF-8"),
        (tabs, "10-own.rhai:2:18", "did you mean `stop`?"),
        (&vec![b' '; (1 << 20) + 1], "10-own.rhai: ", "is 1048577 bytes large"),
        (
            b"rule(\"a\", #{}, |e| ());\r\nrule(\"b\", #{ stat: 1 }, |e| ());\r\n",
            "10-own.rhai:2:14",
            "did you mean `state`?",
        ),
        (b"\xef\xbb\xbfrule(\"b\", #{ stat: 1 }, |e| ());", "10-own.rhai:1:14", "did you mean `state`?"),
    ] {
        reloading.write(FILE, bytes);
        let told = reloading.asked().await;
        assert!(!told.accepted && told.hash == first, "{place}");
        assert!(told.error.contains(place) && told.error.contains(words), "{place} {words}: {}", told.error);
        reloading.write(FILE, GOOD);
        while !reloading.asked().await.accepted {}
    }
    while let Ok(set) = reloading.sets.try_recv() {
        assert_eq!(set.hash, first, "nothing but the old set was ever put in force");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_before_the_text_and_other_line_ends_are_read() {
    let mut reloading = Reloading::start(GOOD);
    for text in [format!("\u{feff}{OTHER}"), OTHER.replace('\n', "\r\n"), format!("\t{OTHER}\n// 日本語\n")]
    {
        reloading.write(FILE, &text);
        let told = reloading.asked().await;
        assert!(told.accepted, "{}", told.error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_go_and_come_back_leave_the_old_set_in_force_meanwhile() {
    let mut reloading = Reloading::start(GOOD);
    let first = reloading.first.hash.clone();
    // A folder in place of a file cannot be read by anybody, not even by root.
    fs::create_dir(reloading.path("rules/20-folder.rhai")).expect("it is new");
    let told = reloading.asked().await;
    assert!(!told.accepted && told.error.contains("20-folder.rhai: cannot be read"), "{}", told.error);
    fs::remove_dir(reloading.path("rules/20-folder.rhai")).expect("it is there");
    // A link to nowhere, as a file that was deleted under its link.
    symlink("nowhere", reloading.path("rules/20-link.rhai")).expect("it is new");
    while reloading.asked().await.accepted {}
    fs::remove_file(reloading.path("rules/20-link.rhai")).expect("it is there");
    while !reloading.asked().await.accepted {}

    fs::rename(reloading.path("rules"), reloading.path("away")).expect("it is there");
    while reloading.asked().await.accepted {}
    fs::write(reloading.path("rules"), "a file in place of the folder").expect("it is ours");
    while reloading.asked().await.accepted {}
    fs::remove_file(reloading.path("rules")).expect("it is there");
    fs::rename(reloading.path("away"), reloading.path("rules")).expect("it is there");
    while !reloading.asked().await.accepted {}
    while let Ok(set) = reloading.sets.try_recv() {
        assert_eq!(set.hash, first, "nothing but the old set was ever put in force");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_above_the_folders_is_one_clean_swap() {
    let mut reloading = Reloading::start_in(Path::new("current"), |base| {
        prepare(&base.join("one"), GOOD);
        prepare(&base.join("two"), OTHER);
        symlink("one", base.join("current")).expect("it is new");
    });
    reloading.swap("current", "two");
    let told = reloading.told().await;
    assert!(told.accepted && told.hash != reloading.first.hash, "{}", told.error);
    reloading.swap("current", "one");
    assert_eq!(reloading.told().await.hash, reloading.first.hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_touches_swap_nothing() {
    let mut reloading = Reloading::start(GOOD);
    for second in 0..10_000 {
        let file = fs::File::options().append(true).open(reloading.path(FILE)).expect("it is there");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(second))
            .expect("it is ours");
    }
    reloading.write("rules/new~", OTHER);
    fs::rename(reloading.path("rules/new~"), reloading.path(FILE)).expect("both are in one folder");
    let told = reloading.told().await;
    assert!(told.accepted && told.hash != reloading.first.hash, "the first that is told is the change");
    assert_eq!(reloading.sets.try_recv().map(|set| set.hash), Ok(told.hash));
    assert!(reloading.sets.try_recv().is_err(), "there was one change, and one swap");
}

#[test]
fn a_half_written_file_is_a_fault_or_a_smaller_set_and_never_a_panic() {
    let short = |(name, _): &(String, String)| ["20-dedup.rhai", "90-commands.rhai"].contains(&name.as_str());
    let shipped: Vec<(String, String)> = watchbell::assets::rules().into_iter().filter(short).collect();
    assert_eq!(shipped.len(), 2);
    for (name, text) in shipped {
        for (cut, _) in text.char_indices() {
            let file = RuleFile { name: name.clone(), text: text[..cut].to_owned() };
            match Ruleset::compile(std::slice::from_ref(&file)) {
                Ok(ruleset) => {
                    let whole = text[..cut].matches("\nrule(").count();
                    assert!(ruleset.rules().len() <= whole + 1, "{name} cut at {cut}");
                }
                Err(faults) => assert!(!faults.is_empty(), "{name} cut at {cut}"),
            }
        }
    }
}

/// Names that mean something to some language, but not here.
fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "a b",
        "it's \"quoted\"",
        "🔥☃",
        "../../etc/passwd",
        "%s%n",
        "{{ output }}",
        "{% raw %}",
        "${e.state}",
        "`x`",
        "a\\b",
        "[ab]",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("x".repeat(300));
    names
}

#[test]
fn a_hostile_name_of_an_object_is_literal_in_matchers_and_texts() {
    for name in hostile_names() {
        let written = serde_json::Value::from(name.clone());
        let rules = format!(
            "rule(\"equal\", #{{ \"host.name\": {written} }}, |e| e.notify(\"ops\", #{{ text: `is ${{e.object}}` }}));\n\
             rule(\"all\", #{{ \"host.name\": glob(\"*\") }}, |e| e.notify(\"dba\"));\n"
        );
        let mut world = World::new(&rules);
        world.state(&name, "DOWN");
        let start = format!("StateChange {name} DOWN");
        world.expect(&[&format!("ops: {start} \"is {name}\""), &format!("dba: {start}")]);
        let service = format!("{name}!{name}");
        world.state(&service, "CRITICAL");
        let start = format!("StateChange {service} CRITICAL");
        world.expect(&[&format!("ops: {start} \"is {service}\""), &format!("dba: {start}")]);
        world.state("another", "DOWN");
        world.expect(&["dba: StateChange another DOWN"]);
    }
}

#[test]
fn a_hostile_name_of_an_object_is_literal_in_templates_and_mutes() {
    let templates = Templates::built_in().expect("the shipped templates are sound");
    for name in hostile_names() {
        let mut scene = Scene::clone(&samples::all()[0].scene);
        scene.event.object = Some(key(&name));
        scene.host = Some(std::sync::Arc::new(Object::bare(key(&name))));
        scene.service = None;
        let scene = std::sync::Arc::new(scene);
        let text = templates.render(&scene, "libera", "irc", &jiff::tz::TimeZone::UTC).text;
        assert!(text.contains(&name), "{name}: {text}");

        let mut world = World::shipped();
        world.state("another", "DOWN");
        world.state(&name, "DOWN");
        let told = world.told();
        assert_eq!(told.len(), 2, "{name}: {told:?}");
        // By its number, for a name with spaces cannot be typed in one word.
        let said = world.say("alice", "!mute #2 1h");
        assert!(said.contains("muted until"), "{name}: {said}");
        world.state(&name, "UP");
        world.state(&name, "DOWN");
        world.state("another", "UP");
        let told = world.told();
        assert!(!told.iter().any(|line| line.contains(&format!("{name} DOWN"))), "{name}: {told:?}");
        assert!(told.iter().any(|line| line.contains("another UP")), "{name}: {told:?}");
    }
}
