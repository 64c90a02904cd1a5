//! What is answered to a question in chat that takes more than the engine's state.

use super::site::Site;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use watchbell::inquiry::Inquiry;
use watchbell::model::Input;

/// What is answered to a line in the channel.
pub(crate) async fn answer(site: &mut Site, line: &str) -> String {
    site.say(line);
    answered(site).await
}

/// What is answered to the question that was asked last.
pub(crate) async fn answered(site: &mut Site) -> String {
    let (ask, asks) = mpsc::channel(1);
    let (reloads, _requests) = mpsc::channel(1);
    let (inputs, mut answers) = mpsc::channel(1);
    let (store, config) = (site.store.clone(), Arc::new(site.config.clone()));
    let health: watchbell::inquiry::Health = Arc::new(|| "Watchbell is well".to_owned());
    let attend: watchbell::inquiry::Attend = Arc::new(|_, _, _| Err("there are no rooms here".to_owned()));
    let mut inquiry = Inquiry {
        asks,
        reloads,
        store,
        config,
        lag: Arc::default(),
        health,
        attend,
        tried: Arc::default(),
        inputs,
    };
    let inquiry = tokio::spawn(async move { inquiry.run().await });
    ask.send(site.asks.pop().expect("it is a question")).await.expect("somebody answers");
    let input = tokio::time::timeout(Duration::from_secs(90), answers.recv()).await.expect("in time");
    drop(ask);
    inquiry.await.expect("it ends with the questions");
    let Some(Input::Answer(reply)) = input else { panic!("no answer: {input:?}") };
    assert_eq!((reply.sink.as_str(), reply.room.as_str()), ("net", "#ops"));
    reply.text
}
