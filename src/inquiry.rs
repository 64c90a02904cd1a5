//! Questions that people ask in chat and that the engine cannot answer from its state:
//! passed on to whoever can.
//!
//! Owns: who answers what. Promises: questions are answered in the order they came,
//! and never keep the engine waiting. Never: asks Icinga, changes state.

mod comparison;

use crate::config::Config;
use crate::engine::{Ask, Question};
use crate::model::Input;
use crate::reload;
use comparison::Comparison;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Answers what people ask.
pub struct Inquiry {
    /// What is asked.
    pub asks: mpsc::Receiver<Ask>,
    /// Who reads rules and templates again.
    pub reloads: mpsc::Sender<reload::Request>,
    /// The configuration, for the folders and the store.
    pub config: Arc<Config>,
    /// Where answers go.
    pub inputs: mpsc::Sender<Input>,
}

impl Inquiry {
    /// Answers until nobody asks any more.
    pub async fn run(mut self) {
        let mut comparison = Comparison::new(self.config, self.inputs);
        while let Some(ask) = self.asks.recv().await {
            match ask.question {
                Question::Reload => {
                    if self.reloads.send(reload::Request).await.is_err() {
                        return;
                    }
                }
                Question::Diff { length } => comparison.start(length, ask.reply).await,
            }
        }
    }
}
