//! Two sets of rules on the same inputs from the same state: what would be told more,
//! less, elsewhere or at another time.
//!
//! Owns: the playing of both, and what counts as the same. Promises: both begin with
//! the same world and see the same inputs at the same times; the world that was given
//! is not changed; memory grows with what differs, not with what is played.
//! Never: renders, sends or keeps anything, reads a clock.

pub mod journal;
mod pairing;
mod report;
mod side;
mod words;

pub use report::{Example, Failure, Group, Kind, Report, Tally};

use crate::engine::{Engine, Ruleset, Settings, World};
use crate::model::{Input, Timestamp};
use pairing::Pairing;
use side::{Side, Told};
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// How many inputs both sides are handed at once.
const CHUNK: usize = 2048;

/// How many chunks the sides may be apart from the reading.
const AHEAD: usize = 3;

/// Deep scripts recurse on the native stack.
const STACK_BYTES: usize = 16 << 20;

/// What is compared.
pub struct Trial {
    /// What the engine knows of the configuration.
    pub settings: Settings,
    /// The rules in force.
    pub current: Arc<Ruleset>,
    /// The rules that may take their place.
    pub candidate: Arc<Ruleset>,
    /// From when on it is compared. Earlier inputs are played through the current rules
    /// alone, so that both begin with what is known by then.
    pub since: Timestamp,
}

type Chunk = Arc<Vec<(Timestamp, Input)>>;

impl Trial {
    /// Plays all inputs from this state on. `stopped` is asked now and then; once it is
    /// true, the rest is not played.
    ///
    /// # Errors
    /// The first one of `inputs`, or of starting a thread.
    pub fn run<E: Send + From<std::io::Error>>(
        &self,
        world: &World,
        inputs: impl Iterator<Item = Result<(Timestamp, Input), E>> + Send,
        stopped: impl Fn() -> bool + Sync,
    ) -> Result<Report, E> {
        let mut inputs = inputs.peekable();
        let world = std::thread::scope(|scope| {
            let warm_up = || self.warm_up(world, &mut inputs, &stopped);
            let thread = Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, warm_up)?;
            joined(thread)
        })?;
        std::thread::scope(|scope| {
            let current = Player::start(scope, self.engine(&world, &self.current))?;
            let candidate = Player::start(scope, self.engine(&world, &self.candidate))?;
            drop(world);
            self.play(current, candidate, inputs, stopped)
        })
    }

    fn engine(&self, world: &World, rules: &Arc<Ruleset>) -> Engine {
        Engine::new(world.for_trial(), self.settings.clone(), rules.clone())
    }

    /// The world as it is at `since`.
    fn warm_up<E>(
        &self,
        world: &World,
        inputs: &mut Peekable<impl Iterator<Item = Result<(Timestamp, Input), E>>>,
        stopped: &impl Fn() -> bool,
    ) -> Result<World, E> {
        let mut side = Side::new(self.engine(world, &self.current));
        let is_early = |input: &Result<(Timestamp, Input), E>| match input {
            Ok((at, _)) => *at < self.since,
            Err(_) => true,
        };
        let mut unheard = Vec::new();
        while let Some(input) = inputs.next_if(is_early).filter(|_| !stopped()) {
            let (at, input) = input?;
            side.take(input, at, &mut unheard);
            unheard.clear();
        }
        if inputs.peek().is_some() {
            side.wait_until(self.since, &mut unheard);
        }
        Ok(side.world().for_trial())
    }

    fn play<E>(
        &self,
        mut current: Player<'_>,
        mut candidate: Player<'_>,
        mut inputs: impl Iterator<Item = Result<(Timestamp, Input), E>>,
        stopped: impl Fn() -> bool,
    ) -> Result<Report, E> {
        let mut pairing = Pairing::default();
        let mut played = Played::default();
        let mut under_way = 0;
        while !stopped() {
            let chunk = inputs.by_ref().take(CHUNK).collect::<Result<Vec<_>, E>>()?;
            if chunk.is_empty() {
                break;
            }
            played.add(&chunk);
            let chunk = Arc::new(chunk);
            if !current.hand(chunk.clone()) || !candidate.hand(chunk) {
                // It has panicked; joining it passes the panic on.
                break;
            }
            under_way += 1;
            if under_way > AHEAD {
                under_way -= 1;
                pairing.add(current.told(), candidate.told());
            }
        }
        current.hand_no_more();
        candidate.hand_no_more();
        // The last ones are what is told after the last input.
        for _ in 0..=under_way {
            pairing.add(current.told(), candidate.told());
        }
        Ok(Report {
            inputs: played.inputs,
            begin: played.begin,
            end: played.end,
            current: current.end(),
            candidate: candidate.end(),
            groups: report::groups(pairing.finish()),
        })
    }
}

/// What was played.
#[derive(Default)]
struct Played {
    inputs: u64,
    begin: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Played {
    fn add(&mut self, chunk: &[(Timestamp, Input)]) {
        self.inputs += chunk.len() as u64;
        self.begin = self.begin.or(chunk.first().map(|(at, _)| *at));
        self.end = chunk.last().map(|(at, _)| *at);
    }
}

/// One side on a thread of its own.
struct Player<'scope> {
    chunks: Option<SyncSender<Chunk>>,
    told: Receiver<Vec<Told>>,
    thread: ScopedJoinHandle<'scope, Tally>,
}

impl<'scope> Player<'scope> {
    fn start(scope: &'scope Scope<'scope, '_>, engine: Engine) -> std::io::Result<Player<'scope>> {
        let (chunks, to_play) = sync_channel::<Chunk>(AHEAD + 1);
        let (tell, told) = sync_channel(AHEAD + 2);
        let play = move || {
            let mut side = Side::new(engine);
            for chunk in to_play {
                let mut told = Vec::new();
                for (at, input) in chunk.iter() {
                    side.take(input.clone(), *at, &mut told);
                }
                if tell.send(told).is_err() {
                    return side.tally;
                }
            }
            let mut told = Vec::new();
            side.go_on(&mut told);
            // Nobody waits for it where the reading has failed.
            let _ = tell.send(told);
            side.tally
        };
        let thread = Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, play)?;
        Ok(Player { chunks: Some(chunks), told, thread })
    }

    fn hand(&self, chunk: Chunk) -> bool {
        self.chunks.as_ref().is_some_and(|chunks| chunks.send(chunk).is_ok())
    }

    fn hand_no_more(&mut self) {
        self.chunks = None;
    }

    fn told(&self) -> Vec<Told> {
        self.told.recv().unwrap_or_default()
    }

    fn end(self) -> Tally {
        joined(self.thread)
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
