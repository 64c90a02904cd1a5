//! The real binary: a folder with its configuration, and a running `watchbell run`.

use super::icinga::Icinga;
use super::{Process, wait_for};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use watchbell::config::{IcingaSettings, Login};

/// How long Watchbell may take for anything; far more than it needs.
const PATIENCE: Duration = Duration::from_secs(90);

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_watchbell");

/// Where a Watchbell lives: its configuration, rules, templates and database.
pub(crate) struct Site {
    dir: PathBuf,
}

impl Site {
    /// A folder inside `dir` with the shipped rules and templates; without the tests of
    /// the rules, which hold for no others.
    pub(crate) fn new(dir: &Path) -> Site {
        let site = Site { dir: dir.join("watchbell") };
        for folder in ["rules", "templates"] {
            copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &site.path(folder));
        }
        fs::remove_file(site.path("rules/shipped.test.rhai")).expect("it was copied");
        site
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file at once, as most programs do.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the test's folder is writable");
    }

    /// Replaces a file as editors do: a new one is written beside it and renamed.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        let new = self.path(name).with_extension("new~");
        fs::write(&new, text).expect("the test's folder is writable");
        fs::rename(&new, self.path(name)).expect("both are in one folder");
    }

    /// What is in a file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Writes a file that holds a secret.
    pub(crate) fn secret(&self, name: &str, secret: &str) {
        self.write(name, secret);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("it is ours");
    }

    /// Writes `watchbell.toml`, with what every test has in common in front. Times
    /// are told in UTC.
    pub(crate) fn configure(&self, sections: &[String]) {
        let defaults = "[defaults]\ntarget = \"ops\"\nzone = \"UTC\"\n".to_owned();
        let sections: Vec<&str> = std::iter::once(&defaults).chain(sections).map(String::as_str).collect();
        self.write("watchbell.toml", &sections.join("\n"));
    }

    /// The section of an Icinga, with the user `bot`.
    pub(crate) fn icinga(&self, icinga: &Icinga) -> String {
        self.icinga_as(icinga, "bot", "botpw")
    }

    /// The section of an Icinga, with any of its users.
    pub(crate) fn icinga_as(&self, icinga: &Icinga, user: &str, password: &str) -> String {
        self.icinga_of(&icinga.settings_of(user, password), password)
    }

    /// The section that these settings come from.
    pub(crate) fn icinga_of(&self, settings: &IcingaSettings, password: &str) -> String {
        let Login::Password { user, .. } = &settings.login else { panic!("a password is asked for") };
        self.secret("icinga.password", password);
        let line = |key: &str, value: String| format!("{key} = \"{value}\"\n");
        let ca_file = settings.ca_file.iter().map(|path| line("ca_file", path.display().to_string()));
        let server_name =
            settings.server_name(&settings.urls[0]).map(|name| line("server_name", name.to_owned()));
        format!(
            "[[icinga]]\nname = \"{}\"\nurls = [\"{}\"]\nuser = \"{user}\"\n\
             password_file = \"icinga.password\"\n{}",
            settings.name,
            settings.urls[0].as_str().trim_end_matches('/'),
            ca_file.chain(server_name).collect::<String>()
        )
    }

    /// A console as the default target, which tells on standard output.
    pub(crate) fn console(&self) -> String {
        "[sink.console.terminal]\n[target.ops]\nsink = \"terminal\"\n".to_owned()
    }

    /// Starts `watchbell run`. Returns at once.
    pub(crate) fn start(&self) -> Watchbell {
        Watchbell::start(&self.dir, &[])
    }

    /// Starts `watchbell run` with more arguments.
    pub(crate) fn start_with(&self, arguments: &[&str]) -> Watchbell {
        Watchbell::start(&self.dir, arguments)
    }

    /// Starts `watchbell run` in other surroundings: `prepare` changes the command.
    pub(crate) fn start_so(&self, prepare: impl FnOnce(&mut Command)) -> Watchbell {
        let mut command = command(&self.dir);
        command.arg("run");
        prepare(&mut command);
        Watchbell::of(command)
    }

    /// Starts `watchbell run` from a shell that has run this line, such as `ulimit -n 64`.
    pub(crate) fn start_after(&self, line: &str) -> Watchbell {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{line}; exec \"$0\" run"), PROGRAM]);
        command.current_dir(&self.dir).env_remove("RUST_LOG").stdin(Stdio::null());
        Watchbell::of(command)
    }

    /// Runs `watchbell` with these arguments to its end.
    pub(crate) fn call(&self, arguments: &[&str]) -> Output {
        let mut command = command(&self.dir);
        command.args(arguments).output().expect("the program can be started")
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(dir).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the test's folder is writable");
    for entry in fs::read_dir(from).expect("the repository has it") {
        let path = entry.expect("it can be listed").path();
        let copy = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            fs::copy(&path, &copy).expect("the test's folder is writable");
        }
    }
}

/// A running `watchbell run`.
pub(crate) struct Watchbell {
    process: Process,
    /// What it logs, line by line.
    pub(crate) log: Lines,
    /// What it writes to standard output.
    pub(crate) out: Lines,
}

impl Watchbell {
    /// Starts `watchbell run` in a folder. Returns at once.
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Watchbell {
        let mut command = command(dir);
        command.arg("run").args(arguments);
        Watchbell::of(command)
    }

    fn of(mut command: Command) -> Watchbell {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start("watchbell", &mut command);
        let log = Lines::of("the log", process.child().stderr.take().expect("it is piped"));
        let out = Lines::of("standard output", process.child().stdout.take().expect("it is piped"));
        Watchbell { process, log, out }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it at once (SIGKILL), as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it runs and is ours");
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the end of watchbell", PATIENCE, || {
            self.process.child().try_wait().expect("it can be waited for")
        })
    }

    /// Waits until it has a thread of this name.
    pub(crate) fn wait_for_thread(&self, name: &str) {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        wait_for(&format!("the thread {name}"), PATIENCE, || {
            let threads = fs::read_dir(&tasks).ok()?.flatten();
            let mut names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
            names.any(|known| known.trim_end() == name).then_some(())
        });
    }

    /// How long processors worked for it so far, by `/proc/PID/stat`.
    pub(crate) fn worked(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        // After the name in parentheses comes the third field; 14 and 15 are user and system
        // time, in ticks of which Linux shows a hundred a second.
        let fields = stat.rsplit_once(')').expect("the name is in parentheses").1.split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }

    /// What it holds in memory, in bytes.
    pub(crate) fn resident(&self) -> usize {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.process.id())).expect("it runs");
        statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("pages") * 4096
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process.runs()
    }
}

/// The lines of a stream, read in the background so that the writer never waits.
pub(crate) struct Lines {
    name: &'static str,
    lines: Receiver<String>,
    /// All lines taken up so far.
    pub(crate) seen: Vec<String>,
}

impl Lines {
    fn of(name: &'static str, stream: impl std::io::Read + Send + 'static) -> Lines {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Lines { name, lines, seen: Vec::new() }
    }

    /// The next line with this text; those before it are in `seen`.
    pub(crate) fn expect(&mut self, contains: &str) -> String {
        let start = Instant::now();
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(contains) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail("waited in vain", contains),
                Err(RecvTimeoutError::Disconnected) => self.fail("it ended", contains),
            }
        }
    }

    /// The next line; `None` when the stream has ended.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    /// All lines, when the program has ended.
    pub(crate) fn rest(&mut self) -> &[String] {
        self.seen.extend(self.lines.iter());
        &self.seen
    }

    fn fail(&self, how: &str, contains: &str) -> ! {
        panic!("{}: {how} for `{contains}`; there was:\n{}", self.name, self.seen.join("\n"))
    }
}
