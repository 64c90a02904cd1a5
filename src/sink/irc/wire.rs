//! Lines to and from a server. The only file that knows the `irc` crate.
//!
//! Owns: how [`Said`] becomes bytes and bytes become a [`Line`]. Promises: what is said leaves as exactly one line; what is heard
//! survives any byte, any length and any line that makes no sense. Never: ends a
//! connection because of what somebody wrote in a channel.

use super::line::clean;
use super::names::is_account;
use super::words::{Heard, Line, Said, Source};
use ::irc::proto::{CapSubCommand, Command, IrcCodec, Message, Prefix};
use std::io;
use tokio_util::bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// A longer line is cut here; tags (8191 bytes) and text (512) together are shorter.
const LONGEST_LINE_BYTES: usize = 16 * 1024;

impl From<Said> for Message {
    fn from(said: Said) -> Message {
        let command = match said {
            Said::CapList => Command::CAP(None, CapSubCommand::LS, None, Some("302".to_owned())),
            Said::CapRequest(names) => Command::CAP(None, CapSubCommand::REQ, None, Some(names)),
            Said::CapEnd => Command::CAP(None, CapSubCommand::END, None, None),
            Said::Authenticate(piece) => Command::AUTHENTICATE(piece),
            Said::Nick(nick) => Command::NICK(nick),
            Said::User(shown) => Command::USER("watchbell".to_owned(), "0".to_owned(), shown),
            Said::Join(channels) => Command::JOIN(channels, None, None),
            Said::Part(channel) => Command::PART(channel, None),
            Said::Whois(nick) => Command::WHOIS(None, nick),
            Said::Privmsg { target, text } => Command::PRIVMSG(target, text),
            Said::Ping(token) => Command::PING(token, None),
            Said::Pong(token) => Command::PONG(token, None),
            Said::Quit => Command::QUIT(Some("Watchbell stops".to_owned())),
        };
        command.into()
    }
}

impl From<Message> for Line {
    fn from(message: Message) -> Line {
        let account = message
            .tags
            .into_iter()
            .flatten()
            .find(|tag| tag.0 == "account")
            .and_then(|tag| tag.1)
            .filter(|account| is_account(account));
        let source = match message.prefix {
            Some(Prefix::Nickname(nick, user, host)) => Some(Source { nick, user, host }),
            _ => None,
        };
        Line { account, source, heard: heard(message.command) }
    }
}

fn heard(command: Command) -> Heard {
    match command {
        Command::PING(token, _) => Heard::Ping(token),
        Command::PONG(first, second) => Heard::Pong(second.unwrap_or(first)),
        Command::PRIVMSG(target, text) => Heard::Privmsg { target, text },
        Command::JOIN(channel, _, _) => Heard::Join(channel),
        Command::PART(channel, _) => Heard::Part(channel),
        Command::KICK(channel, nick, reason) => {
            Heard::Kick { channel, nick, reason: clean(&reason.unwrap_or_default()) }
        }
        Command::NICK(nick) => Heard::Nick(nick),
        Command::QUIT(_) => Heard::Quit,
        Command::ACCOUNT(_) => Heard::Account,
        Command::CHGHOST(_, _) => Heard::Chghost,
        Command::CAP(_, verb, first, second) => cap(verb, first, second),
        Command::AUTHENTICATE(text) => Heard::Authenticate(text),
        Command::ERROR(text) => Heard::Error(clean(&text)),
        Command::Response(response, parameters) => numeric(response as u16, parameters),
        // The crate does not name every number that servers use.
        Command::Raw(word, parameters) => match word.parse() {
            Ok(number) => numeric(number, parameters),
            Err(_) => Heard::Other,
        },
        _ => Heard::Other,
    }
}

/// The last parameter is for people to read, and may come from people.
fn numeric(number: u16, mut parameters: Vec<String>) -> Heard {
    if let Some(words) = parameters.last_mut() {
        *words = clean(words);
    }
    Heard::Numeric(number, parameters)
}

/// The crate tells `CAP * LS * :a b` (more to come) as two fields and
/// `CAP * LS :a b` as one.
fn cap(verb: CapSubCommand, first: Option<String>, second: Option<String>) -> Heard {
    let more = second.is_some() && first.as_deref() == Some("*");
    let names = second.or(first).unwrap_or_default();
    let names = names.split_whitespace().map(str::to_owned).collect();
    Heard::Cap { verb: verb.to_str().to_owned(), names, more }
}

/// Cuts the stream of bytes into lines, and makes lines of what is said.
pub(super) struct Wire {
    encoder: IrcCodec,
    /// Whether the rest of an over-long line is being skipped.
    skipping: bool,
}

impl Wire {
    pub(super) fn new() -> Wire {
        let encoder =
            IrcCodec::new("utf-8").expect("without its `encoding` feature the crate takes any label");
        Wire { encoder, skipping: false }
    }

    /// Takes the next whole line, or the first part of an over-long one.
    fn take_line(&mut self, bytes: &mut BytesMut) -> Option<BytesMut> {
        if self.skipping {
            self.skip_rest(bytes);
        }
        match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) if end <= LONGEST_LINE_BYTES => Some(bytes.split_to(end + 1)),
            None if bytes.len() <= LONGEST_LINE_BYTES => None,
            _ => {
                self.skipping = true;
                Some(bytes.split_to(LONGEST_LINE_BYTES))
            }
        }
    }

    fn skip_rest(&mut self, bytes: &mut BytesMut) {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        bytes.advance(end.map_or(bytes.len(), |end| end + 1));
        self.skipping = end.is_none();
    }
}

impl Decoder for Wire {
    type Item = Line;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Line>> {
        while let Some(line) = self.take_line(bytes) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            // The crate's own decoder ends the stream at a line it cannot parse,
            // such as an unusual MODE; here such a line is passed over.
            match text.parse::<Message>() {
                Ok(message) => return Ok(Some(message.into())),
                Err(error) => tracing::debug!(%error, "passed over a line that is no IRC"),
            }
        }
        Ok(None)
    }
}

impl Encoder<Said> for Wire {
    type Error = io::Error;

    fn encode(&mut self, said: Said, bytes: &mut BytesMut) -> io::Result<()> {
        let message = Message::from(said);
        let text = message.to_string();
        let line = text.strip_suffix("\r\n").unwrap_or(&text);
        if line.contains(['\r', '\n', '\0']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a line break inside of a line"));
        }
        self.encoder.encode(message, bytes).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Vec<Line> {
        let mut wire = Wire::new();
        let mut bytes = BytesMut::from(bytes);
        std::iter::from_fn(|| wire.decode(&mut bytes).expect("decoding never fails")).collect()
    }

    fn encode(said: Said) -> io::Result<String> {
        let mut bytes = BytesMut::new();
        Wire::new().encode(said, &mut bytes)?;
        Ok(String::from_utf8(bytes.to_vec()).expect("strings are UTF-8"))
    }

    #[test]
    fn what_is_said_reads_as_the_protocol_wants_it() {
        let privmsg = |text: &str| Said::Privmsg { target: "#a".to_owned(), text: text.to_owned() };
        for (said, line) in [
            (Said::CapList, "CAP LS 302\r\n"),
            (Said::CapRequest("a b".to_owned()), "CAP REQ :a b\r\n"),
            (Said::CapEnd, "CAP END\r\n"),
            (Said::User("a b".to_owned()), "USER watchbell 0 * :a b\r\n"),
            (Said::Whois("x".to_owned()), "WHOIS x\r\n"),
            (privmsg("a b"), "PRIVMSG #a :a b\r\n"),
            (privmsg(":)"), "PRIVMSG #a ::)\r\n"),
            (Said::Ping("7".to_owned()), "PING 7\r\n"),
        ] {
            assert_eq!(encode(said).expect(line), line);
        }
    }

    #[test]
    fn capabilities_are_read_over_several_lines() {
        let lines = decode(b"CAP * LS * :a=1 b\r\n:s.t CAP * LS :c\r\nCAP me ACK c\r\n");
        let cap = |verb: &str, names: &[&str], more| Heard::Cap {
            verb: verb.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            more,
        };
        let heard: Vec<_> = lines.into_iter().map(|line| line.heard).collect();
        assert_eq!(
            heard,
            [cap("LS", &["a=1", "b"], true), cap("LS", &["c"], false), cap("ACK", &["c"], false)]
        );
    }

    #[test]
    fn numbers_unknown_to_the_crate_are_heard() {
        let lines = decode(b":s.t 330 me nick account :is logged in as\r\n");
        let Heard::Numeric(330, parameters) = &lines[0].heard else { panic!("{lines:?}") };
        assert_eq!(parameters[..3], ["me", "nick", "account"]);
    }

    #[test]
    fn words_for_people_cannot_act_on_a_terminal() {
        let lines = decode(b":a!b@c KICK #a x :\x1b[2Jgo\r\nERROR :\x07end\r\n:s.t 404 me #a :\x02no\r\n");
        let heard: Vec<_> = lines.into_iter().map(|line| format!("{:?}", line.heard)).collect();
        for (heard, words) in heard.iter().zip(["\"[2Jgo\"", "\"end\"", "\"no\""]) {
            assert!(heard.contains(words), "{heard}");
        }
    }

    #[test]
    fn a_line_that_makes_no_sense_does_not_hide_the_next() {
        for nonsense in
            [&b"\r\n"[..], b":only-a-prefix\r\n", b":s.t MODE #a +?\r\n", b"\xff\xfe\xff\r\n", b"@a=b\r\n"]
        {
            let bytes = [nonsense, b"PING :x\r\n"].concat();
            let last = decode(&bytes).pop().map(|line| line.heard);
            assert_eq!(last, Some(Heard::Ping("x".to_owned())), "{nonsense:?}");
        }
    }

    #[test]
    fn an_over_long_line_is_cut_and_its_rest_skipped() {
        let mut bytes = b":a!b@c PRIVMSG #a :".to_vec();
        bytes.extend([b'x'; 100_000]);
        bytes.extend(b" PRIVMSG\r\nPING :y\r\n");
        let lines = decode(&bytes);
        assert_eq!(lines.len(), 2);
        assert!(matches!(&lines[0].heard, Heard::Privmsg { text, .. } if text.len() < LONGEST_LINE_BYTES));
        assert_eq!(lines[1].heard, Heard::Ping("y".to_owned()));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_repaired() {
        let lines = decode(b":a!b@c PRIVMSG #a :caf\xe9\r\n");
        assert_eq!(
            lines[0].heard,
            Heard::Privmsg { target: "#a".to_owned(), text: "caf\u{fffd}".to_owned() }
        );
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_heard(bytes: Vec<u8>) {
            decode(&bytes);
        }

        #[test]
        fn a_text_leaves_as_one_line_or_not_at_all(text in any::<String>()) {
            let broken = text.contains(['\r', '\n', '\0']);
            match encode(Said::Privmsg { target: "#a".to_owned(), text }) {
                Ok(line) => prop_assert_eq!(line.find(['\r', '\n', '\0']), Some(line.len() - 2)),
                Err(_) => prop_assert!(broken),
            }
        }
    }
}
