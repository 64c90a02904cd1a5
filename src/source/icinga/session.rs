//! One connection to an Icinga, from the subscription to its end.
//!
//! Owns: the order that closes every gap: subscribe, read all objects, hand over the
//! snapshot, then what came meanwhile, then what comes. Promises: each line that was
//! read whole is decoded and handed over once, in order; after one that cannot be
//! read, all objects are read again. Never: reconnects.

use super::buffer::{self, Read, Reader};
use super::canary::Canary;
use super::catalog::Catalog;
use super::client::{Api, IcingaStatus};
use super::decode::decode;
use super::heard::Heard;
use super::holes::Holes;
use super::masters::Place;
use super::stream::{self, Ended, Reading};
use super::trouble::{self, ApiError};
use super::{Counters, Limits, fault};
use crate::lag::Lag;
use crate::model::event::{Detail, ObjectChange};
use crate::model::{Broken, Event, EventType, Input, ObjectKey, Timestamp};
use crate::patience::within;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody takes inputs any more: the program ends.
    NobodyListens,
    /// Connect again; the words say why.
    Reconnect(String),
    /// We hung up on purpose, because Icinga would have to queue for us; the words say why.
    HungUp(String),
    /// Connect again: the stream was open, and the canary did not come back through it.
    Deaf(String),
}

impl From<ApiError> for End {
    fn from(error: ApiError) -> End {
        End::Reconnect(error.to_string())
    }
}

/// One connection and all it needs.
pub(super) struct Session<'a> {
    pub(super) source: &'a Arc<str>,
    pub(super) api: Api,
    pub(super) place: Place<'a>,
    pub(super) lag: &'a Lag,
    pub(super) limits: &'a Limits,
    pub(super) counters: &'a Counters,
    pub(super) heard: &'a Heard,
    pub(super) types: watch::Receiver<BTreeSet<EventType>>,
    pub(super) last_error: &'a watch::Sender<Option<String>>,
    pub(super) inputs: &'a mpsc::Sender<Input>,
}

/// What the lines of a stream are handed over with.
struct Feed {
    lines: Reader,
    /// Permissions that the user lacks.
    lacking: Vec<String>,
    /// Why there is no canary although one is wanted.
    no_canary: Option<String>,
    canary: Option<ObjectKey>,
    status: Option<IcingaStatus>,
}

impl Session<'_> {
    /// Runs until the connection ends. Dropping it hangs up at once.
    pub(super) async fn run(&self) -> End {
        match self.connected().await {
            Ok(reason) => End::Reconnect(reason),
            Err(end) => end,
        }
    }

    async fn connected(&self) -> Result<String, End> {
        let mut types = self.types.clone();
        let asked = stream::wanted(&types.borrow_and_update());
        let (status, mut lacking) = self.status().await?;
        let mut known = asked.clone();
        if let Some(status) = &status {
            let unknown = stream::take_unknown(&mut known, &status.version);
            if !unknown.is_empty() {
                tracing::info!(icinga = %self.source, version = %status.version, ?unknown, "this Icinga is too old for some event types");
            }
        }
        let canary = Canary::find(&self.api, self.source).await;
        let (canary, no_canary) = canary.map_or_else(|fault| (None, Some(fault)), |canary| (canary, None));
        let subscription = stream::subscribe(&self.api, &known).await?;
        lacking.extend(subscription.lacking);
        self.heard.opened();
        self.place.masters.opened(self.place.master);

        let (writer, reader) = buffer::buffer(self.limits.buffer_bytes);
        let reading = Reading {
            api: &self.api,
            counters: self.counters,
            heard: self.heard,
            limits: self.limits,
            silence: self.api.settings.silence,
            status: status.as_ref(),
            canary: canary.as_ref(),
        };
        let reading = async {
            match reading.run(subscription.response, writer).await {
                Ended::Stream(reason) => Ok(reason),
                Ended::HungUp(reason) => Err(End::HungUp(reason)),
                Ended::Deaf(reason) => Err(End::Deaf(reason)),
            }
        };
        let feeding = self.feed(Feed {
            lines: reader,
            lacking,
            no_canary,
            canary: canary.as_ref().map(|canary| canary.object.clone()),
            status: status.clone(),
        });
        tokio::select! {
            both = futures_util::future::try_join(reading, feeding) => Ok(both?.0),
            reason = grown(&mut types, &asked) => {
                self.heard.let_go();
                Ok(reason)
            }
        }
    }

    /// What Icinga is; `None`, and the permission to add, if the user may not know.
    async fn status(&self) -> Result<(Option<IcingaStatus>, Vec<String>), End> {
        match self.api.status().await {
            Ok(status) => {
                tracing::info!(icinga = %self.source, version = %status.version, node = %status.node_name, "connected");
                Ok((Some(status), Vec::new()))
            }
            Err(ApiError::Forbidden { .. } | ApiError::NotFound) => {
                Ok((None, vec!["status/query".to_owned()]))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Hands over the snapshot and then the lines, until there are no more.
    async fn feed(&self, feed: Feed) -> Result<(), End> {
        let Feed { mut lines, lacking, no_canary, canary, status } = feed;
        let mut catalog = Catalog::new(self.api.clone(), self.source.clone(), status);
        catalog.canary = canary;
        catalog.lacking = lacking;
        let mut second_look = self.look(&mut catalog, None).await?;
        self.tell_lacking(&catalog.lacking, no_canary);
        let mut holes = Holes::new(self.limits.look_again);
        loop {
            let read = tokio::select! {
                read = lines.next() => read,
                () = holes.due() => {
                    second_look = self.look(&mut catalog, holes.close()).await?;
                    continue;
                }
                () = at(second_look) => {
                    second_look = self.look(&mut catalog, None).await?;
                    continue;
                }
            };
            let Some((at, read)) = read else { return Ok(()) };
            match read {
                Read::Skipped => holes.note(),
                Read::Line(line) => match self.decoded(&line) {
                    Some(event) => self.event(&mut catalog, event, at).await?,
                    None => holes.note(),
                },
            }
            self.heard.handed(at, lines.is_empty());
        }
    }

    /// Reads all objects and hands them over, because of a hole or for another reason. Gives
    /// when to do it again: an object that is missing may be so only because Icinga is in the
    /// middle of something.
    async fn look(&self, catalog: &mut Catalog, hole: Option<Broken>) -> Result<Option<Instant>, End> {
        let _turn = self.place.masters.turn().await;
        let began = Instant::now().into_std();
        let mut snapshot = catalog.snapshot(&self.place.masters.known()).await?;
        tracing::info!(icinga = %self.source, objects = snapshot.objects.len(), "caught up");
        let room = self.room().await?;
        self.place.masters.place(self.place.master, &mut snapshot, began, hole);
        let second_look = (!snapshot.settled).then(|| Instant::now() + self.limits.second_look);
        room.send(Input::Snapshot(Arc::new(snapshot)));
        Ok(second_look)
    }

    /// The event of a line; `None`, and a warning, if it is not understood.
    fn decoded(&self, line: &[u8]) -> Option<Event> {
        Counters::add(&self.counters.lines);
        match decode(self.source, line) {
            Ok(event) => Some(event),
            Err(error) => {
                Counters::add(&self.counters.bad_lines);
                tracing::warn!(icinga = %self.source, %error, "a line was not understood and is skipped");
                None
            }
        }
    }

    /// Clears the last error, or says which permissions are missing although
    /// Watchbell can go on without them.
    fn tell_lacking(&self, lacking: &[String], no_canary: Option<String>) {
        let forbidden = (!lacking.is_empty()).then(|| {
            let user = trouble::login_name(&self.api.settings.login);
            ApiError::Forbidden { user, permissions: lacking.to_vec() }.to_string()
        });
        let texts: Vec<String> = forbidden.into_iter().chain(no_canary).collect();
        let text = (!texts.is_empty()).then(|| texts.join("; "));
        if let Some(text) = &text {
            tracing::warn!(icinga = %self.source, "goes on with less than it asks for: {text}");
        }
        self.last_error.send_replace(text);
    }

    async fn event(&self, catalog: &mut Catalog, event: Event, read: std::time::Instant) -> Result<(), End> {
        let is_canary = catalog.canary.is_some() && event.object == catalog.canary;
        if is_canary || !self.place.masters.is_first(self.place.master, &event) {
            return Ok(());
        }
        self.lag.read(&event, read, Timestamp::now());
        match &event.detail {
            // Rules see the object as it is now, so it goes first.
            Detail::ObjectCreated(change) | Detail::ObjectModified(change) => {
                self.object_changed(catalog, change).await?;
                self.hand_over(Input::Event(event)).await
            }
            // Rules see the object as it was, so it goes last.
            Detail::ObjectDeleted(change) => {
                let change = change.clone();
                self.hand_over(Input::Event(event)).await?;
                self.object_gone(catalog, &change).await
            }
            _ => self.hand_over(Input::Event(event)).await,
        }
    }

    async fn object_changed(&self, catalog: &mut Catalog, change: &ObjectChange) -> Result<(), End> {
        match &*change.object_type {
            "Host" | "Service" => self.read_again(catalog, &change.object_name).await,
            "Dependency" => {
                catalog.learn_dependency(&change.object_name).await?;
                self.read_again(catalog, child_of(&change.object_name)).await
            }
            _ => Ok(()),
        }
    }

    async fn object_gone(&self, catalog: &mut Catalog, change: &ObjectChange) -> Result<(), End> {
        match &*change.object_type {
            "Host" | "Service" => {
                let key = ObjectKey::from_name(self.source, &change.object_name);
                self.hand_over(Input::ObjectsGone(vec![key])).await
            }
            "Dependency" => {
                catalog.forget_dependency(&change.object_name);
                self.read_again(catalog, child_of(&change.object_name)).await
            }
            _ => Ok(()),
        }
    }

    async fn read_again(&self, catalog: &mut Catalog, name: &str) -> Result<(), End> {
        match catalog.object(name).await? {
            Some(object) => self.hand_over(Input::Objects(vec![object])).await,
            None => {
                tracing::debug!(icinga = %self.source, name = %fault::words(name), "an object was gone before it was read");
                Ok(())
            }
        }
    }

    async fn hand_over(&self, input: Input) -> Result<(), End> {
        self.room().await?.send(input);
        Ok(())
    }

    /// Waits for the engine, but not for long: meanwhile Icinga's own queue would
    /// grow as soon as ours is full.
    async fn room(&self) -> Result<mpsc::Permit<'_, Input>, End> {
        match within(self.limits.stall, self.inputs.reserve()).await {
            Some(Ok(room)) => Ok(room),
            Some(Err(_)) => Err(End::NobodyListens),
            None => Err(End::HungUp(format!(
                "hung up to protect Icinga: Watchbell took no event for {:?}",
                self.limits.stall
            ))),
        }
    }
}

/// The host or service a dependency's full name begins with.
fn child_of(dependency: &str) -> &str {
    dependency.rsplit_once('!').map_or(dependency, |(child, _)| child)
}

/// Waits until then; for ever where there is no moment. Cancel-safe.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits until the rules ask for a type that was not asked of Icinga.
async fn grown(types: &mut watch::Receiver<BTreeSet<EventType>>, asked: &BTreeSet<EventType>) -> String {
    loop {
        if types.changed().await.is_err() {
            // Nobody can change the rules any more.
            return std::future::pending().await;
        }
        let wanted = stream::wanted(&types.borrow_and_update());
        let new: Vec<&str> = wanted.difference(asked).map(|event_type| event_type.name()).collect();
        if !new.is_empty() {
            return format!("subscribed anew, because the rules ask for {}", new.join(", "));
        }
    }
}
