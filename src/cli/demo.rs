//! `watchbell demo`: the main job on a recorded Icinga, in this terminal.
//!
//! Everything is the real thing but Icinga itself: its events come from a
//! recording, at a pace for people, and what is asked of it is answered here.

use super::print::out;
use crate::app::{self, Links, Peer};
use crate::config::{self, Config};
use crate::model::event::{Acknowledgement, AcknowledgementEnd, Comment, Downtime};
use crate::model::{
    Action, ActionKind, Detail, Event, Input, Object, ObjectKey, Speaker, State, StateReport, Timestamp,
    Utterance,
};
use crate::source::replay::{Replay, Speed, read_objects};
use crate::source::{Source, SourceError};
use crate::store::sqlite::SqliteStore;
use anyhow::Context;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The name of the recorded Icinga.
const SOURCE: &str = "demo";
const SINK: &str = "console";
/// Between two events that people hear of.
const PAUSE: Duration = Duration::from_millis(2500);
/// After the first problem, and after each line typed, the recording waits, so that
/// there is time to answer.
const WAIT_FOR_READER: Duration = Duration::from_secs(40);

const RECORDING: &[u8] = include_bytes!("../../tests/fixtures/lifecycle.jsonl");
const HOSTS: &[u8] = include_bytes!("../../tests/fixtures/lifecycle-objects-hosts.json.gz");
const SERVICES: &[u8] = include_bytes!("../../tests/fixtures/lifecycle-objects-services.json.gz");

pub(super) fn demo() -> anyhow::Result<ExitCode> {
    // What the reloader logs, the same terminal is told as an event.
    super::log("warn,watchbell::reload=off");
    let folder = std::env::temp_dir().join(format!("watchbell-demo-{}", std::process::id()));
    let result = play(&folder);
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    result
}

fn play(folder: &Path) -> anyhow::Result<ExitCode> {
    let config = lay_out(folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    introduce(&config.rules);
    let store = Arc::new(SqliteStore::open(&folder.join("watchbell.db"))?);
    let recording = Recording::open(folder)?;
    let runtime = super::run::runtime()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        super::run::stop_on_signals(stop.clone())?;
        let peers = |_: &Config, links: &Links| {
            let typed = read_terminal(links.utterances.clone())?;
            let inputs = links.inputs.downgrade();
            let states = States::default();
            let known = states.clone();
            let act: crate::outbox::Act = Arc::new(move |action| {
                let inputs = inputs.clone();
                let event = answer(&action, known.of(&action.object));
                Box::pin(async move {
                    if let (Some(inputs), Some(event)) = (inputs.upgrade(), event) {
                        // Only at the very end there is no engine to hear it.
                        let _ = inputs.send(Input::Event(event)).await;
                    }
                    Ok("done".to_owned())
                })
            });
            let play = Play { recording, typed, states };
            Ok(vec![Peer {
                name: SOURCE.to_owned(),
                source: Box::new(move || Ok(Box::new(play.clone()) as Box<dyn Source>)),
                act,
            }])
        };
        app::run(config, store, peers, false, stop).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the shipped rules and templates where the reader can edit them.
fn lay_out(folder: &Path) -> std::io::Result<Config> {
    let (rules, templates) = (folder.join("rules"), folder.join("templates"));
    let files = |root: &Path, files: Vec<(String, String)>| {
        files.into_iter().try_for_each(|(path, text)| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(root))?;
            std::fs::write(path, text)
        })
    };
    files(&rules, crate::assets::rules())?;
    files(&templates, crate::assets::templates())?;
    Ok(config::builtin(rules, templates))
}

fn introduce(rules: &Path) {
    out(&format!(
        "Watchbell plays a recorded Icinga through its rules. The rules of this demo are in\n  {}\n\
         Edit one while it runs: it takes effect when you save. Type commands here, such as\n  \
         !problems   !ack #1 looking   !mute host2 1h flaky   !help\n\
         After the first problem the recording waits for you {} seconds (Enter goes on). Ctrl-C ends.\n",
        rules.display(),
        WAIT_FOR_READER.as_secs(),
    ));
}

/// What is typed becomes utterances; the channel says when something was typed,
/// and closes when the terminal does.
fn read_terminal(utterances: mpsc::Sender<Utterance>) -> anyhow::Result<watch::Receiver<Instant>> {
    let (typed, seen) = watch::channel(Instant::now());
    let nick = std::env::var("USER").unwrap_or_else(|_| "you".to_owned());
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            // Enter alone: the recording need not wait.
            let until =
                if line.trim().is_empty() { Instant::now() } else { Instant::now() + WAIT_FOR_READER };
            typed.send_replace(until);
            let utterance = Utterance {
                sink: SINK.to_owned(),
                room: String::new(),
                private: true,
                speaker: Speaker { nick: nick.clone(), account: None, local: true },
                text: line,
                at: Timestamp::now(),
            };
            if utterances.blocking_send(utterance).is_err() {
                return;
            }
        }
    };
    // It ends with the terminal; the process does not wait for it.
    std::thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(read)
        .context("cannot read the terminal")?;
    Ok(seen)
}

#[derive(Clone)]
struct Recording {
    objects: Vec<Object>,
    events: Vec<Event>,
}

impl Recording {
    fn open(folder: &Path) -> anyhow::Result<Recording> {
        let source: Arc<str> = SOURCE.into();
        let unpack = |name: &str, bytes: &[u8]| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, bytes)?;
            Ok(path)
        };
        let mut objects = read_objects(&unpack("hosts.json.gz", HOSTS)?, &source)?;
        objects.extend(read_objects(&unpack("services.json.gz", SERVICES)?, &source)?);
        let replay = Replay::new(&unpack("recording.jsonl", RECORDING)?, SOURCE, Speed::Max);
        let events = replay.events()?.collect::<Result<_, _>>()?;
        Ok(Recording { objects, events })
    }
}

/// The last state of each object, as Icinga would know it.
#[derive(Clone, Default)]
struct States(Arc<Mutex<HashMap<ObjectKey, State>>>);

impl States {
    fn take_in(&self, event: &Event) {
        if let (Some(object), Some(report)) = (&event.object, event.report()) {
            self.lock().insert(object.clone(), report.state);
        }
    }

    fn of(&self, object: &ObjectKey) -> State {
        let well = if object.is_host() { State::Up } else { State::Ok };
        self.lock().get(object).copied().unwrap_or(well)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recording, at a pace for people.
#[derive(Clone)]
struct Play {
    recording: Recording,
    typed: watch::Receiver<Instant>,
    states: States,
}

impl Source for Play {
    fn name(&self) -> &str {
        SOURCE
    }

    fn run(
        self: Box<Self>,
        inputs: mpsc::Sender<Input>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), SourceError>> {
        Box::pin(async move {
            stop.run_until_cancelled(self.play(inputs)).await;
            Ok(())
        })
    }
}

impl Play {
    async fn play(mut self, inputs: mpsc::Sender<Input>) {
        if inputs.send(Input::Objects(std::mem::take(&mut self.recording.objects))).await.is_err() {
            return;
        }
        let mut waited = false;
        for event in std::mem::take(&mut self.recording.events) {
            let notable = is_notable(&event);
            if notable {
                self.pause().await;
            }
            self.states.take_in(&event);
            let is_problem = notable && event.report().is_some_and(|report| report.state.is_problem());
            if inputs.send(Input::Event(as_if_now(event))).await.is_err() {
                return;
            }
            if is_problem && !waited {
                waited = true;
                self.wait_for_reader().await;
            }
        }
        out("\nThe recording is over; what is broken stays so. Ctrl-C ends.");
        // Go on answering commands until the terminal closes.
        while self.typed.changed().await.is_ok() {}
        tokio::time::sleep(PAUSE).await;
    }

    /// Waits a little, and longer while somebody types.
    async fn pause(&mut self) {
        tokio::time::sleep(PAUSE).await;
        while self.terminal_is_open() && *self.typed.borrow_and_update() > Instant::now() {
            let until = *self.typed.borrow();
            let _ = tokio::time::timeout_at(until, self.typed.changed()).await;
        }
    }

    async fn wait_for_reader(&mut self) {
        if self.terminal_is_open() {
            self.typed.mark_unchanged();
            let _ = tokio::time::timeout(WAIT_FOR_READER, self.typed.changed()).await;
        }
    }

    fn terminal_is_open(&self) -> bool {
        self.typed.has_changed().is_ok()
    }
}

/// Whether people will probably hear of it, so that it deserves a pause.
fn is_notable(event: &Event) -> bool {
    match &event.detail {
        Detail::StateChange(report) => {
            report.hard && report.previous.is_none_or(|(_, hard)| hard || report.state.is_problem())
        }
        Detail::DowntimeAdded(downtime) | Detail::DowntimeRemoved(downtime) => downtime.parent.is_empty(),
        Detail::CommentAdded(comment) => comment.is_of_user(),
        Detail::AcknowledgementSet(_) | Detail::AcknowledgementCleared(_) | Detail::Flapping(_) => true,
        _ => false,
    }
}

/// The event with all its times moved, as if it happened now.
fn as_if_now(mut event: Event) -> Event {
    let shift = Timestamp::now().duration_since(event.timestamp);
    event.timestamp = moved(event.timestamp, shift);
    match &mut event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => move_report(report, shift),
        Detail::AcknowledgementSet(set) => set.expiry = set.expiry.map(|time| moved(time, shift)),
        Detail::CommentAdded(comment) | Detail::CommentRemoved(comment) => {
            comment.entry_time = comment.entry_time.map(|time| moved(time, shift));
        }
        Detail::DowntimeAdded(downtime)
        | Detail::DowntimeRemoved(downtime)
        | Detail::DowntimeStarted(downtime)
        | Detail::DowntimeTriggered(downtime) => move_downtime(downtime, shift),
        _ => {}
    }
    event
}

fn moved(time: Timestamp, shift: SignedDuration) -> Timestamp {
    time.checked_add(shift).unwrap_or(time)
}

fn move_report(report: &mut StateReport, shift: SignedDuration) {
    report.execution_end = report.execution_end.map(|time| moved(time, shift));
}

fn move_downtime(downtime: &mut Downtime, shift: SignedDuration) {
    downtime.start_time = moved(downtime.start_time, shift);
    downtime.end_time = moved(downtime.end_time, shift);
    for time in [&mut downtime.entry_time, &mut downtime.trigger_time, &mut downtime.remove_time] {
        *time = time.map(|time| moved(time, shift));
    }
}

/// What Icinga's stream would say after an action on an object in this state. There
/// is no Icinga in the demo.
fn answer(action: &Action, state: State) -> Option<Event> {
    let now = Timestamp::now();
    let detail = match &action.kind {
        ActionKind::Acknowledge { comment, expiry, sticky, notify }
        | ActionKind::ExtendAcknowledgement { comment, expiry, sticky, notify } => {
            Detail::AcknowledgementSet(Acknowledgement {
                author: action.author.clone(),
                comment: comment.clone(),
                state,
                hard: true,
                sticky: *sticky,
                notify: *notify,
                persistent: false,
                expiry: *expiry,
            })
        }
        ActionKind::RemoveAcknowledgement => {
            Detail::AcknowledgementCleared(AcknowledgementEnd { state, hard: true })
        }
        ActionKind::AddComment { comment } => Detail::CommentAdded(Comment {
            name: format!("{}!demo-{}", action.object, now.as_nanosecond()),
            author: action.author.clone(),
            text: comment.clone(),
            entry_time: Some(now),
            entry_type: 1,
            expire_time: None,
        }),
        _ => return None,
    };
    Some(Event {
        source: action.object.source().clone(),
        timestamp: now,
        object: Some(action.object.clone()),
        missed: false,
        withheld: None,
        detail,
    })
}
