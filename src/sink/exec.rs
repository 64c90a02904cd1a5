//! Programs that are given each delivery on their standard input.
//!
//! Owns: the process and its end. Promises: no shell; what comes from outside is
//! data on standard input, never an argument; a program that takes too long is
//! killed with its process group, so with all that it made; only what moved itself into a
//! session of its own (`setsid`) is out of reach. Never: blocks on a program that does not read,
//! or writes without end. On a crash: the program may be run again for a delivery.
//!
//! It reads one line of JSON: `at` (RFC 3339), `sink`, `target`, `to`, `event`,
//! `object` (may be empty), `incident` (number or null), `rule`, `subject` (or
//! null), `text`, `html` (or null), `thread` (or null). It answers by its exit
//! status: 0 is accepted, 75 (`EX_TEMPFAIL` of `sysexits.h`) or death by a signal
//! is tried again, all else is final. The first line on standard output becomes
//! the receipt, the first on standard error the reason.

use super::{BuildError, Receipt, SendError, Sink, plain};
use crate::config::ExecSettings;
use crate::model::{Delivery, Timestamp};
use crate::patience::within;
use futures_util::future::{BoxFuture, join4};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// What is kept of each output, in bytes; the rest is read and thrown away, so
/// that the program never waits for us.
const LONGEST_OUTPUT: usize = 64 * 1024;

/// How many characters of a line are quoted.
const LONGEST_QUOTE: usize = 200;

/// The exit status that asks to try again: `EX_TEMPFAIL` of `sysexits.h`.
const EX_TEMPFAIL: i32 = 75;

/// Runs a program for each delivery.
pub struct Exec {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl Exec {
    /// Prepares a sink called `name`; runs nothing yet.
    ///
    /// Errors: the command is empty.
    pub fn new(name: &str, settings: &ExecSettings) -> Result<Exec, BuildError> {
        let Some((program, arguments)) = settings.command.split_first() else {
            let reason = "`command` is empty; write it like [\"/usr/local/bin/page\", \"--now\"]";
            return Err(BuildError { sink: name.to_owned(), reason: reason.to_owned() });
        };
        let (program, arguments) = (program.clone(), arguments.to_vec());
        Ok(Exec { program, arguments, timeout: settings.timeout })
    }

    async fn run(&self, delivery: &Delivery) -> Result<Receipt, SendError> {
        let mut running = self.start().map_err(|error| self.not_started(&error))?;
        match running.finish(&input(delivery), self.timeout).await {
            Ok(end) => self.verdict(&end),
            Err(error) => Err(retry(format!("`{}`: cannot be waited for: {error}", self.program))),
        }
    }

    fn start(&self) -> io::Result<Running> {
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        Ok(Running(child))
    }

    fn not_started(&self, error: &io::Error) -> SendError {
        let program = &self.program;
        match error.kind() {
            ErrorKind::NotFound => SendError::Rejected(format!(
                "there is no program `{program}`, or the interpreter in its first line is missing; install it, or correct `command`"
            )),
            ErrorKind::PermissionDenied => SendError::Rejected(format!(
                "`{program}` may not be run by this user; make it executable (chmod +x) and readable"
            )),
            ErrorKind::InvalidInput => SendError::Rejected(format!("`{program}` cannot be run: {error}")),
            // Such as too many processes, or a script that is just being written.
            _ => retry(format!("`{program}` could not be started: {error}")),
        }
    }

    fn verdict(&self, end: &End) -> Result<Receipt, SendError> {
        let said = first_line(&end.errors).map(|line| format!(": {line}")).unwrap_or_default();
        let Some(status) = end.status else {
            let limit = self.timeout;
            return Err(retry(format!("`{}` was killed after {limit:?}{said}", self.program)));
        };
        let reason = format!("`{}` ended with {status}{said}", self.program);
        match status.code() {
            Some(0) => Ok(Receipt(first_line(&end.output).unwrap_or_else(|| "exit status: 0".to_owned()))),
            Some(EX_TEMPFAIL) => Err(retry(reason)),
            None if status.signal().is_some() => Err(retry(reason)),
            _ => Err(SendError::Rejected(reason)),
        }
    }
}

impl Sink for Exec {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.run(delivery))
    }

    fn concurrency(&self) -> usize {
        4
    }
}

/// A program under way, the first of its own process group. Whoever lets go of
/// it before it has ended kills the group.
struct Running(Child);

/// How a program ended and what it said.
struct End {
    /// `None` if it had not ended in time.
    status: Option<ExitStatus>,
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Running {
    /// Hands it the input and waits for its end, for as long as `limit`. Children
    /// that outlive it and hold on to its outputs are waited for as long.
    async fn finish(&mut self, input: &[u8], limit: Duration) -> io::Result<End> {
        let (stdin, stdout, stderr) = (self.0.stdin.take(), self.0.stdout.take(), self.0.stderr.take());
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut ended = None;
        let life = async { ended = Some(self.0.wait().await) };
        let talk = join4(life, feed(stdin, input), keep(stdout, &mut output), keep(stderr, &mut errors));
        // That a child of its own holds an output open is no fault: `ended` tells.
        let _ = within(limit, talk).await;
        Ok(End { status: ended.transpose()?, output, errors })
    }
}

impl Drop for Running {
    /// Kills it and its children, unless its end has been seen. Until then nobody
    /// else can have its id.
    fn drop(&mut self) {
        let Some(id) = self.0.id() else {
            return;
        };
        let group = i32::try_from(id).ok().and_then(Pid::from_raw);
        if let Some(Err(error)) = group.map(|group| kill_process_group(group, Signal::KILL)) {
            tracing::warn!(process = id, %error, "cannot kill a program that takes too long");
        }
    }
}

/// Writes the input and closes the pipe. A program need not read it.
async fn feed(pipe: Option<impl AsyncWriteExt + Unpin>, input: &[u8]) {
    if let Some(mut pipe) = pipe {
        let _ = pipe.write_all(input).await;
    }
}

/// Reads a pipe to its end and keeps the beginning. A broken pipe is an end.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else {
        return;
    };
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let room = LONGEST_OUTPUT - kept.len();
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}

fn retry(reason: String) -> SendError {
    SendError::Retry { reason, after: None }
}

/// The first line that is not empty, harmless and short.
fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    Some(plain::one_line(line, LONGEST_QUOTE))
}

/// The delivery as the module's doc describes it, with a newline.
fn input(delivery: &Delivery) -> Vec<u8> {
    #[derive(Serialize)]
    struct Input<'a> {
        at: Timestamp,
        sink: &'a str,
        target: &'a str,
        to: &'a str,
        event: &'a str,
        object: &'a str,
        incident: Option<u64>,
        rule: &'a str,
        subject: Option<&'a str>,
        text: &'a str,
        html: Option<&'a str>,
        thread: Option<&'a str>,
    }
    let message = &delivery.message;
    let input = Input {
        at: delivery.at,
        sink: &delivery.sink,
        target: &delivery.target,
        to: &delivery.recipient,
        event: &delivery.event,
        object: &delivery.object,
        incident: delivery.incident,
        rule: &delivery.rule,
        subject: message.subject.as_deref(),
        text: &message.text,
        html: message.html.as_deref(),
        thread: message.thread.as_deref(),
    };
    let mut json = serde_json::to_vec(&input).expect("strings and numbers always have a JSON form");
    json.push(b'\n');
    json
}
