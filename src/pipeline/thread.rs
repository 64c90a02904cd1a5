//! The engine's thread: what comes in is judged, and handed to the store in batches.
//!
//! Owns: the batch that is being made. Promises: an input whose judging panics takes no
//! other along: what was decided before it is decided again from the state on the disk,
//! and the default target hears of the input in plain words. Never: keeps anything of a
//! step that panicked.

use super::overload::{Blame, Overload};
use super::{Finished, Pipeline};
use crate::clock;
use crate::crash;
use crate::engine::{Ask, Ruleset, SCRIPT_STACK, World, answers};
use crate::load::Set;
use crate::model::{Input, Timestamp};
use crate::router;
use crate::source::post::Post;
use crate::store::Batch;
use crate::store::writer::{WriterGone, WriterHandle};
use crate::supervise::panic_text;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// How many inputs are judged before their batch is handed to the store.
const BATCH: usize = 256;
/// Or how long, where judging is slow: what the first of them decided waits for the last.
/// In earnest a full batch takes a tenth of this.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// What a mail of it is about.
const UNJUDGED: &str = "an event could not be judged";
/// How much is said of an input that could not be judged, in characters.
const LONGEST_WORDS: usize = 800;

/// Where the engine's thread gets its work, and where it hands things to.
pub struct Wires {
    /// What moves the engine. The thread ends when all senders are gone.
    pub inputs: mpsc::Receiver<Input>,
    /// Inputs whose senders wait until they are kept; looked at whenever an input comes.
    pub posts: mpsc::Receiver<Post>,
    /// New sets, each put in force before the next input.
    pub sets: mpsc::Receiver<Set>,
    /// Where batches are kept.
    pub writer: WriterHandle,
    /// When the engine wants a tick.
    pub wake: watch::Sender<Option<Timestamp>>,
    /// What people asked that is answered elsewhere.
    pub asks: mpsc::Sender<Ask>,
    /// Reads the state on the disk again, after a panic.
    pub restore: Box<dyn Fn() -> anyhow::Result<World> + Send>,
}

/// Why the engine's thread ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The store is no longer written.
    #[error(transparent)]
    WriterGone(#[from] WriterGone),
    /// After a panic, the state could not be read again.
    #[error("the state cannot be read again after a panic: {0:#}")]
    Restore(anyhow::Error),
}

/// Runs the engine until there are no more inputs. Blocks: give it a thread.
pub fn run(pipeline: Pipeline, wires: Wires) -> Result<(), Ended> {
    run_with(pipeline, wires, Pipeline::take)
}

/// How one input is judged; another one in tests.
trait Judge: FnMut(&mut Pipeline, Input, Timestamp) -> Finished {}
impl<J: FnMut(&mut Pipeline, Input, Timestamp) -> Finished> Judge for J {}

fn run_with(mut pipeline: Pipeline, mut wires: Wires, mut judge: impl Judge) -> Result<(), Ended> {
    let mut overload = Overload::new(Instant::now());
    while let Some(first) = wires.inputs.blocking_recv() {
        let mut work = Work::default();
        let mut next = Some(first);
        let mut taken = 0;
        let batch_began = Instant::now();
        while let Some(input) = next {
            while let Ok(set) = wires.sets.try_recv() {
                crash::point("rules.swap");
                pipeline.set_rules(set);
                overload = Overload::new(Instant::now());
            }
            let began = Instant::now();
            let poison = work.take(&mut pipeline, input, clock::now(), &mut judge);
            overload.judged(began.elapsed());
            if let Err(poison) = poison {
                work.begin_again(&mut pipeline, &wires, poison, &mut judge)?;
            }
            taken += 1;
            let has_room = taken < BATCH && batch_began.elapsed() < BATCH_TIME;
            next = work.next(&mut wires, has_room);
        }
        if let Some(blame) = overload.look(Instant::now(), pipeline.engine.costs()) {
            warn_of_slow_rule(pipeline.engine.ruleset(), &blame);
        }
        // Nobody here waits for it: while this batch is made durable, the next one is
        // judged. Whoever posts, sends or asks is woken by the store's writer.
        let waiting = std::mem::take(&mut work.waiting);
        let batch = work.finish(&mut pipeline, &wires);
        crash::point("batch.judged");
        wires.writer.queue_for(batch, waiting)?;
        crash::point("batch.queued");
        wires.wake.send_replace(pipeline.engine.next_wake());
    }
    Ok(())
}

/// A batch that is being made.
#[derive(Default)]
struct Work {
    batch: Batch,
    asks: Vec<Ask>,
    log: Vec<String>,
    /// What it came of, in order.
    taken: Vec<(Timestamp, Input)>,
    /// Who waits until it is kept.
    waiting: Vec<oneshot::Sender<()>>,
}

/// An input whose judging panicked.
struct Poison {
    input: Input,
    at: Timestamp,
    reason: String,
}

impl Poison {
    /// `prefix`: what marks a command.
    fn in_words(&self, prefix: &str) -> String {
        let input = match &self.input {
            Input::Event(event) => router::plain_event(event),
            Input::Snapshot(snapshot) => format!("the snapshot of {}", snapshot.source),
            // A one-time code in it was not taken, and may still count.
            Input::Utterance(said) => {
                format!("what {} said: {}", said.speaker.nick, answers::shown(said, prefix))
            }
            Input::PostedCommand(posted) => {
                format!("what {} posted: {}", posted.person, answers::posted::shown(posted, prefix))
            }
            other => format!("{other:?}"),
        };
        let text =
            format!("could not be judged: {input} (a bug in Watchbell, please report it: {})", self.reason);
        router::escape::short(&router::escape::one_line(&text), LONGEST_WORDS).into_owned()
    }
}

impl Work {
    /// What is judged next in this batch: all posts that wait, as somebody waits for each;
    /// other inputs while there is room.
    fn next(&mut self, wires: &mut Wires, has_room: bool) -> Option<Input> {
        if let Ok(Post { input, kept }) = wires.posts.try_recv() {
            self.waiting.push(kept);
            return Some(input);
        }
        if has_room { wires.inputs.try_recv().ok() } else { None }
    }

    /// Judges one input. `Err`: that panicked, and `pipeline` must not be used as it is.
    fn take(
        &mut self,
        pipeline: &mut Pipeline,
        input: Input,
        at: Timestamp,
        judge: &mut impl Judge,
    ) -> Result<(), Box<Poison>> {
        self.taken.push((at, input.clone()));
        // What a panic leaves behind is thrown away by `begin_again`.
        match catch_unwind(AssertUnwindSafe(|| judge(pipeline, input, at))) {
            Ok(finished) => {
                self.add(finished);
                Ok(())
            }
            Err(panic) => {
                let (at, input) = self.taken.pop().expect("it was pushed above");
                Err(Box::new(Poison { input, at, reason: panic_text(&*panic).to_owned() }))
            }
        }
    }

    fn add(&mut self, finished: Finished) {
        self.batch.deliveries.extend(finished.deliveries);
        self.batch.actions.extend(finished.actions);
        self.batch.decisions.extend(finished.decisions);
        self.batch.commands.extend(finished.commands);
        self.batch.answers.extend(finished.answers);
        self.asks.extend(finished.asks);
        self.log.extend(finished.log);
    }

    /// Goes back to the state on the disk, and judges again what is not on it: all but
    /// what panics. Who waits hears once that is kept, also of what panics: people were told.
    fn begin_again(
        &mut self,
        pipeline: &mut Pipeline,
        wires: &Wires,
        mut poison: Box<Poison>,
        judge: &mut impl Judge,
    ) -> Result<(), Ended> {
        let mut told = Vec::new();
        // What was queued is on the disk before it is read.
        wires.writer.flush_blocking()?;
        loop {
            let words = poison.in_words(&pipeline.config.prefix);
            tracing::error!("{words}");
            told.extend(router::notice(&pipeline.config, UNJUDGED, &words, poison.at));
            pipeline.begin_again((wires.restore)().map_err(Ended::Restore)?);
            let again = self.start_over();
            match self.take_all(pipeline, again, judge) {
                Ok(()) => break,
                Err(next) => poison = next,
            }
        }
        self.batch.deliveries.extend(told);
        Ok(())
    }

    /// Throws away what came of the inputs of this batch; these inputs.
    fn start_over(&mut self) -> Vec<(Timestamp, Input)> {
        let waiting = std::mem::take(&mut self.waiting);
        std::mem::replace(self, Work { waiting, ..Work::default() }).taken
    }

    /// Judges all of these; what comes behind one that panics is kept in `taken` to be
    /// judged from the beginning.
    fn take_all(
        &mut self,
        pipeline: &mut Pipeline,
        inputs: Vec<(Timestamp, Input)>,
        judge: &mut impl Judge,
    ) -> Result<(), Box<Poison>> {
        let mut inputs = inputs.into_iter();
        while let Some((at, input)) = inputs.next() {
            if let Err(poison) = self.take(pipeline, input, at, judge) {
                self.taken.extend(inputs);
                return Err(poison);
            }
        }
        Ok(())
    }

    /// The finished batch; what leaves by other ways than the store is sent off.
    fn finish(self, pipeline: &mut Pipeline, wires: &Wires) -> Batch {
        let Work { mut batch, asks, log, taken, waiting: _ } = self;
        for line in log {
            tracing::info!(target: "watchbell::rules", "{}", line);
        }
        for ask in asks {
            if let Err(error) = wires.asks.try_send(ask) {
                tracing::warn!("too much is asked at once; not answered: {:?}", error.into_inner().question);
            }
        }
        taken.iter().for_each(|(_, input)| note_heard(&mut batch, input));
        if pipeline.config.journal.is_some() {
            batch.journal = taken.into_iter().filter(|(_, input)| input.is_kept()).collect();
        }
        batch.state = pipeline.take_writes();
        batch
    }
}

/// What came of this input is kept together with the note that it was taken in: until
/// then the store hands it out again at each start.
fn note_heard(batch: &mut Batch, input: &Input) {
    match input {
        Input::GivenUp(attempt) => batch.heard.push(attempt.delivery.id),
        Input::ActionResult(result) => batch.answered.push(result.action.id),
        _ => {}
    }
}

fn warn_of_slow_rule(ruleset: &Ruleset, blame: &Blame) {
    let Blame { rule, judging, share, mean } = blame;
    tracing::warn!(
        "judging took {:.0}% of the time, the rule {} alone {:.0}%: {:.1} ms a call; events wait behind it",
        judging * 100.0,
        ruleset.rules()[*rule].at,
        share * 100.0,
        mean.as_secs_f64() * 1000.0
    );
}

/// Starts the engine's thread.
pub fn spawn(
    pipeline: Pipeline,
    wires: Wires,
) -> std::io::Result<std::thread::JoinHandle<Result<(), Ended>>> {
    std::thread::Builder::new()
        .name("engine".to_owned())
        .stack_size(SCRIPT_STACK)
        .spawn(move || run(pipeline, wires))
}

#[cfg(test)]
mod tests;
