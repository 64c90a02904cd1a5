//! What is answered to a question in chat that takes more than the engine's state.

use super::site::Site;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use watchbell::config::Config;
use watchbell::engine::Ask;
use watchbell::inquiry::Inquiry;
use watchbell::model::Input;
use watchbell::reload::Request;
use watchbell::store::Store;

/// What is answered to a line in the channel.
pub(crate) async fn answer(site: &mut Site, line: &str) -> String {
    site.say(line);
    answered(site).await
}

/// Somebody who answers questions.
pub(crate) struct Answering {
    pub(crate) ask: mpsc::Sender<Ask>,
    pub(crate) answers: mpsc::Receiver<Input>,
    pub(crate) task: JoinHandle<()>,
    _reloads: mpsc::Receiver<Request>,
}

impl Answering {
    /// Begins to answer, from this store.
    pub(crate) fn start(store: Arc<dyn Store>, config: Config) -> Answering {
        let (ask, asks) = mpsc::channel(4);
        let (reloads, requests) = mpsc::channel(1);
        let (inputs, answers) = mpsc::channel(4);
        let mut inquiry = Inquiry {
            asks,
            reloads,
            store,
            config: Arc::new(config),
            lag: Arc::default(),
            health: Arc::new(|| "Watchbell is well".to_owned()),
            attend: Arc::new(|_, _, _| Err("there are no rooms here".to_owned())),
            tried: Arc::default(),
            inputs,
        };
        let task = tokio::spawn(async move { inquiry.run().await });
        Answering { ask, answers, task, _reloads: requests }
    }
}

/// What is answered to the question that was asked last.
pub(crate) async fn answered(site: &mut Site) -> String {
    let input = heard(site).await;
    let (Input::Answer(reply) | Input::Denied { reply, .. } | Input::Drilled { report: reply, .. }) = input
    else {
        panic!("no answer: {input:?}")
    };
    assert_eq!((reply.sink.as_str(), reply.room.as_str()), ("net", "#ops"));
    reply.text
}

/// What the engine hears of the question that was asked last.
pub(crate) async fn heard(site: &mut Site) -> Input {
    let Answering { ask, mut answers, task, .. } = Answering::start(site.store.clone(), site.config.clone());
    ask.send(site.asks.pop().expect("it is a question")).await.expect("somebody answers");
    let input = tokio::time::timeout(Duration::from_secs(90), answers.recv()).await.expect("in time");
    drop(ask);
    task.await.expect("it ends with the questions");
    input.expect("it is answered")
}
