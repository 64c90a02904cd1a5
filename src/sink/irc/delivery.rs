//! One delivery under way: its lines, and what the server says of them. Pure.
//!
//! Owns: the proof of acceptance. After the last line goes a `PING`; servers answer
//! in order, so a `PONG` without a refusal before it means that all lines were
//! accepted. A server that shuns us, or filters a text, may drop lines without a word
//! and still answer: where `echo-message` is on, each line must come back before the
//! `PONG` as well. Labels (`labeled-response`) would prove no more than that. Promises: each delivery is answered exactly once, or its answer is
//! dropped unanswered if nothing of it was said. Never: speaks of one delivery's
//! refusal to another.

use super::super::{Receipt, SendError};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;

/// A server that says "not so fast" is left alone for this long.
const TOO_FAST: Duration = Duration::from_secs(60);

/// One delivery, and where its answer goes.
pub(super) struct Job {
    /// A valid recipient.
    pub(super) target: String,
    /// Any text.
    pub(super) text: String,
    /// The answer; closed once nobody waits for it.
    pub(super) answer: oneshot::Sender<Result<Receipt, SendError>>,
}

/// A job whose lines are being said.
pub(super) struct Underway {
    target: String,
    answer: oneshot::Sender<Result<Receipt, SendError>>,
    lines: VecDeque<String>,
    said: usize,
    /// How many came back; `None` where the server does not echo.
    echoed: Option<usize>,
    refusal: Option<SendError>,
    /// The token of the `PING` after the last line.
    proof: Option<u64>,
}

impl Underway {
    /// Begins with all lines unsaid. `echoes`: whether the server echoes what it passes on.
    pub(super) fn new(
        target: String,
        lines: Vec<String>,
        echoes: bool,
        answer: oneshot::Sender<Result<Receipt, SendError>>,
    ) -> Underway {
        let echoed = echoes.then_some(0);
        Underway { target, answer, lines: lines.into(), said: 0, echoed, refusal: None, proof: None }
    }

    /// A line for this target came back.
    pub(super) fn echoed(&mut self) {
        self.echoed = self.echoed.map(|echoed| echoed + 1);
    }

    /// To whom.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The next line to say.
    pub(super) fn next_line(&mut self) -> Option<String> {
        if self.answer.is_closed() {
            self.lines.clear();
        }
        let line = self.lines.pop_front()?;
        self.said += 1;
        Some(line)
    }

    /// Whether it is time for the `PING`.
    pub(super) fn wants_proof(&self) -> bool {
        self.lines.is_empty() && self.proof.is_none()
    }

    /// The `PING` with this token was sent.
    pub(super) fn asked_for_proof(&mut self, token: u64) {
        self.proof = Some(token);
    }

    /// Whether a `PONG` with this token answers it.
    pub(super) fn is_proved_by(&self, token: u64) -> bool {
        self.proof.is_some_and(|proof| proof <= token)
    }

    /// The server refused a line: the rest is not said, and the `PONG` settles it.
    pub(super) fn refuse(&mut self, refusal: SendError) {
        self.lines.clear();
        self.refusal.get_or_insert(refusal);
    }

    /// The `PONG` came.
    pub(super) fn settle(self) {
        let lines = self.said;
        let receipt = format!("{lines} {} accepted", if lines == 1 { "line" } else { "lines" });
        let refusal = self.refusal.or_else(|| dropped(&self.target, lines, self.echoed?));
        let answer = refusal.map_or(Ok(Receipt(receipt)), Err);
        // Nobody waits any more if their deadline passed.
        let _ = self.answer.send(answer);
    }

    /// The connection ended before the `PONG`.
    pub(super) fn lost(self) {
        if self.said == 0 {
            return;
        }
        let reason = format!("the connection ended before the server confirmed {} line(s)", self.said);
        let _ = self.answer.send(Err(SendError::Retry { reason, after: None }));
    }
}

/// What it means that fewer lines came back than were said. Where people saw some of
/// them, saying all again would tell them the same again and again.
fn dropped(target: &str, said: usize, echoed: usize) -> Option<SendError> {
    if echoed >= said {
        return None;
    }
    let reason = format!(
        "{target}: the server passed on {echoed} of {said} lines, and did not say why; is Watchbell shunned \
         there, or are texts filtered?"
    );
    Some(match echoed {
        0 => SendError::Retry { reason, after: None },
        _ => SendError::Rejected(reason),
    })
}

/// What a refusal by number means, for a target that we are in or that is no
/// channel of ours.
pub(super) fn refusal(target: &str, number: u16, words: &str) -> SendError {
    let reason = format!("{target}: {words} ({number})");
    match number {
        // RPL_TRYAGAIN, ERR_TARGETTOOFAST
        263 | 439 => SendError::Retry { reason, after: Some(TOO_FAST) },
        // ERR_CANNOTSENDTOCHAN, ERR_NEEDREGGEDNICK: a mode of the channel, which may be
        // taken back, or our account, which may come back with the services.
        404 | 477 => SendError::PutOff { reason, after: None },
        _ => SendError::Rejected(reason),
    }
}

/// Whether this number says that a line was not passed on; the target is its
/// second parameter. 716: the nick takes messages from friends only.
pub(super) fn is_refusal(number: u16) -> bool {
    matches!(number, 263 | 400..=599 | 716)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn underway(lines: usize) -> (Underway, oneshot::Receiver<Result<Receipt, SendError>>) {
        let (answer, result) = oneshot::channel();
        (Underway::new("#ops".to_owned(), vec!["x".to_owned(); lines], false, answer), result)
    }

    #[test]
    fn a_pong_without_refusal_is_the_receipt() {
        let (mut job, mut result) = underway(2);
        assert!(!job.wants_proof());
        while job.next_line().is_some() {}
        assert!(job.wants_proof() && !job.is_proved_by(9));
        job.asked_for_proof(7);
        assert!(!job.wants_proof() && !job.is_proved_by(6) && job.is_proved_by(7));
        job.settle();
        assert_eq!(result.try_recv(), Ok(Ok(Receipt("2 lines accepted".to_owned()))));
    }

    #[test]
    fn a_refusal_ends_the_talking_and_waits_for_the_pong() {
        let (mut job, mut result) = underway(3);
        job.next_line();
        job.refuse(refusal("#ops", 482, "You need voice"));
        job.refuse(refusal("#ops", 439, "second"));
        assert_eq!(job.next_line(), None);
        assert!(job.wants_proof());
        job.settle();
        let rejected = SendError::Rejected("#ops: You need voice (482)".to_owned());
        assert_eq!(result.try_recv(), Ok(Err(rejected)));
    }

    #[test]
    fn a_mode_of_the_channel_passes_and_a_missing_nick_does_not() {
        for (number, passes) in [(404, true), (477, true), (401, false), (482, false)] {
            let is_put_off = matches!(refusal("#ops", number, "no"), SendError::PutOff { .. });
            assert_eq!(is_put_off, passes, "{number}");
        }
    }

    #[test]
    fn where_lines_are_echoed_each_must_come_back_before_the_pong() {
        for (said, echoed, expected) in
            [(2, 2, "accepted"), (2, 0, "again"), (2, 1, "given up"), (1, 2, "accepted")]
        {
            let (answer, mut result) = oneshot::channel();
            let mut job = Underway::new("#ops".to_owned(), vec!["x".to_owned(); said], true, answer);
            while job.next_line().is_some() {}
            (0..echoed).for_each(|_| job.echoed());
            job.settle();
            let end = match result.try_recv() {
                Ok(Ok(_)) => "accepted",
                Ok(Err(SendError::Retry { .. })) => "again",
                Ok(Err(SendError::Rejected(_))) => "given up",
                other => panic!("{other:?}"),
            };
            assert_eq!(end, expected, "{echoed} of {said}");
        }
    }

    #[test]
    fn an_end_before_the_pong_is_a_retry_only_if_something_was_said() {
        let (mut job, mut result) = underway(2);
        job.next_line();
        job.lost();
        assert!(matches!(result.try_recv(), Ok(Err(SendError::Retry { .. }))));
        let (job, mut result) = underway(2);
        job.lost();
        assert_eq!(result.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn nothing_more_is_said_when_nobody_waits() {
        let (mut job, result) = underway(3);
        assert!(job.next_line().is_some());
        drop(result);
        assert_eq!(job.next_line(), None);
        assert!(job.wants_proof());
    }
}
