//! The cookbook: each recipe works beside the shipped rules, and all of them work together.

use crate::common::cli::{CONFIG, fixture, put, watchbell};
use crate::common::recipes::{Recipe, recipes};
use crate::common::site::Site;
use std::sync::Arc;
use watchbell::config::{self, Config, Target};
use watchbell::diagnostic;
use watchbell::engine::{RuleFile, Ruleset};
use watchbell::load::{self, Set};
use watchbell::router::Templates;
use watchbell::trial::{self, Targets};

/// How long a recipe may be, in lines, so that it is read before it is copied.
const LONGEST: usize = 60;

/// The shipped rules, and these recipes copied up beside them.
fn beside_the_shipped(recipes: &[&Recipe]) -> Set {
    let copied =
        recipes.iter().map(|recipe| RuleFile { name: recipe.file.clone(), text: recipe.text.clone() });
    let mut files: Vec<RuleFile> = load::shipped_rules().into_iter().chain(copied).collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let rules = Ruleset::compile(&files).unwrap_or_else(|faults| {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    let templates = Templates::built_in().expect("the shipped templates are right");
    Set { rules: Arc::new(rules), templates: Arc::new(templates), hash: String::new() }
}

/// A configuration with these targets and the default one.
fn with_targets(names: &[String]) -> Arc<Config> {
    let mut config = config::builtin("rules".into(), "".into());
    let default = config.targets[&config.default_target].clone();
    let targets = names.iter().map(|name| (name.clone(), Target { name: name.clone(), ..default.clone() }));
    config.targets.extend(targets);
    Arc::new(Config { zone: jiff::tz::TimeZone::UTC, ..config })
}

#[test]
fn each_recipe_passes_beside_the_shipped_rules_and_their_tests() {
    for recipe in recipes() {
        let set = beside_the_shipped(&[&recipe]);
        let config = with_targets(&recipe.targets());
        let report = trial::run(&set, &config, Targets::Configured, |_| true).expect("there is a thread");
        let failures = report.failures();
        assert!(failures.is_empty(), "{}\n{}", recipe.file, diagnostic::render(&failures, false));
    }
}

#[test]
fn the_tests_of_a_recipe_touch_each_of_its_rules_and_commands() {
    for recipe in recipes() {
        let set = beside_the_shipped(&[&recipe]);
        let config = with_targets(&recipe.targets());
        let own = |test: &watchbell::engine::RuleTest| *test.at.file == *recipe.file;
        let report = trial::run(&set, &config, Targets::Configured, own).expect("there is a thread");
        assert!(!report.results.is_empty(), "{}: has no tests", recipe.file);
        let rules = set.rules.rules().iter().filter(|rule| *rule.at.file == *recipe.file);
        let untouched: Vec<String> =
            rules.filter(|rule| !report.touched.contains(&rule.at)).map(|rule| rule.at.to_string()).collect();
        assert_eq!(untouched, Vec::<String>::new());
        for command in recipe.text.lines().filter_map(|line| line.strip_prefix("command(\"")) {
            let (name, _) = command.split_once('"').expect("its name has an end");
            assert!(recipe.text.contains(&format!("\"!{name} ")), "{}: no test says !{name}", recipe.file);
        }
    }
}

#[test]
fn a_recipe_names_the_targets_that_it_needs_and_no_others() {
    for recipe in recipes() {
        let set = beside_the_shipped(&[&recipe]);
        for target in recipe.targets() {
            let others: Vec<String> = recipe.targets().into_iter().filter(|other| *other != target).collect();
            let own = |test: &watchbell::engine::RuleTest| *test.at.file == *recipe.file;
            let report = trial::run(&set, &with_targets(&others), Targets::Configured, own);
            let failures = report.expect("there is a thread").failures();
            assert!(!failures.is_empty(), "{}: {target} is not needed", recipe.file);
        }
    }
}

#[test]
fn a_recipe_is_short_and_begins_with_what_it_does() {
    for recipe in recipes() {
        let lines = recipe.text.lines().count();
        assert!(lines <= LONGEST, "{}: {lines} lines", recipe.file);
        assert!(!recipe.title().is_empty() && recipe.about().ends_with('.'), "{}", recipe.file);
        assert!(recipe.file.as_bytes()[..2].iter().all(u8::is_ascii_digit), "{}: has no place", recipe.file);
    }
}

#[test]
fn the_cookbook_is_in_force_nowhere() {
    let is_recipe = |name: &str| recipes().iter().any(|recipe| name.ends_with(&recipe.file));
    let shipped = watchbell::assets::rules();
    assert!(!shipped.is_empty());
    assert!(!shipped.iter().any(|(name, _)| is_recipe(name)), "it is laid out as shipped rules");
    let sources = Site::new();
    let before = watchbell(sources.path(), &["check"]).fine();
    for recipe in recipes() {
        put(sources.path(), &format!("rules/cookbook/{}", recipe.file), &recipe.text);
    }
    assert_eq!(watchbell(sources.path(), &["check"]).fine(), before);
}

// All of them at once.

/// A configuration with all targets that the cookbook needs.
fn all_targets(recipes: &[Recipe]) -> String {
    let mut targets: Vec<String> = recipes.iter().flat_map(Recipe::targets).collect();
    targets.sort();
    targets.dedup();
    let sections = targets.iter().map(|name| format!("\n[target.{name}]\nsink = \"terminal\"\n"));
    CONFIG.to_owned() + &sections.collect::<String>()
}

/// An installation with the shipped rules and the whole cookbook copied up.
fn with_all() -> Site {
    let recipes = recipes();
    let config = all_targets(&recipes);
    let files: Vec<(&str, &str)> =
        recipes.iter().map(|recipe| (recipe.file.as_str(), recipe.text.as_str())).collect();
    Site::configured(&config, &files)
}

#[test]
fn all_recipes_pass_together() {
    let site = with_all();
    let tested = watchbell(site.path(), &["test"]);
    assert_eq!(tested.err, "");
    insta::assert_snapshot!("test", tested.fine());
    let checked = watchbell(site.path(), &["check", "--coverage"]);
    assert_eq!(checked.err, "");
    let checked = checked.fine();
    let (before, rest) = checked.split_once("ruleset ").expect("it names the set");
    let (_, counts) = rest.split_once(": ").expect("it counts");
    insta::assert_snapshot!("check", format!("{before}ruleset HASH: {counts}"));
}

/// Who would be told.
fn route(site: &Site, arguments: &[&str]) -> String {
    let ended = watchbell(site.path(), &[&["route"], arguments].concat());
    assert!(matches!(ended.code, Some(0 | 3)), "{}{}", ended.out, ended.err);
    ended.err + &ended.out
}

#[test]
fn a_warning_at_night_waits_for_the_morning() {
    let out = route(&with_all(), &["web1!http", "WARNING", "--at", "2026-11-23 23:00"]);
    insta::assert_snapshot!("route_night", out);
}

#[test]
fn the_second_node_of_a_cluster_goes_to_whoever_is_on_call() {
    let mut site = with_all();
    site.object("pg2!postgres", serde_json::json!({}));
    site.state("pg1!postgres", "CRITICAL", true);
    let out = route(&site, &["pg2!postgres", "CRITICAL", "--at", "2026-11-23 12:00"]);
    insta::assert_snapshot!("route_cluster", out);
}

#[test]
fn a_host_of_a_site_that_is_cut_off_is_told_to_nobody() {
    let mut site = with_all();
    site.object("web1", serde_json::json!({ "site": "lyon", "team": "web" }));
    site.state("router-lyon", "DOWN", true);
    let out = route(&site, &["web1", "DOWN", "--at", "2026-11-23 12:00", "--for", "3m"]);
    insta::assert_snapshot!("route_site", out);
}

#[test]
fn a_recording_is_told_by_all_recipes() {
    let site = with_all();
    let objects = ["lifecycle-objects-hosts.json.gz", "lifecycle-objects-services.json.gz"].map(fixture);
    let rules = site.path().join("rules").display().to_string();
    let arguments =
        ["replay", &fixture("lifecycle.jsonl"), "--rules", &rules, "--objects", &objects[0], &objects[1]];
    insta::assert_snapshot!("replay", watchbell(site.path(), &arguments).fine());
}

#[test]
fn what_all_recipes_would_change_is_compared_before_they_are_copied() {
    let recipes = recipes();
    let site = Site::configured(&all_targets(&recipes), &[]);
    for (name, text) in watchbell::assets::rules() {
        put(site.path(), &format!("candidate/{name}"), &text);
    }
    for recipe in &recipes {
        put(site.path(), &format!("candidate/{}", recipe.file), &recipe.text);
    }
    let objects = ["lifecycle-objects-hosts.json.gz", "lifecycle-objects-services.json.gz"].map(fixture);
    let recording = fixture("lifecycle.jsonl");
    let arguments = ["diff", "--rules", "candidate", &recording, "--objects", &objects[0], &objects[1]];
    let ended = watchbell(site.path(), &arguments);
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
    insta::assert_snapshot!("diff", ended.out);
}

#[test]
fn what_a_recipe_decided_is_explained() {
    let mut site = with_all();
    site.object("web1", serde_json::json!({ "team": "web" }));
    site.state("web1!disk /", "WARNING", true);
    site.state("web1", "DOWN", true);
    insta::assert_snapshot!("why", watchbell(site.path(), &["why", "web1"]).fine());
    insta::assert_snapshot!("why_not", watchbell(site.path(), &["why-not", "web1", "team-web"]).fine());
}
