//! The program as people start it: arguments in, output and exit code out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// Exit code.
    pub(crate) code: Option<i32>,
}

impl Ended {
    /// Its standard output, after an end without fault.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// Its standard error, after an end with exit code 1 that printed nothing else.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{}", self.err);
        self.err
    }
}

/// Runs the program in a folder, in UTC, with nothing of this process's environment.
pub(crate) fn watchbell(folder: &Path, arguments: &[&str]) -> Ended {
    watchbell_fed(folder, arguments, b"")
}

/// The same, with this on its standard input.
pub(crate) fn watchbell_fed(folder: &Path, arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_watchbell"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is built with its tests");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || {
        // It may end without having read all of it.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("it ends");
    feeding.join().expect("feeding does not panic");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    Ended { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
}

/// A recording of the fixtures, by its whole path.
pub(crate) fn fixture(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    path.display().to_string()
}

/// A folder with a small sound installation that tells everything on the console.
pub(crate) fn installation() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in [
        ("rules/10-all.rhai", "rule(\"all\", #{ on: \"StateChange\" }, |e| e.notify(\"ops\"));\n"),
        ("templates/default/StateChange.text", "{{ object }} is {{ state }}\n"),
        ("watchbell.toml", CONFIG),
    ] {
        put(folder.path(), name, text);
    }
    folder
}

/// Writes a file of an installation.
pub(crate) fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}

/// The configuration of [`installation`].
pub(crate) const CONFIG: &str = r#"rules = "rules"
templates = "templates"

[store]
path = "watchbell.db"

[sink.console.terminal]

[target.ops]
sink = "terminal"

[defaults]
target = "ops"
zone = "UTC"
"#;
