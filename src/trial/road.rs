//! The road of a trial: engine and templates as they are in earnest, and the reading of
//! recorded lines.

use crate::config::Config;
use crate::engine::trial::{Road, Taken};
use crate::engine::{Engine, Settings, World};
use crate::load::Set;
use crate::model::{Delivery, Event, Input, Timestamp};
use crate::pipeline::{Pipeline, REPLY};
use crate::source::icinga::decode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a test may run; most take less than a thousandth.
const LONGEST: Duration = Duration::from_secs(5);

pub(super) struct Joined {
    pipeline: Pipeline,
    source: Arc<str>,
    begun: Instant,
}

impl Joined {
    pub(super) fn new(
        set: &Set,
        config: &Arc<Config>,
        settings: &Arc<Settings>,
        source: &Arc<str>,
    ) -> Joined {
        Joined {
            pipeline: Pipeline::for_trial(World::new(false), config.clone(), settings.clone(), set.clone()),
            source: source.clone(),
            begun: Instant::now(),
        }
    }
}

impl Road for Joined {
    fn take(&mut self, input: Input, now: Timestamp) -> Taken {
        let finished = self.pipeline.take(input, now);
        let (replies, mut heard): (Vec<Delivery>, Vec<Delivery>) =
            finished.deliveries.into_iter().partition(|delivery| delivery.event == REPLY);
        // A target hears a thing once, however many addresses it has.
        heard.dedup_by(|next, one| {
            next.recipient != one.recipient && next.target == one.target && next.message == one.message
        });
        Taken {
            heard,
            replies: replies.into_iter().map(|reply| reply.message.text).collect(),
            actions: finished.actions,
            decisions: finished.decisions,
        }
    }

    fn engine(&self) -> &Engine {
        self.pipeline.engine()
    }

    fn engine_mut(&mut self) -> &mut Engine {
        self.pipeline.engine_mut()
    }

    fn decode(&self, line: &str) -> Result<Event, String> {
        decode(&self.source, line.as_bytes()).map_err(|error| format!("this is no event of Icinga: {error}"))
    }

    fn is_late(&self) -> bool {
        self.begun.elapsed() > LONGEST
    }
}
