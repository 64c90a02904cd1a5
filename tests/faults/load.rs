//! The load: passive results, each of which changes a state and carries a number of
//! its own.

use crate::common::channel::now;
use crate::common::icinga::{Icinga, NODE};
use crate::judge::Driven;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many results are under way at once; each has objects of its own.
const HANDS: usize = 4;
/// How long Icinga may take for one result.
const ANSWER: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(50);

/// States by `host!service`; 0 is OK.
pub(crate) type States = BTreeMap<String, u8>;

/// What the load works on.
#[derive(Clone)]
pub(crate) struct Field {
    /// `host!service` of each.
    pub(crate) objects: Vec<String>,
    /// Changes a second, of all together.
    pub(crate) rate: f64,
    /// The last number that was used.
    pub(crate) numbers: Arc<AtomicU64>,
}

/// A load that goes on until it is ended.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    hands: Vec<JoinHandle<Vec<Driven>>>,
}

impl Load {
    /// Starts it. An object has the state of `states`, or is OK.
    pub(crate) fn start(icinga: &Icinga, field: &Field, seed: u64, states: States) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let hands = (0..HANDS).map(|number| {
            let mut hand = Hand::new(icinga, field, number, seed, states.clone());
            hand.stop = stop.clone();
            tokio::spawn(hand.run())
        });
        Load { hands: hands.collect(), stop }
    }

    /// Tells Icinga these states once, whatever it knows.
    pub(crate) async fn once(icinga: &Icinga, field: &Field, states: &States) -> Vec<Driven> {
        let hand = Hand::new(icinga, field, 0, 0, States::new());
        let mut driven = Vec::new();
        for (object, state) in states {
            driven.push(hand.drive(object.clone(), *state).await);
        }
        driven
    }

    /// Gives each object this state once, in its turn, at the rate of the field. In the
    /// order of the numbers.
    pub(crate) async fn sweep(icinga: &Icinga, field: &Field, state: u8) -> Vec<Driven> {
        let hands = (0..HANDS).map(|number| {
            let hand = Hand::new(icinga, field, number, 0, States::new());
            tokio::spawn(hand.sweep(state))
        });
        let mut driven = Vec::new();
        for hand in hands.collect::<Vec<_>>() {
            driven.extend(hand.await.expect("a hand does not panic"));
        }
        driven.sort_by_key(|change: &Driven| change.number);
        driven
    }

    /// Ends it when each result under way is in. In the order of the numbers.
    pub(crate) async fn end(self) -> Vec<Driven> {
        self.stop.store(true, Ordering::SeqCst);
        let mut driven = Vec::new();
        for hand in self.hands {
            driven.extend(hand.await.expect("a hand does not panic"));
        }
        driven.sort_by_key(|change| change.number);
        driven
    }
}

struct Hand {
    http: reqwest::Client,
    url: String,
    objects: Vec<String>,
    pace: Duration,
    numbers: Arc<AtomicU64>,
    chance: StdRng,
    states: States,
    stop: Arc<AtomicBool>,
}

impl Hand {
    /// One of [`HANDS`], with its part of the field.
    fn new(icinga: &Icinga, field: &Field, number: usize, seed: u64, states: States) -> Hand {
        Hand {
            http: client(icinga),
            url: url(icinga),
            objects: field.objects.iter().skip(number).step_by(HANDS).cloned().collect(),
            pace: Duration::from_secs_f64(HANDS as f64 / field.rate),
            numbers: field.numbers.clone(),
            chance: StdRng::seed_from_u64(seed.wrapping_add(number as u64)),
            states,
            stop: Arc::default(),
        }
    }

    async fn sweep(self, state: u8) -> Vec<Driven> {
        let mut driven = Vec::new();
        let mut next = Instant::now();
        for object in &self.objects {
            driven.push(self.drive(object.clone(), state).await);
            next += self.pace;
            tokio::time::sleep_until(next).await;
        }
        driven
    }

    async fn run(mut self) -> Vec<Driven> {
        let mut driven = Vec::new();
        let mut next = Instant::now();
        while !self.stop.load(Ordering::SeqCst) {
            let object = self.objects[self.chance.random_range(0..self.objects.len())].clone();
            let other = self.chance.random_range(1..=2);
            let state = self.states.entry(object.clone()).or_default();
            *state = (*state + other) % 3;
            let state = *state;
            driven.push(self.drive(object, state).await);
            // What was late is not made up for: a frozen Icinga is not flooded after.
            next = Instant::now().max(next + self.pace);
            tokio::time::sleep_until(next).await;
        }
        driven
    }

    /// Tells Icinga, until it has said yes. A second time changes nothing.
    async fn drive(&self, object: String, state: u8) -> Driven {
        let began = now();
        let number = self.numbers.fetch_add(1, Ordering::SeqCst) + 1;
        let body = json!({"service": object, "exit_status": state, "plugin_output": format!("n={number}")});
        loop {
            let request = self.http.post(&self.url).basic_auth("bot", Some("botpw"));
            let request = request.header("Accept", "application/json").json(&body);
            if request.timeout(ANSWER).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Driven { number, object, state, began, ended: now() };
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// The last state of each object.
pub(crate) fn last_states(driven: &[Driven]) -> States {
    driven.iter().map(|change| (change.object.clone(), change.state)).collect()
}

fn url(icinga: &Icinga) -> String {
    format!("https://{NODE}:{}/v1/actions/process-check-result", icinga.port)
}

/// Keeps its connections, unlike that of [`Icinga::api`].
pub(crate) fn client(icinga: &Icinga) -> reqwest::Client {
    let tls = watchbell::tls::client_config(Some(&icinga.ca_file)).expect("the CA can be read");
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .resolve(NODE, SocketAddr::from(([127, 0, 0, 1], icinga.port)))
        .build()
        .expect("a client can be built")
}
