//! Ending in order, also when the disk does not play along.

use futures_util::future::BoxFuture;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use watchbell::app::{self, MakeSource, Peer};
use watchbell::model::{About, Action, Decision, Delivery, DeliveryId, Input, Timestamp};
use watchbell::source::{Source, SourceError};
use watchbell::store::{Batch, Past, PastDelivery, Store, StoreError};

/// A fake of a store on a disk that takes nothing any more.
struct FullStore;

impl Store for FullStore {
    fn commit(&self, _: &Batch) -> Result<(), StoreError> {
        Err(StoreError::File {
            path: "watchbell.db".to_owned(),
            source: std::io::ErrorKind::StorageFull.into(),
        })
    }

    fn load_state(&self) -> Result<Vec<(String, String, String)>, StoreError> {
        Ok(Vec::new())
    }

    fn due(&self, _: &str, _: Timestamp, _: &[String], _: usize) -> Result<Vec<Delivery>, StoreError> {
        Ok(Vec::new())
    }

    fn supersede(&self, _: &[DeliveryId]) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn superseded_by(&self, _: DeliveryId) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn waiting(&self, _: &str, _: DeliveryId, _: usize) -> Result<Vec<Delivery>, StoreError> {
        Ok(Vec::new())
    }

    fn count_waiting(&self, _: &str) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn next_due(&self, _: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    fn pending_actions(&self) -> Result<Vec<Action>, StoreError> {
        Ok(Vec::new())
    }

    fn unheard(&self) -> Result<Vec<Input>, StoreError> {
        Ok(Vec::new())
    }

    fn decisions(&self, _: &str, _: usize) -> Result<Vec<Decision>, StoreError> {
        Ok(Vec::new())
    }

    fn deliveries(&self, _: &str, _: usize) -> Result<Vec<PastDelivery>, StoreError> {
        Ok(Vec::new())
    }

    fn past(&self, _: &About, _: usize) -> Result<Past, StoreError> {
        Ok(Past::default())
    }

    fn forget_before(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A source that says one thing, so that there is something to be kept, and then asks
/// for the end.
struct OneInput {
    stop: CancellationToken,
}

impl Source for OneInput {
    fn name(&self) -> &str {
        "one"
    }

    fn run(
        self: Box<Self>,
        inputs: mpsc::Sender<Input>,
        stopped: CancellationToken,
    ) -> BoxFuture<'static, Result<(), SourceError>> {
        Box::pin(async move {
            inputs.send(Input::Tick).await.expect("the engine listens");
            self.stop.cancel();
            stopped.cancelled().await;
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_does_not_keep_the_program_from_ending() {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).expect("a new folder");
    for file in watchbell::load::shipped_rules() {
        fs::write(rules.join(&file.name), &file.text).expect("a new file");
    }
    let config = watchbell::config::builtin(rules, Path::new("").to_owned());
    let stop = CancellationToken::new();
    let asks = stop.clone();
    let source: MakeSource = Box::new(move || Ok(Box::new(OneInput { stop: asks.clone() })));
    let act: watchbell::outbox::Act = Arc::new(|_| Box::pin(async { Ok(String::new()) }));
    let peers = move |_: &_, _: &_| Ok(vec![Peer { name: "one".to_owned(), source, act }]);
    let running = app::run(config, Arc::new(FullStore), peers, false, stop);

    let ended = tokio::time::timeout(Duration::from_secs(120), running).await.expect("it ends");

    let error = ended.expect_err("what was not kept is not passed over in silence").to_string();
    assert!(error.contains("writing thread"), "{error}");
}
