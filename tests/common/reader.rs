//! A running Icinga source, read as a test wants to read it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use watchbell::config::IcingaSettings;
use watchbell::model::{Event, EventType, Input, Snapshot};
use watchbell::source::Source;
use watchbell::source::icinga::{Counters, IcingaSource, Limits};

/// How long anything may take that is waited for.
/// Two Icingas notice that the line between them is dead only after 60 s, and then connect anew.
const PATIENCE: Duration = Duration::from_secs(150);

/// A source that runs until this is dropped.
pub(crate) struct Reader {
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) types: watch::Sender<BTreeSet<EventType>>,
    last_error: watch::Receiver<Option<String>>,
    _stop: DropGuard,
}

impl Reader {
    /// Starts a source whose rules ask for all of Icinga's types.
    pub(crate) fn start(settings: &IcingaSettings) -> Reader {
        Reader::start_with(settings, Limits::default(), 1024, &all_types())
    }

    /// Starts a source with limits, room in its channel, and types rules ask for.
    pub(crate) fn start_with(
        settings: &IcingaSettings,
        limits: Limits,
        room: usize,
        types: &BTreeSet<EventType>,
    ) -> Reader {
        let types = watch::Sender::new(types.clone());
        let source = IcingaSource::new(settings, types.subscribe()).expect("the settings are good");
        let source = source.with_limits(limits);
        let (counters, last_error) = (source.counters(), source.last_error());
        let (sender, inputs) = mpsc::channel(room);
        let stop = CancellationToken::new();
        tokio::spawn(Box::new(source).run(sender, stop.clone()));
        Reader { inputs, counters, types, last_error, _stop: stop.drop_guard() }
    }

    /// The next input for which `wanted` gives something; others are passed over.
    pub(crate) async fn next<T>(&mut self, what: &str, wanted: impl Fn(Input) -> Option<T>) -> T {
        let found = async {
            loop {
                let input = self.inputs.recv().await.expect("the source runs");
                if let Some(found) = wanted(input) {
                    return found;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; last error: {:?}", *self.last_error.borrow()),
        }
    }

    /// The next snapshot.
    pub(crate) async fn snapshot(&mut self) -> Snapshot {
        let wanted = |input| match input {
            Input::Snapshot(snapshot) => Some(Arc::unwrap_or_clone(snapshot)),
            _ => None,
        };
        self.next("a snapshot", wanted).await
    }

    /// The next event of this type about this object.
    pub(crate) async fn event(&mut self, event_type: EventType, object: &str) -> Event {
        let wanted = |input| match input {
            Input::Event(event) if event.event_type() == event_type => {
                let name = event.object.as_ref().map_or("", |object| object.name());
                (name == object).then_some(event)
            }
            _ => None,
        };
        self.next(&format!("{event_type} of {object}"), wanted).await
    }

    /// All inputs before the next event of this type about this object.
    pub(crate) async fn until(&mut self, event_type: EventType, object: &str) -> Vec<Input> {
        let mut inputs = Vec::new();
        loop {
            let input = self.next(&format!("{event_type} of {object}"), Some).await;
            let is_wanted = matches!(&input, Input::Event(event) if event.event_type() == event_type
                && event.object.as_ref().is_some_and(|key| key.name() == object));
            if is_wanted {
                return inputs;
            }
            inputs.push(input);
        }
    }

    /// The last error that stands, such as permissions that are missing.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.last_error.borrow().clone()
    }

    /// Waits for an error text that holds all these words.
    pub(crate) async fn error(&mut self, words: &[&str]) -> String {
        let holds = |error: &Option<String>| {
            error.as_ref().is_some_and(|text| words.iter().all(|word| text.contains(word)))
        };
        let waited = tokio::time::timeout(PATIENCE, self.last_error.wait_for(holds)).await;
        let found = waited.map(|found| found.expect("the source runs").clone());
        match found {
            Ok(text) => text.expect("it holds words"),
            Err(_) => panic!("no error with {words:?}, but {:?}", *self.last_error.borrow()),
        }
    }
}

/// All of Icinga's types.
pub(crate) fn all_types() -> BTreeSet<EventType> {
    EventType::ALL.iter().copied().filter(|event_type| event_type.is_icinga()).collect()
}
