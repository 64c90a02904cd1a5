//! The cookbook: its files, and the parts that each of them has.

use std::fs;
use std::path::Path;

/// Where it lies in the project.
pub(crate) const COOKBOOK: &str = "rules/cookbook";

/// One file of the cookbook: a head of comments (title, targets, what it does), rules, and tests.
pub(crate) struct Recipe {
    /// Its name.
    pub(crate) file: String,
    /// All of it.
    pub(crate) text: String,
}

/// All of the cookbook, in the order of the names.
pub(crate) fn recipes() -> Vec<Recipe> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(COOKBOOK);
    let entries = fs::read_dir(folder).expect("the cookbook is there");
    let mut recipes: Vec<Recipe> = entries
        .map(|entry| entry.expect("it can be read").path())
        .map(|path| Recipe {
            file: path.file_name().expect("it has a name").to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).expect("it is UTF-8"),
        })
        .collect();
    recipes.sort_by(|one, other| one.file.cmp(&other.file));
    recipes
}

impl Recipe {
    /// Its first line, without the full stop.
    pub(crate) fn title(&self) -> String {
        self.paragraph(0).trim_end_matches('.').to_owned()
    }

    /// The targets that it needs besides the default one.
    pub(crate) fn targets(&self) -> Vec<String> {
        let line = self.paragraph(1);
        let names = line.strip_prefix("Targets: ").and_then(|line| line.strip_suffix('.'));
        match names.unwrap_or_else(|| panic!("{}: its second paragraph names no targets: {line}", self.file))
        {
            "none of your own" => Vec::new(),
            names => names.split(", ").map(str::to_owned).collect(),
        }
    }

    /// What it does, in a few sentences.
    pub(crate) fn about(&self) -> String {
        self.paragraph(2)
    }

    /// All between its head and its tests.
    pub(crate) fn rules(&self) -> &str {
        let (_, body) = self.text.split_once("\n\n").unwrap_or_else(|| panic!("{}: has no rules", self.file));
        let (rules, _) = body.split_once("\ntest(").unwrap_or_else(|| panic!("{}: has no tests", self.file));
        rules.trim_end()
    }

    /// A paragraph of its head.
    fn paragraph(&self, number: usize) -> String {
        let head = self.text.lines().map_while(|line| line.strip_prefix("//")).map(str::trim);
        let lines: Vec<&str> = head.collect();
        let paragraphs: Vec<String> =
            lines.split(|line| line.is_empty()).map(|lines| lines.join(" ")).collect();
        assert_eq!(paragraphs.len(), 3, "{}: its head has three paragraphs", self.file);
        paragraphs[number].clone()
    }
}
