//! Questions that people ask in chat and that the engine cannot answer from its state:
//! passed on to whoever can.
//!
//! Owns: who answers what. Promises: questions are answered in the order they came,
//! and never keep the engine waiting. Never: asks Icinga, changes state.

use crate::engine::{Ask, Question};
use crate::reload;
use tokio::sync::mpsc;

/// Answers what people ask.
pub struct Inquiry {
    /// What is asked.
    pub asks: mpsc::Receiver<Ask>,
    /// Who reads rules and templates again.
    pub reloads: mpsc::Sender<reload::Request>,
}

impl Inquiry {
    /// Answers until nobody asks any more.
    pub async fn run(mut self) {
        while let Some(ask) = self.asks.recv().await {
            match ask.question {
                Question::Reload { force } => {
                    if self.reloads.send(reload::Request { force }).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
