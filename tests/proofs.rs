//! What docs/RELIABILITY.md names as the proof of a promise is there: each test, each module of tests,
//! each scenario of the campaign.

use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/RELIABILITY.md";

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of a row of a table; empty where the line is none.
fn cells(line: &str) -> Vec<&str> {
    let row = line.trim().strip_prefix('|').and_then(|row| row.strip_suffix('|'));
    row.map(|row| row.split('|').map(str::trim).collect()).unwrap_or_default()
}

/// The last cell of each row of the tables of faults, with the number of its line.
fn proofs(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_table = false;
    for (number, line) in page.lines().enumerate() {
        let cells = cells(line);
        let Some(last) = cells.last() else {
            in_table = false;
            continue;
        };
        let is_rule = !last.is_empty() && last.chars().all(|character| character == '-');
        if *last == "Proof" {
            in_table = true;
        } else if in_table && !is_rule {
            assert_eq!(cells.len(), 4, "{PAGE}:{}: fault, how, what must hold, proof", number + 1);
            found.push((number + 1, *last));
        }
    }
    found
}

/// The files that `path::of::a_module` may stand in.
fn files_of(modules: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inner = modules.strip_suffix(&["tests"]).unwrap_or(modules);
    let (folder, all) = (inner.join("/"), modules.join("/"));
    let names = [
        format!("tests/{all}.rs"),
        format!("src/{all}.rs"),
        format!("src/{folder}.rs"),
        format!("src/{folder}/mod.rs"),
    ];
    names.iter().map(|name| root.join(name)).filter(|path| path.is_file()).collect()
}

/// Whether there is a test of this name, or a module of tests.
fn is_there(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let (test, modules) = parts.split_last().expect("a split has a part");
    let function =
        Regex::new(&format!(r"(?s)#\[(?:tokio::)?test[^\n]*\]\n[^}}]*?fn {test}\(")).expect("a pattern");
    let property = Regex::new(&format!(r"(?m)^ +fn {test}\(.* in ")).expect("a pattern");
    let is_in = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("it is a file");
        function.is_match(&text) || property.is_match(&text)
    };
    let holds_tests = |path: &PathBuf| fs::read_to_string(path).expect("it is a file").contains("mod tests");
    files_of(modules).iter().any(is_in) || files_of(&parts).iter().any(holds_tests)
}

#[test]
fn every_proof_that_is_named_is_there() {
    let page = read(PAGE);
    let proofs = proofs(&page);
    assert!(proofs.len() > 100, "the tables are read: {} rows", proofs.len());
    let scenarios = read("tests/faults/scenarios/mod.rs");
    let name = Regex::new("`([^`]+)`").expect("a pattern");
    let mut wrong = Vec::new();
    for (line, proof) in proofs {
        if proof.is_empty() {
            wrong.push(format!("{PAGE}:{line}: neither a test nor a word why there is none"));
        }
        let tests = name.captures_iter(proof).map(|found| found[1].to_owned());
        for test in tests.filter(|name| name.contains("::")) {
            if !is_there(&test) {
                wrong.push(format!("{PAGE}:{line}: there is no test `{test}`"));
            }
        }
        let Some((_, named)) = proof.split_once("`faults`: ") else { continue };
        let named = named.split(", ").take_while(|name| !name.starts_with('`'));
        for scenario in named.filter(|name| !scenarios.contains(&format!("scenario!(\"{name}\""))) {
            wrong.push(format!("{PAGE}:{line}: the campaign has no scenario \"{scenario}\""));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
