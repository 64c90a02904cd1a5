//! `diff` in chat: the candidate rules beside those in force, on the journal.
//!
//! Owns: the one comparison that may run. Promises: it runs beside everything else, on
//! threads and a connection of its own, and ends when it is dropped. Never: changes a
//! rule or any state.

use crate::config::Config;
use crate::diagnostic::{self, Diagnostic};
use crate::diff::journal;
use crate::load::Set;
use crate::model::time::short_length;
use crate::model::{Input, Reply, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How many lines of faults are told in chat.
const FAULT_LINES: usize = 12;

/// Compares when asked, once at a time.
pub(super) struct Comparison {
    config: Arc<Config>,
    inputs: mpsc::Sender<Input>,
    running: Option<AbortOnDropHandle<()>>,
}

impl Comparison {
    /// Nothing runs yet. `inputs`: where answers go.
    pub(super) fn new(config: Arc<Config>, inputs: mpsc::Sender<Input>) -> Comparison {
        Comparison { config, inputs, running: None }
    }

    /// Begins a comparison of the last `length`; what comes of it is put behind the
    /// reply's text.
    pub(super) async fn start(&mut self, length: Duration, reply: Reply) {
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            answer(&self.inputs, reply, "a comparison is running already; ask again when it is done").await;
            return;
        }
        let (config, inputs) = (self.config.clone(), self.inputs.clone());
        self.running = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let stop = CancellationToken::new();
            // Whoever drops this future ends the threads, too.
            let _guard = stop.clone().drop_guard();
            let compared = tokio::task::spawn_blocking(move || compare(&config, length, &stop)).await;
            let text = compared
                .unwrap_or_else(|_| "the comparison made Watchbell panic; please report it".to_owned());
            answer(&inputs, reply, &text).await;
        })));
    }
}

async fn answer(inputs: &mpsc::Sender<Input>, reply: Reply, text: &str) {
    let reply = Reply { text: format!("{}{text}", reply.text), ..reply };
    // Without an engine nobody waits for an answer.
    let _ = inputs.send(Input::Answer(reply)).await;
}

fn compare(config: &Config, length: Duration, stop: &CancellationToken) -> String {
    if !config.candidate_rules.is_dir() {
        return format!(
            "there is no folder {}; copy {} there, change the copy, and ask again",
            config.candidate_rules.display(),
            config.rules.display(),
        );
    }
    let other = Config { rules: config.candidate_rules.clone(), ..config.clone() };
    let (current, candidate) = match (Set::load(config), Set::load(&other)) {
        (Ok(current), Ok(candidate)) => (current, candidate),
        (_, Err(faults)) => return faulty("the candidate rules have faults", &faults),
        (Err(faults), _) => return faulty("the rules and templates on the disk have faults", &faults),
    };
    let since = Timestamp::now() - length;
    let compared = match journal::compare(config, (&current, &candidate), since, || stop.is_cancelled()) {
        Ok(compared) => compared,
        Err(error) => return format!("nothing was compared: {error}"),
    };
    let late = match compared.begins_late {
        Some(begins) => {
            let back = Timestamp::now().duration_since(begins).as_secs_f64();
            format!("the journal goes back {} only; ", short_length(back))
        }
        None => String::new(),
    };
    format!("{late}{}", compared.report.short(&config.zone))
}

fn faulty(what: &str, faults: &[Diagnostic]) -> String {
    let all = diagnostic::render(faults, false);
    let lines: Vec<&str> = all.trim_end().lines().collect();
    let more = if lines.len() > FAULT_LINES { "\n`watchbell check` shows the rest" } else { "" };
    format!("{what}\n{}{more}", lines[..lines.len().min(FAULT_LINES)].join("\n"))
}
