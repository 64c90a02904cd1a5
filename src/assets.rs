//! The files that are part of the program: the shipped templates and rules.
//!
//! Owns: nothing but the bytes. Promises: the same files in every build, so that
//! one binary is a complete installation. Never: reads the disk at run time.

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "templates/"]
struct TemplateFiles;

#[derive(RustEmbed)]
#[folder = "rules/"]
struct RuleFiles;

/// Inside the rules folder: the rules that are in force nowhere.
const COOKBOOK: &str = "cookbook/";

/// All shipped templates: path inside the templates folder, and text; sorted by path.
pub fn templates() -> Vec<(String, String)> {
    files::<TemplateFiles>()
}

/// All shipped rules: path inside the rules folder, and text; sorted by path. The
/// cookbook is for reading and copying; it is not among them.
pub fn rules() -> Vec<(String, String)> {
    files::<RuleFiles>().into_iter().filter(|(path, _)| !path.starts_with(COOKBOOK)).collect()
}

fn files<Folder: RustEmbed>() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Folder::iter()
        .filter(|path| !path.starts_with('.') && !path.contains("/."))
        .filter_map(|path| {
            let text = String::from_utf8_lossy(&Folder::get(&path)?.data).into_owned();
            Some((path.into_owned(), text))
        })
        .collect();
    files.sort();
    files
}
