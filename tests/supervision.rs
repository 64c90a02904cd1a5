//! A part that panics harms no other.

use futures_util::future::BoxFuture;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use watchbell::app::{self, Peer};
use watchbell::config::Config;
use watchbell::model::event::Webhook;
use watchbell::model::{Detail, Event, Input, Timestamp};
use watchbell::source::{Source, SourceError};
use watchbell::store::Store;
use watchbell::store::sqlite::SqliteStore;

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A source that panics in its first run, and says something in the second.
struct Shaky {
    name: &'static str,
    run: usize,
}

impl Source for Shaky {
    fn name(&self) -> &str {
        self.name
    }

    fn run(
        self: Box<Self>,
        inputs: mpsc::Sender<Input>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), SourceError>> {
        Box::pin(async move {
            assert!(self.run > 0, "a fault in the source");
            inputs.send(Input::Event(said_by(self.name))).await.expect("the engine listens");
            stop.cancelled().await;
            Ok(())
        })
    }
}

fn said_by(name: &str) -> Event {
    let webhook = Webhook { name: name.to_owned(), body: serde_json::json!({ "text": "said" }), id: None };
    Event::ours(Timestamp::now(), Detail::Webhook(webhook))
}

/// An Icinga whose source has panicked in so many runs before it works.
fn peer(name: &'static str, panics: usize) -> Peer {
    let runs = AtomicUsize::new(2 - panics - 1);
    let make = move || {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Shaky { name, run }) as Box<dyn Source>)
    };
    Peer {
        name: name.to_owned(),
        source: Box::new(make),
        act: Arc::new(|_| Box::pin(async { Ok(String::new()) })),
    }
}

fn config(folder: &Path) -> Config {
    let rules = folder.join("rules");
    fs::create_dir(&rules).expect("a new folder");
    fs::write(rules.join("all.rhai"), r#"rule("all", #{ on: "Webhook" }, |e| e.notify("default"));"#)
        .expect("a new file");
    watchbell::config::builtin(rules, Path::new("").to_owned())
}

/// Waits until all of these have been decided to be told.
async fn wait_for_told(store: &Arc<SqliteStore>, names: &[&str]) {
    let is_told = || {
        let past = store.deliveries("", 100).expect("it can be read");
        names.iter().all(|name| past.iter().any(|past| past.delivery.message.text.contains(name)))
    };
    let looking = async {
        while !is_told() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("all of it is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_panics_is_made_anew_and_its_sibling_goes_on() {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let store = Arc::new(SqliteStore::open_in_memory().expect("there is memory"));
    let stop = CancellationToken::new();
    let peers = |_: &_, _: &_| Ok(vec![peer("shaky", 1), peer("calm", 0)]);
    let running = tokio::spawn(app::run(config(folder.path()), store.clone(), peers, false, stop.clone()));

    wait_for_told(&store, &["calm", "shaky"]).await;
    stop.cancel();

    let ended = tokio::time::timeout(PATIENCE, running).await.expect("it ends");
    ended.expect("nothing panics outside of its task").expect("it ends in order");
}
