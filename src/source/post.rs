//! Posts: inputs whose sender waits until they are on the disk.
//!
//! Owns: the way of such an input to the engine, and of the word back. Promises: who hears
//! that an input is kept can forget it, for a kill no longer loses it. Never: keeps the
//! engine from ending.

use crate::model::Input;
use tokio::sync::{mpsc, oneshot};

/// How many posts may wait for the engine; who sends more waits.
const WAITING_POSTS: usize = 128;

/// An input, and who waits for it.
#[derive(Debug)]
pub struct Post {
    /// What the engine takes in.
    pub input: Input,
    /// Hears when all that came of it is on the disk; dropped where that cannot be.
    pub kept: oneshot::Sender<()>,
}

/// The input was not kept, as far as can be known: Watchbell ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotKept;

/// Where posts are handed in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Postbox {
    posts: mpsc::Sender<Post>,
    /// Weak, so that a sender that never ends does not keep the engine from ending.
    wake: mpsc::WeakSender<Input>,
}

/// A box for posts, and where the engine finds them; it looks there whenever it takes one
/// of `inputs`.
pub fn postbox(inputs: &mpsc::Sender<Input>) -> (Postbox, mpsc::Receiver<Post>) {
    let (posts, waiting) = mpsc::channel(WAITING_POSTS);
    (Postbox { posts, wake: inputs.downgrade() }, waiting)
}

impl Postbox {
    /// Hands an input to the engine, and waits until all that came of it is on the disk. An
    /// input that was handed over is judged and kept even if this future is dropped.
    pub async fn keep(&self, input: Input) -> Result<(), NotKept> {
        let (kept, answer) = oneshot::channel();
        self.posts.send(Post { input, kept }).await.map_err(|_| NotKept)?;
        let inputs = self.wake.upgrade().ok_or(NotKept)?;
        inputs.send(Input::Tick).await.map_err(|_| NotKept)?;
        drop(inputs);
        answer.await.map_err(|_| NotKept)
    }
}
