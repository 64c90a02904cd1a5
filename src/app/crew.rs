//! Every task by its name: what it needs, and which group ends it.
//!
//! ```text
//! sources   source NAME, listening, mailbox NAME                ended by `upstream`
//! tasks     reloader, inquiry, ticker, chat, troubles, distress, ended by `upstream`
//!           tidy, calendars
//! workers   sink NAME, actions NAME                             ended by `sending`
//! ```
//! Promises: each is kept running by the supervisor. Never: waits for one.

use super::Peer;
use super::chores::Listening;
use super::nudges::Nudges;
use super::supervisor::Supervisor;
use crate::config::{Config, SinkKind, SinkSettings};
use crate::load::Set;
use crate::model::Input;
use crate::outbox::{ActionWorker, BackoffPolicy, Fallbacks, Storms, Worker};
use crate::pipeline;
use crate::sink::Sink;
use crate::source::desk::Desk;
use crate::source::http::HttpSource;
use crate::source::mailbox::MailboxSource;
use crate::source::post::Postbox;
use crate::store::Store;
use crate::store::writer::WriterHandle;
use crate::token::Signer;
use anyhow::Context;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What tasks are made of.
pub(super) struct Crew {
    pub(super) supervisor: Supervisor,
    pub(super) config: Arc<Config>,
    pub(super) store: Arc<dyn Store>,
    pub(super) writer: WriterHandle,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) nudges: Nudges,
    /// The set in force.
    pub(super) in_force: watch::Receiver<Set>,
    pub(super) groups: Groups,
}

/// The three groups of tasks, in the order in which they end, and what ends them.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) sources: TaskTracker,
    pub(super) tasks: TaskTracker,
    pub(super) workers: TaskTracker,
    /// Ends sources and tasks.
    pub(super) upstream: CancellationToken,
    /// Ends workers, which finish what is under way.
    pub(super) sending: CancellationToken,
}

impl Crew {
    /// Starts a task that is dropped wherever it is at the end.
    pub(super) fn beside<T, R>(&self, name: &str, state: T, run: R)
    where
        T: Send + 'static,
        R: for<'a> FnMut(&'a mut T) -> BoxFuture<'a, ()> + Send + 'static,
    {
        let Groups { tasks, upstream, .. } = &self.groups;
        self.supervisor.start_until(tasks, name, upstream, state, run);
    }

    /// Starts the worker of each sink.
    pub(super) fn send(&self, sinks: &BTreeMap<String, Arc<dyn Sink>>) {
        let Groups { workers, sending, .. } = &self.groups;
        let fallbacks = Fallbacks::new(&self.config);
        for (name, sink) in sinks {
            let worker = Worker {
                sink_name: name.clone(),
                sink: sink.clone(),
                store: self.store.clone(),
                writer: self.writer.clone(),
                nudge: self.nudges.sink(name),
                inputs: self.inputs.clone(),
                fallbacks: fallbacks.clone(),
                storms: self.storms(&self.config.sinks[name]),
                policy: BackoffPolicy::of(&self.config.sinks[name].kind),
                stop: sending.clone(),
            };
            self.supervisor.start(workers, format!("sink {name}"), sending, worker, |worker| {
                Box::pin(async {
                    if let Err(error) = worker.clone().run().await {
                        tracing::error!(%error, "a sink's worker ended");
                    }
                })
            });
        }
    }

    /// The budgets of a sink; its digests are written with the templates in force.
    fn storms(&self, sink: &SinkSettings) -> Option<Arc<Storms>> {
        let write =
            Arc::new(pipeline::digest_words(self.config.clone(), sink.clone(), self.in_force.clone()));
        Storms::of(sink, &self.config, write).map(Arc::new)
    }

    /// Starts to take webhooks and commands, where somebody may send one.
    pub(super) fn listen(
        &self,
        bound: Option<HttpSource>,
        postbox: Postbox,
        desk: Desk,
    ) -> std::io::Result<()> {
        let (Some(bound), Some(incoming)) = (bound, self.config.incoming.clone()) else { return Ok(()) };
        let address = bound.address()?;
        if !incoming.tokens.is_empty() {
            tracing::info!("webhooks are taken at http://{address}/webhook/NAME");
        }
        if !incoming.persons.is_empty() {
            tracing::info!("commands are taken at http://{address}/command");
        }
        let Groups { sources, upstream, .. } = &self.groups;
        let listening = Listening { bound: Some(bound), incoming, postbox, desk, stop: upstream.clone() };
        self.supervisor
            .start(sources, "listening", upstream, listening, |listening| Box::pin(listening.run()));
        Ok(())
    }

    /// Starts to read the mailboxes that answers to mails come to.
    pub(super) fn read_mail(&self, postbox: &Postbox) -> anyhow::Result<()> {
        let Groups { sources, upstream, .. } = &self.groups;
        for settings in self.config.mailboxes.values() {
            let signers =
                settings.sinks.iter().filter_map(|name| signer(self.config.sinks.get(name)?)).collect();
            let (postbox, inputs) = (postbox.clone(), self.inputs.clone());
            let source = MailboxSource::new(settings.clone(), signers, postbox, inputs)
                .with_context(|| format!("the mailbox `{}` cannot be read", settings.name))?;
            let name = format!("mailbox {}", settings.name);
            self.supervisor.start_until(sources, &name, upstream, source, |source| Box::pin(source.run()));
        }
        Ok(())
    }

    /// Starts what each Icinga needs: a source, and a worker that asks it.
    pub(super) fn follow(&self, peers: Vec<Peer>) {
        for peer in peers {
            self.ask(&peer);
            self.read(peer);
        }
    }

    fn ask(&self, peer: &Peer) {
        let Groups { workers, sending, .. } = &self.groups;
        let worker = ActionWorker {
            source: peer.name.clone(),
            act: peer.act.clone(),
            store: self.store.clone(),
            writer: self.writer.clone(),
            nudge: self.nudges.actions(&peer.name),
            inputs: self.inputs.clone(),
            stop: sending.clone(),
        };
        self.supervisor.start(workers, format!("actions {}", peer.name), sending, worker, |worker| {
            Box::pin(worker.clone().run())
        });
    }

    fn read(&self, peer: Peer) {
        let Groups { sources, upstream, .. } = &self.groups;
        let (inputs, stop) = (self.inputs.clone(), upstream.clone());
        self.supervisor.start(sources, format!("source {}", peer.name), upstream, peer, move |peer| {
            let (inputs, stop) = (inputs.clone(), stop.clone());
            Box::pin(async move {
                let ended = match (peer.source)() {
                    Ok(source) => source.run(inputs, stop).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = ended {
                    tracing::error!(source = %peer.name, "the source ended: {error}");
                }
            })
        });
    }
}

/// Who signs the mails of a sink; `None` where they are not signed.
fn signer(sink: &SinkSettings) -> Option<Signer> {
    match &sink.kind {
        SinkKind::Email(email) => Some(Signer::new(sink.name.clone(), email.reply_key.clone()?)),
        _ => None,
    }
}
