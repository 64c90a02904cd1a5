//! The pages tell the truth: their examples run, their tables come from the code, their links lead
//! somewhere.
//!
//! - A `rhai` block is compiled. Where a `text` block follows it, the block's rules judge the
//!   recording in `tests/fixtures/lifecycle.jsonl`, and the text is what comes of it: a line for
//!   each message, `TARGET: MESSAGE`; a line for each event that the rules dropped; and behind a
//!   line `> WORDS`, typed by an admin after the recording, the answer.
//! - A `rhai` block that begins with `// FOLDER/NAME.rhai` is a module, for the examples of its page.
//! - A `toml` block is a whole configuration.
//! - What stands between `<!-- NAME -->` and `<!-- end -->` is a table of the code, or with `recipe FILE`
//!   for a name, that file of the cookbook without its tests.

use super::common::config::Folder;
use super::common::recipes::{COOKBOOK, Recipe, recipes};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchbell::command::VERBS;
use watchbell::config::{self, Config};
use watchbell::diagnostic;
use watchbell::engine::script::reference::{self, ScriptVerb};
use watchbell::engine::{RuleFile, Ruleset};
use watchbell::load::Set;
use watchbell::model::scene::{FIELDS, OBJECT_FIELDS};
use watchbell::model::{EventType, Input, Speaker, Timestamp, Utterance, Verdict};
use watchbell::pipeline::{Finished, Pipeline};
use watchbell::router::Templates;
use watchbell::source::replay::{Replay, Speed, read_objects};
use watchbell::trial::{self, Targets};

const PAGES: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "docs/ARCHITECTURE.md",
    "docs/api.md",
    "docs/commands.md",
    "docs/configuration.md",
    "docs/cookbook.md",
    "docs/escalation.md",
    "docs/evening.md",
    "docs/mail-answers.md",
    "docs/oncall.md",
    "docs/people.md",
    "docs/performance.md",
    "docs/rules.md",
];

/// The page that shows all recipes.
const COOKBOOK_PAGE: &str = "docs/cookbook.md";

/// The file an example of a page is compiled as.
const EXAMPLE: &str = "example.rhai";
/// Behind the example: whatever it leaves undecided is none of its matter.
const REST: RuleText = ("zz.rhai", "rule(\"the rest\", #{}, |e| e.stop());");
type RuleText = (&'static str, &'static str);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fenced block of a page.
struct Block {
    language: String,
    text: String,
    /// `page:line` of its fence.
    at: String,
    /// Whether nothing but a blank line stands between the block before and this one.
    follows: bool,
}

fn blocks(path: &str) -> Vec<Block> {
    let page = page(path);
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    let mut between = true;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => {
                blocks.extend(open.take());
                between = false;
            }
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, Some(language)) => {
                let at = format!("{path}:{}", number + 1);
                open =
                    Some(Block { language: language.to_owned(), text: String::new(), at, follows: !between });
            }
            (None, None) => between |= !line.is_empty(),
        }
    }
    blocks
}

fn compile(files: &[(&str, &str)]) -> Result<Ruleset, String> {
    let file = |(name, text): &(&str, &str)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() };
    let files: Vec<RuleFile> = files.iter().map(file).collect();
    Ruleset::compile(&files)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// What comes of the recording when these rules judge it, and of what is typed afterwards.
fn transcript(rules: &str, modules: &[(&str, &str)], typed: &[&str]) -> Result<Vec<String>, String> {
    let set = Set {
        rules: Arc::new(compile(&[&[(EXAMPLE, rules), REST], modules].concat())?),
        templates: templates(),
        hash: String::new(),
    };
    let config = Config { zone: jiff::tz::TimeZone::UTC, ..config::builtin("".into(), "".into()) };
    let mut pipeline = Pipeline::for_replay(config, set);
    let source: Arc<str> = "icinga".into();
    let fixture = |name: &str| root().join("tests/fixtures").join(name);
    for name in ["lifecycle-objects-hosts.json.gz", "lifecycle-objects-services.json.gz"] {
        let objects = read_objects(&fixture(name), &source).expect("the recording is there");
        pipeline.take(Input::Objects(objects), Timestamp::UNIX_EPOCH);
    }
    let mut lines = Vec::new();
    let mut last = Timestamp::UNIX_EPOCH;
    let replay = Replay::new(&fixture("lifecycle.jsonl"), &source, Speed::Max);
    for event in replay.events().expect("the recording is there") {
        let event = event.expect("the recording is sound");
        last = event.timestamp;
        while let Some(wake) = pipeline.engine().next_wake().filter(|wake| *wake < last) {
            lines.extend(said(pipeline.take(Input::Tick, wake)));
        }
        lines.extend(said(pipeline.take(Input::Event(event), last)));
    }
    for words in typed {
        lines.push(format!("> {words}"));
        lines.extend(said(pipeline.take(Input::Utterance(utterance(words, last)), last)));
    }
    Ok(lines)
}

/// The failures of the tests in an example; an example that is not sound has none.
fn failing_tests(rules: &str) -> impl Iterator<Item = String> {
    let failures = compile(&[(EXAMPLE, rules)]).map_or(Vec::new(), |rules| {
        let set = Set { rules: Arc::new(rules), templates: templates(), hash: String::new() };
        let config = Config { zone: jiff::tz::TimeZone::UTC, ..config::builtin("".into(), "".into()) };
        let report = trial::run(&set, &Arc::new(config), Targets::Any, |_| true);
        report.expect("there is a thread").failures()
    });
    failures.into_iter().map(|failure| failure.to_string())
}

fn templates() -> Arc<Templates> {
    Arc::new(Templates::built_in().expect("the shipped templates are right"))
}

fn utterance(words: &str, at: Timestamp) -> Utterance {
    let speaker = Speaker { nick: "alice".to_owned(), account: None, local: true };
    let (sink, room) = ("console".to_owned(), String::new());
    Utterance { sink, room, private: true, speaker, text: words.to_owned(), at }
}

fn said(finished: Finished) -> Vec<String> {
    let told = finished.deliveries.iter().map(|delivery| match delivery.target.as_str() {
        "reply" => delivery.message.text.clone(),
        target => format!("{target}: {}", delivery.message.text),
    });
    let dropped = finished.decisions.iter().filter_map(|decision| match &decision.verdict {
        Verdict::Dropped(reason) if decision.steps.iter().all(|step| &*step.rule.file == EXAMPLE) => {
            Some(format!("({} {}: {reason})", decision.object, decision.summary))
        }
        _ => None,
    });
    told.chain(dropped).collect()
}

/// Name and text of a block that is a module.
fn module(block: &Block) -> Option<(&str, &str)> {
    let name = block.text.lines().next()?.strip_prefix("// ")?;
    (name.contains('/') && name.ends_with(".rhai")).then_some((name, block.text.as_str()))
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_example_of_a_rule_does_what_the_page_says() {
    let mut faults = Vec::new();
    for path in PAGES {
        let blocks = blocks(path);
        let rhai = || blocks.iter().enumerate().filter(|(_, block)| block.language == "rhai");
        let modules: Vec<(&str, &str)> = rhai().filter_map(|(_, block)| module(block)).collect();
        for (index, block) in rhai().filter(|(_, block)| module(block).is_none()) {
            faults.extend(failing_tests(&block.text).map(|failure| format!("{}: {failure}", block.at)));
            let next = blocks.get(index + 1).filter(|next| next.follows && next.language == "text");
            let Some(next) = next else {
                faults.extend(
                    compile(&[&[(EXAMPLE, block.text.as_str())], &modules[..]].concat())
                        .err()
                        .map(|fault| format!("{}: {fault}", block.at)),
                );
                continue;
            };
            let typed: Vec<&str> = next.text.lines().filter_map(|line| line.strip_prefix("> ")).collect();
            match transcript(&block.text, &modules, &typed).map(|lines| lines.join("\n") + "\n") {
                Err(fault) => faults.push(format!("{}: {fault}", block.at)),
                Ok(lines) if lines == next.text => {}
                Ok(lines) => faults.push(format!("{}: write instead:\n{lines}", next.at)),
            }
        }
    }
    report(&faults);
}

#[test]
fn every_verb_stands_in_an_example() {
    let pages = ["docs/rules.md", "docs/cookbook.md", "docs/oncall.md"];
    let examples = pages.into_iter().flat_map(blocks);
    let examples = examples.filter(|block| block.language == "rhai").map(|block| block.text);
    let examples = examples.collect::<String>()
        + &recipes().iter().map(|recipe| recipe.text.as_str()).collect::<String>();
    let tables = [
        reference::DECLARATIONS,
        reference::PATTERNS,
        reference::EVENT_VERBS,
        reference::ICINGA_VERBS,
        reference::FUNCTIONS,
        reference::COMMAND_VERBS,
        reference::TEST_VERBS,
    ];
    let missing: Vec<&str> = tables
        .into_iter()
        .flatten()
        .filter(|verb| !examples.contains(&format!("{}(", verb.form.split('(').next().expect("a form"))))
        .map(|verb| verb.form)
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_configuration_of_a_page_is_sound() {
    let mut found = 0;
    for block in ["README.md", "docs/api.md", "docs/rules.md", "docs/escalation.md", "docs/people.md"]
        .iter()
        .flat_map(|path| blocks(path))
    {
        if block.language != "toml" {
            continue;
        }
        found += 1;
        let folder = Folder::new();
        if let Err(faults) = folder.load(&block.text) {
            panic!("{}:\n{}", block.at, folder.shown(&faults));
        }
    }
    assert!(found > 0, "README.md shows no configuration");
}

#[test]
fn the_shipped_configuration_rules_and_templates_pass_the_check() {
    let folder = Folder::new();
    let example = include_str!("../watchbell.example.toml");
    let config = folder.load(example).unwrap_or_else(|faults| panic!("{}", folder.shown(&faults)));
    let shipped = Config { rules: root().join("rules"), templates: root().join("templates"), ..config };
    if let Err(faults) = Set::load(&shipped) {
        panic!("{}", diagnostic::render(&faults, false));
    }
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn table(head: &[&str], rows: impl Iterator<Item = String>) -> String {
    row(head) + &"|---".repeat(head.len()) + "|\n" + &rows.collect::<String>()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn verb_table(verbs: &[ScriptVerb]) -> String {
    table(&["Write", "It means"], verbs.iter().map(|verb| row(&[&code(verb.form), verb.help])))
}

fn command_table() -> String {
    let rows = VERBS.iter().map(|verb| {
        row(&[&code(&format!("!{}", verb.written())), verb.help, verb.right.role().unwrap_or_default()])
    });
    table(&["Write", "It does", "Needs the role"], rows)
}

fn command_reference() -> String {
    let rows = VERBS.iter().map(|verb| {
        let typed = |words: &str| if words.is_empty() { String::new() } else { code(&format!("!{words}")) };
        let aliases: Vec<String> = verb.aliases.iter().map(|name| typed(name)).collect();
        let role = verb.right.role().unwrap_or_default();
        row(&[&typed(&verb.written()), verb.help, role, &aliases.join(", "), &typed(verb.example)])
    });
    table(&["Write", "It does", "Needs the role", "Also", "Such as"], rows)
}

/// The text of a type's documentation stands in the source only; what a reader needs is its origin.
fn type_table() -> String {
    let list = |is_icinga: bool| {
        let names = EventType::ALL.iter().filter(|event_type| event_type.is_icinga() == is_icinga);
        names.map(|event_type| code(event_type.name())).collect::<Vec<_>>().join(", ")
    };
    table(&["From", "Types"], [row(&["Icinga", &list(true)]), row(&["Watchbell", &list(false)])].into_iter())
}

/// Each source file with the first sentence of its documentation.
fn code_map() -> String {
    let mut map = String::new();
    let mut folder = PathBuf::new();
    for path in source_files(&root().join("src")) {
        let inside = path.strip_prefix(root()).expect("it lies in the project").to_owned();
        let parent = inside.parent().expect("it lies in a folder").to_owned();
        if parent != folder {
            map += &format!("\n{}/\n", parent.display());
            folder = parent;
        }
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let name = inside.file_name().expect("it has a name").to_string_lossy();
        map += &format!("  {name:<20} {}\n", first_sentence(&text));
    }
    format!("```text{map}```\n")
}

/// All files of source but unit tests: those of a folder first, then the folders in it.
fn source_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|path| path.is_dir());
    let is_source =
        |path: &PathBuf| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs");
    files
        .into_iter()
        .filter(is_source)
        .chain(folders.iter().flat_map(|folder| source_files(folder)))
        .collect()
}

fn first_sentence(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let paragraph = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    match paragraph.split_once(". ") {
        Some((sentence, _)) => sentence.to_owned(),
        None => paragraph.trim_end_matches('.').to_owned(),
    }
}

#[test]
fn the_tables_of_the_pages_are_those_of_the_code() {
    let fields =
        table(&["Field", "It says"], FIELDS.iter().map(|field| row(&[&code(field.name), field.doc])));
    let of_objects = OBJECT_FIELDS.iter().map(|field| {
        let names = format!("`host.{0}`, `service.{0}`", field.name);
        row(&[&names, field.doc])
    });
    let expected = [
        ("README.md", "commands", command_table()),
        ("docs/rules.md", "commands", command_table()),
        ("docs/commands.md", "command reference", command_reference()),
        ("docs/rules.md", "types", type_table()),
        ("docs/rules.md", "fields", fields),
        ("docs/rules.md", "object fields", table(&["Field", "It says"], of_objects)),
        ("docs/rules.md", "declarations", verb_table(reference::DECLARATIONS)),
        ("docs/rules.md", "patterns", verb_table(reference::PATTERNS)),
        ("docs/rules.md", "event verbs", verb_table(reference::EVENT_VERBS)),
        ("docs/rules.md", "icinga verbs", verb_table(reference::ICINGA_VERBS)),
        ("docs/rules.md", "functions", verb_table(reference::FUNCTIONS)),
        ("docs/rules.md", "command verbs", verb_table(reference::COMMAND_VERBS)),
        ("docs/rules.md", "command fields", verb_table(reference::COMMAND_FIELDS)),
        ("docs/rules.md", "test verbs", verb_table(reference::TEST_VERBS)),
        ("docs/ARCHITECTURE.md", "code map", code_map()),
    ];
    let stale = expected.iter().filter_map(|(path, name, table)| stale_section(path, name, table));
    report(&stale.collect::<Vec<_>>());
}

#[test]
fn the_page_of_the_cookbook_shows_each_recipe_as_it_is() {
    let recipes = recipes();
    let sections = recipes.iter().map(|recipe| (format!("recipe {}", recipe.file), in_the_page(recipe)));
    let stale = sections.filter_map(|(name, section)| stale_section(COOKBOOK_PAGE, &name, &section));
    report(&stale.collect::<Vec<_>>());
    assert_eq!(page(COOKBOOK_PAGE).matches("<!-- recipe ").count(), recipes.len(), "one recipe, one section");
}

fn in_the_page(recipe: &Recipe) -> String {
    let targets: Vec<String> = recipe.targets().iter().map(|target| code(target)).collect();
    let needs = match targets.as_slice() {
        [] => String::new(),
        [one] => format!(" Needs the target {one}."),
        several => format!(" Needs the targets {}.", several.join(", ")),
    };
    let (title, about, file, rules) = (recipe.title(), recipe.about(), &recipe.file, recipe.rules());
    format!("### {title}\n\n{about}{needs} [{file}](../{COOKBOOK}/{file})\n\n```rhai\n{rules}\n```\n")
}

/// What is wrong with a section that is generated; with `UPDATE_DOCS` it is written instead.
fn stale_section(path: &str, name: &str, text: &str) -> Option<String> {
    let section = format!("<!-- {name} -->\n{text}<!-- end -->\n");
    if page(path).contains(&section) {
        return None;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        write_section(path, name, &section);
        return None;
    }
    Some(format!("{path}: is stale; UPDATE_DOCS=1 writes there:\n{section}"))
}

fn write_section(path: &str, name: &str, section: &str) {
    let page = page(path);
    let (before, rest) = page
        .split_once(&format!("<!-- {name} -->\n"))
        .unwrap_or_else(|| panic!("{path}: has no section {name}"));
    let (_, after) = rest.split_once("<!-- end -->\n").expect("the section has an end");
    fs::write(root().join(path), format!("{before}{section}{after}")).expect("the page can be written");
}

#[test]
fn every_link_leads_to_a_file() {
    let link = regex::Regex::new(r"\]\(([^)#:\s]+)\)").expect("a regular expression");
    let mut faults = Vec::new();
    for path in PAGES {
        let folder = Path::new(path).parent().expect("a page lies in the project");
        for found in link.captures_iter(&page(path)) {
            if !root().join(folder).join(&found[1]).exists() {
                faults.push(format!("{path}: links to {}, which is not there", &found[1]));
            }
        }
    }
    report(&faults);
}
