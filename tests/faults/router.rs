//! The Watchbell under test: a real process, its log kept in one file for a whole round.

use crate::common::{Process, wait_for};
use crate::ears;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs};

/// Far more than it needs to start, also with much to read.
const PATIENCE: Duration = Duration::from_secs(90);
/// What it logs when it knows all that Icinga knows.
const READY: &str = "caught up";
/// What it logs when its disk fails, and when that is over.
pub(crate) const DISK_FAILS: &str = "cannot write the database";
pub(crate) const DISK_WORKS: &str = "can be written again";

/// Why a scenario that needs `strace` does not run.
pub(crate) const NO_STRACE: &str = "strace is not there, or may not trace";

/// Whether `strace` is there and may trace.
pub(crate) fn can_trace() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-o", "/dev/null", "true"]).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// What a process holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weight {
    /// In memory (resident).
    pub(crate) mebibytes: u64,
    /// Open files, connections among them.
    pub(crate) files: usize,
}

impl Weight {
    /// Whether it is more than `begin` by more than `most`.
    pub(crate) fn outgrows(&self, begin: &Weight, most: &Weight) -> bool {
        self.mebibytes > begin.mebibytes + most.mebibytes || self.files > begin.files + most.files
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} MiB and {} files", self.mebibytes, self.files)
    }
}

/// How it is started.
#[derive(Default)]
pub(crate) struct Manner {
    /// Where it is to die: see `crash.rs`.
    pub(crate) failpoints: Option<String>,
    /// What `strace` is to do to it: its options.
    pub(crate) strace: Vec<String>,
}

/// A running `watchbell run`.
pub(crate) struct Router {
    process: Process,
    log: PathBuf,
    /// How long the log was before it.
    before: usize,
    started: Instant,
}

impl Router {
    /// Starts it in `folder`.
    pub(crate) fn start(folder: &Path, log: &Path, manner: &Manner) -> Router {
        let before = fs::metadata(log).map_or(0, |file| file.len() as usize);
        let file =
            fs::OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let program = env!("CARGO_BIN_EXE_watchbell");
        let mut command = if manner.strace.is_empty() {
            Command::new(program)
        } else {
            // `-D`: our child is Watchbell, and strace stands aside.
            let mut strace = Command::new("strace");
            strace.args(["-D", "-f", "-o", "/dev/null"]).args(&manner.strace).arg(program);
            strace
        };
        command.arg("run").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        command.env_remove("RUST_LOG").env_remove("FAILPOINTS");
        if let Some(points) = &manner.failpoints {
            command.env("FAILPOINTS", points);
        }
        let started = Instant::now();
        Router { process: Process::start("watchbell", &mut command), log: log.to_owned(), before, started }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it holds now.
    pub(crate) fn weight(&self) -> Weight {
        let process = PathBuf::from(format!("/proc/{}", self.id()));
        let memory = fs::read_to_string(process.join("statm")).expect("it runs");
        let pages: u64 = memory.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        let files = fs::read_dir(process.join("fd")).expect("it is ours").count();
        Weight { mebibytes: (pages * 4096) >> 20, files }
    }

    /// The most that it has held in memory (`VmHWM`), in mebibytes.
    pub(crate) fn most_mebibytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
        most.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until it has caught up: how long that took since its start. `None` if it
    /// ended before.
    pub(crate) fn ready(&mut self) -> Option<Duration> {
        wait_for("watchbell to catch up", PATIENCE, || {
            if self.logged().contains(READY) {
                return Some(Some(self.started.elapsed()));
            }
            (!self.process.runs()).then_some(None)
        })
    }

    /// How often it has caught up since its start.
    pub(crate) fn times_ready(&self) -> usize {
        self.logged().matches(READY).count()
    }

    /// What it has logged since its start.
    pub(crate) fn logged(&self) -> String {
        let bytes = fs::read(&self.log).expect("the log can be read");
        String::from_utf8_lossy(&bytes[self.before..]).into_owned()
    }

    /// Whether its disk has failed, and it has not said that it works again.
    pub(crate) fn disk_fails(&self) -> bool {
        let log = self.logged();
        log.rfind(DISK_FAILS) > log.rfind(DISK_WORKS)
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        ears::kill(self.process.id(), signal);
    }

    /// Waits until it has ended by itself; `None` if it does not.
    pub(crate) fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.process.child().try_wait().expect("it can be waited for") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}
