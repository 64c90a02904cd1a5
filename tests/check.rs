//! `watchbell check` and the help of the command line, as a program.

use crate::common::cli::{CONFIG, installation, put, watchbell};

/// What is said of an installation after this change.
fn faults(change: impl FnOnce(&std::path::Path)) -> String {
    let folder = installation();
    change(folder.path());
    watchbell(folder.path(), &["check"]).refused()
}

#[test]
fn a_sound_installation_is_said_to_be_sound_and_nothing_is_started() {
    let folder = installation();
    let out = watchbell(folder.path(), &["check"]).fine();
    let (before, rest) = out.split_once("ruleset ").expect("it names the set");
    assert_eq!(before, "watchbell.toml: sound; ");
    assert_eq!(
        rest.split_once(": ").map(|(_, counts)| counts),
        Some("1 rule and 0 commands for 1 event type, 1 target, 1 sink\n")
    );
    assert!(!folder.path().join("watchbell.db").exists());
}

#[test]
fn what_is_shipped_is_sound() {
    let folder = installation();
    let whole = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let config = CONFIG
        .replace("\"rules\"", &format!("{:?}", whole("rules")))
        .replace("\"templates\"", &format!("{:?}", whole("templates")));
    put(folder.path(), "elsewhere.toml", &config);
    let out = watchbell(folder.path(), &["check", "--config", "elsewhere.toml"]).fine();
    assert!(out.starts_with("elsewhere.toml: sound; "), "{out}");
}

#[test]
fn faults_of_configuration_rules_and_templates_are_told_together() {
    let all = faults(|folder| {
        let config = CONFIG.replace("[target.ops]\nsink = \"terminal\"", "[target.ops]\nsink = \"termnal\"");
        put(folder, "watchbell.toml", &config.replace("zone = \"UTC\"", "zone = \"Europe/Berln\""));
        put(folder, "rules/10-all.rhai", "rule(\"all\", #{ stat: \"DOWN\" }, |e| e.notfy(\"ops\"));\n");
        put(
            folder,
            "rules/20-more.rhai",
            "rule(\"more\", #{ on: \"StateChnage\" }, |e| ());\nrule(\"more\", #{}, |e| ());\nrule(\"more\", #{}, |e| ());\n",
        );
        put(folder, "templates/default/StateChange.text", "{{ objct }} is {% if %}\n");
    });
    insta::assert_snapshot!("faults_of_all_kinds", all);
}

#[test]
fn faults_of_rules_alone_are_told() {
    let all = faults(|folder| {
        put(folder, "rules/10-all.rhai", "rule(\"all\", #{}, |e| {\n  let x = 1\n  e.stop()\n});\n")
    });
    insta::assert_snapshot!("faults_of_rules", all);
}

#[test]
fn a_folder_that_is_not_there_is_told_once_and_the_other_one_is_checked() {
    let all = faults(|folder| {
        std::fs::remove_dir_all(folder.join("rules")).expect("it is there");
        put(folder, "templates/default/StateChange.text", "{% if %}\n");
    });
    assert_eq!(all.lines().filter(|line| line.starts_with("error: ")).count(), 2, "{all}");
    assert!(all.starts_with("error: `rules` names the folder rules, which is not there"), "{all}");
    assert!(all.contains("templates/default/StateChange.text:1:"), "{all}");
}

#[test]
fn a_folder_of_templates_for_no_sink_is_a_fault() {
    let all = faults(|folder| put(folder, "templates/termnal/StateChange.text", "x\n"));
    assert!(all.contains("`termnal` is neither a kind of sink nor the name of one"), "{all}");
}

#[test]
fn a_configuration_that_is_not_there_is_told_with_a_way_out() {
    let folder = installation();
    let err = watchbell(folder.path(), &["check", "--config", "other.toml"]).refused();
    assert!(err.contains("other.toml") && err.contains("watchbell.example.toml"), "{err}");
}

#[test]
fn the_help_of_every_verb_reads_well() {
    let folder = installation();
    let mut all = String::new();
    for verb in ["", "run", "check", "test", "replay", "why", "why-not", "route", "demo"] {
        let arguments: Vec<&str> = [verb, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        all.push_str(&format!("$ watchbell {}\n", arguments.join(" ")));
        all.push_str(&watchbell(folder.path(), &arguments).fine());
        all.push('\n');
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn a_wrong_command_line_is_exit_code_2_with_what_was_meant() {
    let folder = installation();
    for (arguments, words) in [
        (&["chekc"][..], "check"),
        (&["check", "--confg", "x"], "--config"),
        (&["replay"], "<FILE>"),
        (&["why"], "<OBJECT>"),
        (&[], "Usage"),
    ] {
        let ended = watchbell(folder.path(), arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.err.contains(words), "{arguments:?}: {}", ended.err);
    }
}
