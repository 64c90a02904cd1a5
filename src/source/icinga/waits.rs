//! How long to wait between two connections to an Icinga.
//!
//! Owns: the waits after connections that broke, and after those that we ended on
//! purpose. Promises: who cannot work off what came before does not connect again and
//! again; each catching up costs Icinga work. Never: decides whether to connect.

use crate::backoff::Backoff;
use crate::model::Input;
use std::time::Duration;
use tokio::sync::mpsc;

/// No wait after a break is longer: a try costs Icinga next to nothing, and while there is no
/// connection nobody hears of anything. All objects are to be read 10 s after Icinga is back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A connection that lasted this long counts as calm: waits begin anew.
const CALM: Duration = Duration::from_secs(60);

/// No wait after we hung up is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that lasted this long says that we keep up again.
const KEPT_UP: Duration = Duration::from_secs(600);

/// How often it is looked whether there is room.
const LOOK: Duration = Duration::from_millis(100);

/// The waits of one Icinga.
#[derive(Debug)]
pub(super) struct Waits {
    broken: Backoff,
    hung_up: Backoff,
}

impl Waits {
    pub(super) fn new() -> Waits {
        Waits { broken: Backoff::new(LONGEST_WAIT), hung_up: Backoff::new(LONGEST_PAUSE) }
    }

    /// How long to wait after a connection that lasted so long and was ended by us
    /// (`on_purpose`) or by anything else.
    pub(super) fn after(&mut self, lasted: Duration, on_purpose: bool) -> Duration {
        if lasted >= CALM {
            self.broken.reset();
        }
        if lasted >= KEPT_UP {
            self.hung_up.reset();
        }
        if on_purpose { self.hung_up.next_wait() } else { self.broken.next_wait() }
    }
}

/// Waits until half of the room for inputs is free. False if nobody takes them any more.
pub(super) async fn room(inputs: &mpsc::Sender<Input>) -> bool {
    while inputs.capacity() < inputs.max_capacity().div_ceil(2) {
        if inputs.is_closed() {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    !inputs.is_closed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest of many waits, each after connections before it that lasted so long.
    fn longest(lasted: Duration, on_purpose: bool) -> Duration {
        let mut waits = Waits::new();
        (0..1000).map(|_| waits.after(lasted, on_purpose)).max().expect("there are some")
    }

    #[test]
    fn waits_after_we_hung_up_grow_longer_and_start_over_when_we_keep_up() {
        let second = Duration::from_secs(1);
        for (lasted, on_purpose, at_least, at_most) in [
            (second, false, 4 * second, 5 * second),
            (CALM, false, Duration::ZERO, second),
            (second, true, 30 * second, LONGEST_PAUSE),
            (CALM, true, 30 * second, LONGEST_PAUSE),
            (KEPT_UP, true, Duration::ZERO, second),
        ] {
            let longest = longest(lasted, on_purpose);
            assert!((at_least..=at_most).contains(&longest), "{lasted:?} {on_purpose}: {longest:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_what_waits_must_be_taken_before_there_is_room() {
        let (sender, mut receiver) = mpsc::channel(4);
        assert!(room(&sender).await);
        for _ in 0..3 {
            sender.send(Input::Tick).await.expect("there is a receiver");
        }
        assert!(tokio::time::timeout(CALM, room(&sender)).await.is_err());
        receiver.recv().await;
        assert!(room(&sender).await);
        drop(receiver);
        assert!(!room(&sender).await);
    }
}
