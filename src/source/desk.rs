//! The desk: where requests wait for what they are answered.
//!
//! Owns: who waits. Promises: an answer goes to the request that it names, and to no other; a
//! request that is no longer there is forgotten. Never: keeps an answer that nobody waits for.

use crate::model::PostedAnswer;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Who waits, by request. No bound is needed: there are as many as connections, and one is
/// answered as often as its command asked somebody.
type Waiters = HashMap<String, mpsc::UnboundedSender<PostedAnswer>>;

/// Where requests wait, and where answers are handed out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    waiters: Arc<Mutex<Waiters>>,
    /// Begins the names of this run's requests: answers to those of another may still come.
    run: Arc<str>,
    count: Arc<AtomicU64>,
}

impl Default for Desk {
    fn default() -> Desk {
        let run = format!("{:016x}", rand::random::<u64>()).into();
        Desk { waiters: Arc::default(), run, count: Arc::default() }
    }
}

impl Desk {
    /// A new request, which begins to wait.
    pub fn wait(&self) -> Waiting {
        let request = format!("{}-{}", self.run, self.count.fetch_add(1, Ordering::Relaxed));
        let (sender, answers) = mpsc::unbounded_channel();
        self.waiters().insert(request.clone(), sender);
        Waiting { desk: self.clone(), request, answers }
    }

    /// Hands out what is on the disk.
    pub fn hand_out(&self, answers: &[PostedAnswer]) {
        if answers.is_empty() {
            return;
        }
        let waiters = self.waiters();
        for answer in answers {
            if let Some(waiter) = waiters.get(&answer.request) {
                // It may have gone this moment.
                let _ = waiter.send(answer.clone());
            }
        }
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits, until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    desk: Desk,
    request: String,
    answers: mpsc::UnboundedReceiver<PostedAnswer>,
}

impl Waiting {
    /// Its name.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// The answer that was handed out already.
    pub fn first(&mut self) -> Option<PostedAnswer> {
        self.answers.try_recv().ok()
    }

    /// The next answer, however long it takes. May be dropped without losing one.
    pub async fn next(&mut self) -> PostedAnswer {
        self.answers.recv().await.expect("the desk has the sender until this is dropped")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.desk.waiters().remove(&self.request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PostedEnd;

    fn answer(request: &str, text: &str) -> PostedAnswer {
        PostedAnswer { request: request.to_owned(), text: text.to_owned(), end: PostedEnd::Done, later: 0 }
    }

    #[tokio::test]
    async fn an_answer_goes_to_its_request_and_to_no_other() {
        let desk = Desk::default();
        let (mut one, mut other) = (desk.wait(), desk.wait());
        assert_ne!(one.request(), other.request());
        let elsewhere = Desk::default().wait();
        assert_ne!(one.request(), elsewhere.request(), "nor is one of another run");
        desk.hand_out(&[answer(other.request(), "a"), answer(one.request(), "b"), answer("gone", "c")]);
        assert_eq!(one.first(), Some(answer(one.request(), "b")));
        assert_eq!(one.first(), None);
        assert_eq!(other.next().await, answer(other.request(), "a"));
        drop((one, other));
        assert!(desk.waiters().is_empty(), "who has gone is forgotten");
    }
}
