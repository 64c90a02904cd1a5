//! A human with an IRC client that was not written here: irssi in a terminal of tmux, which is
//! typed at and read as people do.
//!
//! irssi has a home folder of its own, tmux a server of its own, which is no daemon; both end
//! with the value, by their process ids. Once it is read, a line stays where it is: the terminal
//! is higher than any test is long.

use super::{Process, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a line may take to come; far more than it needs. A channel may be silent for 20 s
/// between two digests of a storm.
const PATIENCE: Duration = Duration::from_secs(60);

/// As wide as people have it.
const COLUMNS: &str = "100";
const ROWS: &str = "400";
/// Above the lines of a window: its topic. Below: the status, and what is being typed.
const ABOVE: usize = 1;
const BELOW: usize = 2;

/// An irssi that is logged in.
pub(crate) struct Irssi {
    socket: PathBuf,
    client_id: String,
    /// How many lines of each window were read, by its number.
    read: Vec<usize>,
    /// The number of the window that is looked at.
    window: usize,
    _tmux: Process,
}

impl Irssi {
    /// Connects under the name of an account and logs in to it by SASL; `zone` is what its
    /// clock shows.
    pub(crate) fn start(dir: &Path, port: u16, account: &str, password: &str, zone: &str) -> Irssi {
        let dir = dir.join("irssi");
        fs::create_dir_all(&dir).expect("the test's folder is writable");
        fs::write(dir.join("config"), configuration(port, account, password)).expect("it is writable");
        let socket = dir.join("tmux");
        let mut server = Command::new("tmux");
        server.args(["-u", "-D", "-f", "/dev/null", "-S"]).arg(&socket);
        server.env("HOME", &dir).env("TZ", zone).env("LANG", "C.UTF-8").env_remove("TMUX");
        server.stdin(Stdio::null()).stdout(Stdio::null());
        let tmux = Process::start("tmux", &mut server);
        let mut irssi = Irssi { socket, client_id: String::new(), read: Vec::new(), window: 1, _tmux: tmux };
        wait_for("tmux", PATIENCE, || irssi.ask(&["list-commands"]).status.success().then_some(()));
        let folder = format!("--home={}", dir.display());
        irssi.tmux(&["new-session", "-d", "-x", COLUMNS, "-y", ROWS, "irssi", &folder]);
        irssi.client_id = irssi.tmux(&["display-message", "-p", "#{pane_pid}"]);
        irssi.wait_until("SASL authentication succeeded");
        irssi.wait_until("End of message of the day.");
        irssi
    }

    /// Joins a channel, and looks at it.
    pub(crate) fn join(&mut self, channel: &str) {
        self.enter(&format!("/join {channel}"));
        self.window += 1;
        self.wait_until(&format!("Join to {channel} was synced"));
    }

    /// Looks at another window by its number, as the status line names it.
    pub(crate) fn look_at(&mut self, window: usize) {
        self.enter(&format!("/window {window}"));
        self.window = window;
        wait_for(&format!("window {window}"), PATIENCE, || {
            self.status().contains(&format!(" [{window}:")).then_some(())
        });
    }

    /// Waits until the status line names a window in which there is something new.
    pub(crate) fn wait_for_activity(&self, window: usize) {
        wait_for(&format!("something new in window {window}"), PATIENCE, || {
            let status = self.status();
            let (_, active) = status.split_once("Act: ")?;
            let mut numbers = active.split(']').next()?.split(',');
            numbers.any(|number| number == window.to_string()).then_some(())
        });
    }

    /// Types a line, and sends it.
    pub(crate) fn enter(&self, line: &str) {
        self.tmux(&["send-keys", "-l", "--", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// Waits for a line with this text behind those that were read before; all up to now are
    /// read then. irssi breaks long lines, so spaces do not count.
    #[track_caller]
    pub(crate) fn expect(&mut self, contains: &str) -> Vec<String> {
        self.wait_until(contains);
        self.scene()
    }

    /// The lines of this window behind those that were read before, as they stand there.
    pub(crate) fn scene(&mut self) -> Vec<String> {
        let lines = self.lines();
        let already = self.already();
        self.read.resize(self.read.len().max(self.window + 1), 0);
        self.read[self.window] = lines.len();
        lines[already..].to_vec()
    }

    /// Waits for a line with this text behind those that were read before.
    #[track_caller]
    pub(crate) fn wait_until(&self, contains: &str) {
        let wanted = without_spaces(contains);
        self.wait_for_lines(contains, |lines| without_spaces(&lines.concat()).contains(&wanted));
    }

    /// Waits until the lines behind those that were read before are so.
    #[track_caller]
    pub(crate) fn wait_for_lines(&self, what: &str, are_so: impl Fn(&[String]) -> bool) {
        let begun = Instant::now();
        while !are_so(&self.lines()[self.already()..]) {
            let shown = || self.lines().join("\n");
            assert!(begun.elapsed() < PATIENCE, "waited in vain for `{what}`:\n{}", shown());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn already(&self) -> usize {
        self.read.get(self.window).copied().unwrap_or(0)
    }

    /// All lines of the window that is looked at.
    fn lines(&self) -> Vec<String> {
        let screen = self.screen();
        let lines = screen.get(ABOVE..screen.len().saturating_sub(BELOW)).unwrap_or_default();
        assert!(lines.last().is_none_or(String::is_empty), "the terminal is full");
        let text = lines.join("\n");
        text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// The line below the window: the clock, who and where one is, and where something is new.
    pub(crate) fn status(&self) -> String {
        let screen = self.screen();
        screen.len().checked_sub(BELOW).map_or(String::new(), |row| screen[row].trim().to_owned())
    }

    fn screen(&self) -> Vec<String> {
        self.tmux(&["capture-pane", "-p", "-J"]).lines().map(str::to_owned).collect()
    }

    /// Has tmux do something; what it says to that.
    fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("a terminal shows UTF-8").trim_end_matches('\n').to_owned()
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        // Never a server of its own accord: that would be a daemon.
        command.args(["-u", "-N", "-S"]).arg(&self.socket).args(arguments).env_remove("TMUX");
        command.stdin(Stdio::null()).output().expect("tmux is there; tests/run installs it")
    }
}

impl Drop for Irssi {
    fn drop(&mut self) {
        // It outlives its terminal otherwise, for as long as it takes to notice.
        if !self.client_id.is_empty() {
            let _ = Command::new("kill").args(["-KILL", &self.client_id]).status();
        }
    }
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

fn configuration(port: u16, account: &str, password: &str) -> String {
    format!(
        "servers = ({{ address = \"127.0.0.1\"; chatnet = \"lab\"; port = \"{port}\"; use_tls = \"no\"; autoconnect = \"yes\"; }});\n\
         chatnets = {{ lab = {{ type = \"IRC\"; nick = \"{account}\"; sasl_mechanism = \"PLAIN\";\n\
           sasl_username = \"{account}\"; sasl_password = \"{password}\"; }}; }};\n\
         settings = {{ core = {{ real_name = \"{account}\"; user_name = \"{account}\"; nick = \"{account}\"; }}; }};\n"
    )
}
