//! The rules of this house that no compiler checks: who may know whom, and what a file looks like.
//!
//! Each message says how to mend what it found.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Which rooms a room may import, from the floor up. A room that is missing here may import none.
/// `cli` and `main` stand above all and may import any.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // The words: they import nothing of ours.
    ("model", &[]),
    ("diagnostic", &[]),
    ("tls", &[]),
    ("assets", &[]),
    ("backoff", &[]),
    ("patience", &[]),
    ("supervise", &["model", "backoff"]),
    ("token", &["model"]),
    ("crash", &[]),
    ("clock", &["model"]),
    ("span", &["diagnostic"]),
    ("config", &["model", "diagnostic", "tls", "span"]),
    // Each knows the words only, and none of its neighbours.
    ("command", &["model", "config", "span"]),
    ("oncall", &["model", "config", "span"]),
    ("lag", &["model"]),
    ("source", &["model", "clock", "config", "tls", "backoff", "lag", "patience", "token"]),
    ("store", &["model", "supervise"]),
    ("sink", &["model", "config", "tls", "backoff", "patience", "supervise", "token"]),
    ("router", &["model", "config", "assets", "diagnostic"]),
    // What is said in chat is judged like an event: the engine knows the grammar.
    ("engine", &["model", "config", "diagnostic", "span", "command", "oncall"]),
    // These join rooms and decide nothing themselves.
    ("load", &["config", "diagnostic", "assets", "engine", "router"]),
    ("outbox", &["model", "config", "backoff", "clock", "patience", "store", "sink", "source", "supervise"]),
    (
        "pipeline",
        &["model", "config", "engine", "router", "source", "store", "load", "clock", "lag", "supervise"],
    ),
    ("trial", &["model", "config", "diagnostic", "engine", "load", "pipeline", "source"]),
    ("diff", &["model", "config", "engine", "store", "load"]),
    ("reload", &["model", "config", "diagnostic", "engine", "load", "trial"]),
    ("explain", &["model", "engine", "store"]),
    (
        "inquiry",
        &["model", "config", "diagnostic", "engine", "explain", "lag", "load", "reload", "diff", "store"],
    ),
    ("distress", &["model", "clock", "config", "router", "sink"]),
    // Builds them all.
    (
        "app",
        &[
            "model",
            "clock",
            "config",
            "diagnostic",
            "distress",
            "engine",
            "inquiry",
            "lag",
            "load",
            "outbox",
            "patience",
            "pipeline",
            "reload",
            "sink",
            "source",
            "store",
            "supervise",
            "tls",
            "token",
            "trial",
        ],
    ),
];

/// Where tests let the process die: any room may have such a place.
const ANYWHERE: &str = "crash";

/// Rooms that do no I/O and read no clock: the same input must give the same answer in a replay.
const PURE_ROOMS: &[&str] = &["model", "span", "oncall", "command", "engine", "explain"];

/// The one clock inside a pure room: it stops a script that holds up all events, and a script
/// that keeps within its time cannot tell that it is there.
const STOPS_SCRIPTS: (&str, &str) = ("src/engine/ruleset/deadline.rs", "::now()");

/// What a pure room does not mention.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    // It reads the zones of the machine; `span::zone` has those of the program.
    "TimeZone::get",
    "std::net",
    "std::process",
    "std::env",
    "::now()",
    "async fn",
    "reqwest",
    "rusqlite",
];

/// Longest file of `src/`, in lines, and of `tests/`: what a reader holds in the head.
const LONGEST_SOURCE: usize = 450;
const LONGEST_TEST: usize = 700;

/// A name of a file inside `src/`, as a path of modules: `["engine", "world"]`.
type Module = Vec<String>;

static USES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^\s*(?:pub(?:\(\w+\))?\s+)?use\s+([\w:{},*\s]+);").expect("a regular expression")
});
static INLINE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super)(?:::\w+)+").expect("a regular expression"));

struct SourceFile {
    module: Module,
    path: PathBuf,
    /// Without comments and unit tests.
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder of the project, in order; hidden ones and what is built are left out.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            match path.is_dir() {
                _ if name.starts_with('.') => {}
                true if name != "target" => folders.push(path),
                true => {}
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn rust_files(folder: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files(folder).into_iter().filter(is_rust).map(|path| {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        (path, text)
    })
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The text without comments, and without the unit tests at its end.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or("");
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    before_tests.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n")
}

fn source() -> Vec<SourceFile> {
    let sources = rust_files("src").filter(|(path, _)| !path.ends_with("tests.rs"));
    sources.map(|(path, text)| SourceFile { module: module(&path), code: code(&text), path }).collect()
}

fn module(path: &Path) -> Module {
    let inside = path.strip_prefix(root().join("src")).expect("it lies in src").with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

/// The paths of a `use` tree, one for each leaf: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, inside)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inside = inside.strip_suffix('}').expect("the braces of a `use` are closed");
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for letter in inside.chars() {
        match letter {
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        parts.last_mut().expect("there is always one").push(letter);
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| leaves(&format!("{before}{}", part.trim()))).collect()
}

/// Every path of ours that a file mentions, from the root of the crate.
fn mentioned(file: &SourceFile) -> BTreeSet<Module> {
    let in_uses = USES.captures_iter(&file.code).flat_map(|found| leaves(&found[1]));
    let in_code = INLINE.find_iter(&file.code).map(|found| found.as_str().to_owned());
    in_uses.chain(in_code).filter_map(|path| absolute(&file.module, &path)).collect()
}

fn absolute(module: &Module, path: &str) -> Option<Module> {
    let mut here = match path.split("::").next()? {
        "crate" => Vec::new(),
        "super" | "self" => module.clone(),
        _ => return None,
    };
    for part in path.split("::") {
        match part.trim() {
            "crate" | "self" => {}
            "super" => drop(here.pop()),
            part => here.push(part.to_owned()),
        }
    }
    Some(here)
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn a_room_imports_only_what_lies_below_it() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut faults = Vec::new();
    for file in source() {
        let Some(room) = file.module.first().filter(|room| !["cli", "main"].contains(&room.as_str())) else {
            continue;
        };
        let Some(may) = table.get(room.as_str()) else {
            faults.push(format!(
                "the room `{room}` is not in MAY_IMPORT (tests/house.rs): say what it may know"
            ));
            continue;
        };
        let rooms = mentioned(&file).into_iter().filter_map(|path| path.into_iter().next());
        let wrong: BTreeSet<String> = rooms
            .filter(|other| other != room && other != ANYWHERE && !may.contains(&other.as_str()))
            .collect();
        faults.extend(wrong.into_iter().map(|other| {
            format!(
                "{}: imports `{other}`, which `{room}` must not know. Move the shared type down into `model`, or \
                 join the two where rooms are joined (pipeline, outbox, reload, app)",
                shown(&file.path)
            )
        }));
    }
    report(faults);
}

#[test]
fn no_two_files_import_each_other() {
    let files = source();
    let modules: BTreeSet<Module> = files.iter().map(|file| file.module.clone()).collect();
    let owner = |mut path: Module| {
        while !modules.contains(&path) {
            path.pop();
        }
        path
    };
    let imports: BTreeMap<Module, BTreeSet<Module>> = files
        .iter()
        .map(|file| (file.module.clone(), mentioned(file).into_iter().map(owner).collect()))
        .collect();
    let mut faults = Vec::new();
    for (one, theirs) in &imports {
        for other in theirs.iter().filter(|other| one < *other) {
            // A front page and the files behind it are one thing.
            let is_front_page = other.starts_with(one);
            if !is_front_page && imports[other].contains(one) {
                faults.push(format!(
                    "src/{} and src/{} import each other. Move what both need into a third file",
                    one.join("/"),
                    other.join("/")
                ));
            }
        }
    }
    report(faults);
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let mut faults = Vec::new();
    for file in source().into_iter().filter(|file| file.module.first().is_some_and(|room| is_pure(room))) {
        let allowed = |word: &str| (shown(&file.path).as_str(), word) == STOPS_SCRIPTS;
        for word in IMPURE.iter().filter(|word| file.code.contains(**word) && !allowed(word)) {
            faults.push(format!(
                "{}: mentions `{word}`. Take the time or the data as an argument; I/O belongs into source, sink, \
                 store or app",
                shown(&file.path)
            ));
        }
    }
    report(faults);
}

fn is_pure(room: &str) -> bool {
    PURE_ROOMS.contains(&room)
}

#[test]
fn a_library_that_must_be_replaceable_stands_in_one_place() {
    let places = [
        ("irc::proto", "src/sink/irc/wire.rs"),
        ("irc::client", "src/sink/irc/wire.rs"),
        ("rusqlite", "src/store"),
        ("lettre::transport", "src/sink/email"),
        ("AsyncSmtpTransport", "src/sink/email"),
        ("default_provider()", "src/tls.rs"),
        ("rrule::", "src/oncall/ical/recur.rs"),
        ("chrono::", "src/oncall/ical/recur.rs"),
    ];
    let mut faults = Vec::new();
    for file in source() {
        let path = shown(&file.path);
        for (library, place) in places.iter().filter(|(library, _)| file.code.contains(library)) {
            if !path.starts_with(place) {
                faults.push(format!(
                    "{path}: mentions `{library}`, which is {place}'s; give it a function there"
                ));
            }
        }
    }
    report(faults);
}

#[test]
fn every_file_says_what_it_is() {
    let all = ["src", "tests", "benches"].into_iter().flat_map(rust_files);
    let silent = all.filter(|(_, text)| !text.starts_with("//!"));
    report(
        silent
            .map(|(path, _)| {
                format!(
                    "{}: begins without `//!`; say what the file is, owns, promises and never does",
                    shown(&path)
                )
            })
            .collect(),
    );
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let limits = [("src", LONGEST_SOURCE), ("tests", LONGEST_TEST)];
    let all =
        limits.into_iter().flat_map(|(folder, limit)| rust_files(folder).map(move |file| (file, limit)));
    let faults = all.filter_map(|((path, text), limit)| {
        let lines = text.lines().count();
        let message = format!(
            "{}: {lines} lines, more than {limit}. Make it a folder: `name.rs` with `name/part.rs` beside it",
            shown(&path)
        );
        (lines > limit).then_some(message)
    });
    report(faults.collect());
}

#[test]
fn no_test_is_switched_off() {
    let off = Regex::new(r"#\[ignore|\.only\(|#\[cfg\(any\(\)\)\]").expect("a regular expression");
    let all = ["src", "tests"].into_iter().flat_map(rust_files);
    let found = all.filter(|(path, text)| !path.ends_with("house.rs") && off.is_match(text));
    report(
        found
            .map(|(path, _)| {
                format!("{}: a test is switched off; mend it, or remove it with its reason", shown(&path))
            })
            .collect(),
    );
}

#[test]
fn nothing_names_a_machine_of_ours() {
    // In two pieces, so that this file does not name them.
    let folders =
        [["/ho", "me/"], ["/ro", "ot/"], ["/wo", "rk/"], ["/Use", "rs/"]].map(|parts| parts.concat());
    let mut faults = Vec::new();
    for path in files("") {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if !folders.iter().any(|folder| text.contains(folder)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for folder in folders.iter().filter(|folder| line.contains(*folder)) {
                faults.push(format!(
                    "{}:{}: names `{folder}`; the project knows no path outside itself but those of programs",
                    shown(&path),
                    number + 1
                ));
            }
        }
    }
    report(faults);
}

#[test]
fn each_crash_point_is_told_in_the_documentation() {
    let point = Regex::new(r#"crash::point\("([^"]+)"\)"#).expect("a regular expression");
    let documented = fs::read_to_string(root().join("docs/RELIABILITY.md")).expect("it is there");
    let documented = documented.split("### Killed at any moment").nth(1).expect("the section is there");
    let row = Regex::new(r"(?m)^\| `([a-z]+\.[a-z]+)` \|").expect("a regular expression");
    let in_code: BTreeSet<String> = rust_files("src")
        .flat_map(|(_, text)| point.captures_iter(&text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    let in_table: BTreeSet<String> = row.captures_iter(documented).map(|found| found[1].to_owned()).collect();
    assert_eq!(in_code, in_table, "docs/RELIABILITY.md has one row for each `crash::point`");
    assert!(in_code.contains("commit.inside"));
}
