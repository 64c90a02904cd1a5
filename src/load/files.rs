//! Reading the rule files of a folder.
//!
//! Promises: each file that cannot be read is told. Never: follows what is hidden.

use crate::diagnostic::Diagnostic;
use crate::engine::RuleFile;
use std::path::{Path, PathBuf};

/// A rule file larger than this is a mistake, in bytes.
const LARGEST_RULE_FILE: u64 = 1 << 20;
/// Modules lie in folders this deep at most; the reloader looks as deep.
const DEEPEST_FOLDER: usize = 4;

/// The rule files of a folder: `*.rhai`, but no hidden ones, in the order of their
/// names; behind them the modules, the same in the folders inside of it. And what is
/// wrong with rule files that cannot be read.
pub fn rule_files(folder: &Path) -> (Vec<RuleFile>, Vec<Diagnostic>) {
    let paths = match paths(folder) {
        Ok(paths) => paths,
        Err(fault) => return (Vec::new(), vec![fault]),
    };
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in paths.iter().filter(|path| is_rule_file(path)) {
        match rule_file(path) {
            Ok(file) => files.push(file),
            Err(fault) => faults.push(fault),
        }
    }
    for path in paths.iter().filter(|path| !is_rule_file(path) && path.is_dir()) {
        add_modules(&mut files, path, "", 1);
    }
    (files, faults)
}

/// Adds the modules of a folder. What cannot be read is left out: whatever imports it
/// is told that it is missing, and if nothing does, it is none of this set's matter.
fn add_modules(files: &mut Vec<RuleFile>, folder: &Path, above: &str, depth: usize) {
    let left_out = |fault: Diagnostic| tracing::warn!("no module: {} {}", fault.file, fault.message);
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { return };
    let name = format!("{above}{name}/");
    for path in paths(folder).map_err(left_out).unwrap_or_default() {
        if is_rule_file(&path) {
            let read = rule_file(&path).map_err(left_out);
            files.extend(read.map(|file| RuleFile { name: format!("{name}{}", file.name), ..file }));
        } else if path.is_dir() && depth < DEEPEST_FOLDER {
            add_modules(files, &path, &name, depth + 1);
        }
    }
}

/// What is in a folder, in the order of the names, but nothing hidden.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn is_rule_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b".rhai"))
}

fn rule_file(path: &Path) -> Result<RuleFile, Diagnostic> {
    let fault = |message: String| Diagnostic::of_file(path.display().to_string(), message);
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| fault("its name is no UTF-8".to_owned()))?.to_owned();
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_file() && metadata.len() > LARGEST_RULE_FILE {
        let size = metadata.len();
        return Err(fault(format!("is {size} bytes large; a rule file has at most {LARGEST_RULE_FILE}")));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = text_of(bytes).map_err(|(readable, wrong)| {
        let end = readable.len();
        let message = format!("the byte {wrong:#04x} is no UTF-8");
        Diagnostic::at_range(path.display().to_string(), &readable, end..end, message)
            .help("save the file as UTF-8")
    })?;
    Ok(RuleFile { name, text })
}

/// The text of a file, without the mark that some editors put before it; or the text
/// before the first byte that is no UTF-8, and that byte.
fn text_of(bytes: Vec<u8>) -> Result<String, (String, u8)> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        (String::from_utf8_lossy(&bytes[..valid]).into_owned(), bytes[valid])
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::of_file(path.display().to_string(), format!("cannot be read: {error}"))
}
