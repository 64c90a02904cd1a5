//! Standard output: each delivery as a line with the time before it.
//!
//! Owns: the shape and colour of what the terminal shows. Promises: text from
//! outside drives no terminal; colour only where it is wanted (`NO_COLOR`, pipes).
//! Never: blocks the other sinks while the terminal is stopped. On a crash: a
//! line may be printed again.

use super::{Receipt, SendError, Sink, plain};
use crate::config::ConsoleSettings;
use crate::model::{Delivery, Timestamp};
use crate::patience::within;
use anstyle::{AnsiColor, Style};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// How long a stopped terminal (Ctrl-S) is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints deliveries on standard output.
pub struct Console {
    output: Arc<Mutex<Box<dyn Write + Send>>>,
    zone: TimeZone,
}

impl Console {
    /// Prints on this process's standard output.
    pub fn new(settings: &ConsoleSettings) -> Console {
        Console::to(Box::new(anstream::stdout()), settings.zone.clone())
    }

    fn to(output: Box<dyn Write + Send>, zone: TimeZone) -> Console {
        Console { output: Arc::new(Mutex::new(output)), zone }
    }

    async fn print(&self, delivery: &Delivery) -> Result<Receipt, SendError> {
        // A write that did not end in time still holds the output.
        let Ok(mut output) = Arc::clone(&self.output).try_lock_owned() else {
            return Err(SendError::NotReady("standard output is stopped".to_owned()));
        };
        let mut painted = shown(delivery, &self.zone);
        painted.push('\n');
        let writing = spawn_blocking(move || {
            output.write_all(painted.as_bytes())?;
            output.flush()
        });
        match within(PATIENCE, writing).await {
            Some(Ok(written)) => written.map(|()| Receipt("printed".to_owned())).map_err(refusal),
            Some(Err(panic)) => Err(retry(format!("printing failed: {panic}"))),
            None => Err(retry("standard output takes nothing; is the terminal stopped?".to_owned())),
        }
    }
}

impl Sink for Console {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.print(delivery))
    }
}

/// A delivery as a terminal shows it: time and text, harmless and coloured, without
/// a newline at the end.
pub fn shown(delivery: &Delivery, zone: &TimeZone) -> String {
    paint(delivery.message.severity, &shape(delivery.at, zone, &delivery.message.text))
}

fn retry(reason: String) -> SendError {
    SendError::Retry { reason, after: None }
}

fn refusal(error: io::Error) -> SendError {
    match error.kind() {
        ErrorKind::BrokenPipe => SendError::Rejected(
            "standard output is closed: whoever read it has gone; start Watchbell with another".to_owned(),
        ),
        _ => retry(format!("cannot write to standard output: {error}")),
    }
}

/// The time and the text, harmless: `HH:MM:SS first line`, the lines after it
/// indented as deep. Without a newline at the end.
fn shape(at: Timestamp, zone: &TimeZone, text: &str) -> String {
    let clock = at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string();
    let text = plain::without_turns(&plain::visible(text)).replace('\t', "    ");
    let indented = format!("\n{:width$}", "", width = clock.len() + 1);
    format!("{clock} {}", text.trim_end().replace('\n', &indented))
}

/// The text in the colour of its severity, with a newline at the end.
fn paint(severity: u8, text: &str) -> String {
    let colour = match severity {
        0 => AnsiColor::Green,
        1 => AnsiColor::Yellow,
        2 => AnsiColor::Magenta,
        _ => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Brief, Message};
    use anstream::{AutoStream, ColorChoice};
    use proptest::prelude::*;
    use std::sync::Mutex as StdMutex;

    fn at() -> Timestamp {
        "2026-03-01T12:34:56Z".parse().expect("a moment")
    }

    fn delivery(text: &str) -> Delivery {
        Delivery {
            id: 1,
            key: "key".to_owned(),
            at: at(),
            sink: "terminal".to_owned(),
            target: "ops".to_owned(),
            recipient: String::new(),
            event: "StateChange".to_owned(),
            object: "db1".to_owned(),
            incident: Some(42),
            rule: "50-route.rhai:1 all".to_owned(),
            message: Message { text: text.to_owned(), severity: 3, ..Message::default() },
            brief: Brief::default(),
            attempts: 0,
            revived: None,
        }
    }

    /// Keeps what is written, or fails as told.
    #[derive(Clone, Default)]
    struct Paper {
        written: Arc<StdMutex<Vec<u8>>>,
        fails: Option<ErrorKind>,
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(kind) = self.fails {
                return Err(kind.into());
            }
            self.written.lock().expect("no test panics while it writes").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_shaped() {
        for (text, expected) in [
            ("db1 is down", "12:34:56 db1 is down"),
            ("one\ntwo\r\n\nthree\n\n", "12:34:56 one\n         two\n         \n         three"),
            ("\x1b]0;owned\x07\x1b[2J", "12:34:56 ␛]0;owned␇␛[2J"),
            ("CRITICAL\rOK      ", "12:34:56 CRITICAL␍OK"),
            ("a\tb\u{202e}c", "12:34:56 a    bc"),
        ] {
            assert_eq!(shape(at(), &TimeZone::UTC, text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_time_is_local() {
        let berlin = TimeZone::get("Europe/Berlin").expect("zones are built in");
        assert_eq!(shape(at(), &berlin, "x"), "13:34:56 x");
    }

    #[test]
    fn the_colour_follows_the_severity() {
        for (severity, code) in [(0, 32), (1, 33), (2, 35), (3, 31), (4, 31), (200, 31)] {
            assert_eq!(paint(severity, "x"), format!("\x1b[{code}mx\x1b[0m"), "{severity}");
        }
    }

    #[tokio::test]
    async fn a_delivery_is_printed_with_colour_only_where_it_is_wanted() {
        for (choice, expected) in
            [(ColorChoice::Always, "\x1b[31m12:34:56 down\x1b[0m\n"), (ColorChoice::Never, "12:34:56 down\n")]
        {
            let paper = Paper::default();
            let stream = AutoStream::new(Box::new(paper.clone()) as Box<dyn Write + Send>, choice);
            let console = Console::to(Box::new(stream), TimeZone::UTC);
            assert_eq!(console.send(&delivery("down")).await, Ok(Receipt("printed".to_owned())));
            let written = paper.written.lock().expect("no test panics while it writes").clone();
            assert_eq!(String::from_utf8(written).expect("UTF-8"), expected);
        }
    }

    #[tokio::test]
    async fn a_closed_pipe_is_final_and_a_full_disk_is_not() {
        for (kind, is_final) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let paper = Paper { fails: Some(kind), ..Paper::default() };
            let console = Console::to(Box::new(paper), TimeZone::UTC);
            let error = console.send(&delivery("down")).await.expect_err("it cannot be written");
            assert_eq!(matches!(error, SendError::Rejected(_)), is_final, "{kind}: {error}");
        }
    }

    #[tokio::test]
    async fn while_a_write_hangs_nothing_is_attempted() {
        let console = Console::to(Box::new(Paper::default()), TimeZone::UTC);
        let _held = console.output.lock().await;
        let error = console.send(&delivery("down")).await.expect_err("the output is held");
        assert!(matches!(error, SendError::NotReady(_)), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_drives_the_terminal(text in any::<String>()) {
            let shaped = shape(at(), &TimeZone::UTC, &text);
            prop_assert!(shaped.chars().all(|character| character == '\n' || !character.is_control()));
        }
    }
}
