//! What a session says to what it hears, played line by line with time by hand.

use super::super::line::ASSUMED_PREFIX_BYTES;
use super::super::me::AGAIN;
use super::super::names::Network;
use super::super::tests::settings;
use super::super::wire::Wire;
use super::*;
use crate::sink::Receipt;
use std::time::Duration;
use tokio::sync::oneshot::{self, Receiver};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

type Answer = Receiver<Result<Receipt, SendError>>;

/// A session in `#ops`, and the time.
struct Play<'a> {
    session: Session<'a>,
    now: Instant,
}

impl<'a> Play<'a> {
    /// Joined, with an empty `out`.
    fn start(settings: &'a IrcSettings, network: Network) -> Play<'a> {
        let now = Instant::now();
        let welcome = Welcome { nick: settings.nick.clone(), network };
        let channels = BTreeSet::from(["#ops".to_owned()]);
        let mut play = Play { session: Session::new(("lab", "!"), settings, &channels, welcome, now), now };
        assert_eq!(play.said(), ["JOIN #ops"]);
        assert!(!play.session.is_settled());
        play.hear(":bell!b@h JOIN #ops");
        assert!(play.session.is_settled());
        play
    }

    /// Moves the clock; gives what was said by then.
    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.said()
    }

    /// What is said now, as it goes over the wire.
    fn said(&mut self) -> Vec<String> {
        self.session.advance(self.now).expect("the connection lives");
        let wake_at = self.session.next_at(self.now);
        assert!(wake_at > self.now, "this would be a hot loop");
        self.session.take_out().into_iter().map(on_the_wire).collect()
    }

    fn hear(&mut self, line: &str) {
        let mut bytes = BytesMut::from(format!("{line}\r\n").as_bytes());
        let line = Wire::new().decode(&mut bytes).expect("decoding never fails").expect("a whole line");
        self.session.hear(line, self.now).expect("the connection lives");
    }

    fn begin(&mut self, target: &str, text: &str) -> Answer {
        let (answer, result) = oneshot::channel();
        let job = Job { target: target.to_owned(), text: text.to_owned(), answer };
        self.session.begin(job, self.now);
        result
    }
}

fn on_the_wire(said: Said) -> String {
    let mut bytes = BytesMut::new();
    Wire::new().encode(said, &mut bytes).expect("it is one line");
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

fn network(features: &[&str]) -> Network {
    let features = features.iter().map(|feature| (*feature).to_owned()).collect();
    Network { features, ..Network::default() }
}

fn retry(answer: &mut Answer) -> String {
    match answer.try_recv() {
        Ok(Err(SendError::Retry { reason, .. } | SendError::PutOff { reason, .. })) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn talk_keeps_the_pace_and_pings_do_not_wait_for_it() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&[]));
    let mut answer = play.begin("#ops", "1\n2\n3\n4\n5");
    // The JOIN was the first of four at once.
    assert_eq!(play.said(), ["PRIVMSG #ops 1", "PRIVMSG #ops 2", "PRIVMSG #ops 3"]);
    play.hear("PING :server");
    assert_eq!(play.wait(Duration::from_secs(1)), ["PONG server"]);
    assert_eq!(play.wait(Duration::from_secs(1)), ["PRIVMSG #ops 4"]);
    assert_eq!(play.wait(Duration::from_millis(2001)), ["PRIVMSG #ops 5", "PING watchbell-1"]);
    assert!(!play.session.is_idle());
    play.hear(":s.t PONG s.t :other");
    assert!(!play.session.is_idle());
    play.hear(":s.t PONG s.t :watchbell-1");
    assert!(play.session.is_idle());
    assert_eq!(answer.try_recv(), Ok(Ok(Receipt("5 lines accepted".to_owned()))));
}

#[test]
fn a_refusal_before_the_pong_is_the_answer() {
    let settings = settings();
    for (refusal, words) in [
        (":s.t 408 bell #ops :No colours here", "#ops: No colours here (408)"),
        (":s.t 482 bell #OPS :You need voice", "#ops: You need voice (482)"),
    ] {
        let mut play = Play::start(&settings, network(&[]));
        let mut answer = play.begin("#ops", "x");
        play.said();
        play.hear(":s.t 404 bell #other :not about us");
        play.hear(refusal);
        play.hear(":s.t PONG s.t :watchbell-1");
        assert_eq!(answer.try_recv(), Ok(Err(SendError::Rejected(words.to_owned()))));
    }
}

#[test]
fn who_is_not_in_any_more_joins_again_and_retries() {
    let settings = settings();
    for lines in [
        &[":s.t 442 bell #ops :You're not on that channel"][..],
        &[":alice!a@h KICK #ops bell :go", ":s.t 404 bell #ops :Cannot send"],
        &[":bell!b@h PART #ops", ":s.t 404 bell #ops :Cannot send"],
    ] {
        let mut play = Play::start(&settings, network(&[]));
        let mut answer = play.begin("#ops", "x");
        play.said();
        lines.iter().for_each(|line| play.hear(line));
        play.hear(":s.t PONG s.t :watchbell-1");
        assert!(retry(&mut answer).starts_with("not in #ops"));
        assert!(play.wait(Duration::from_secs(2)).contains(&"JOIN #ops".to_owned()));
        assert!(retry(&mut play.begin("#ops", "y")).starts_with("not in #ops"));
    }
}

#[test]
fn a_silent_server_ends_the_session() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&[]));
    assert_eq!(play.wait(Duration::from_secs(30)), ["PING watchbell-1"]);
    play.hear(":alice!a@h PRIVMSG #ops :still talking, but no PONG");
    play.now += Duration::from_secs(20);
    assert!(matches!(play.session.advance(play.now), Err(IrcError::Silent(20))));
}

#[test]
fn our_nick_is_what_the_server_says() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&[]));
    play.hear(":bell!b@h NICK guest42");
    play.hear(":alice!a@h PRIVMSG guest42 :hello");
    assert!(play.session.take_utterances()[0].private);
    play.hear(":guest42!b@h PRIVMSG #ops :our own echo");
    assert_eq!(play.session.take_utterances(), []);
    assert_eq!(play.wait(Duration::from_secs(1)), [""; 0]);
    assert!(play.wait(AGAIN).contains(&"NICK bell".to_owned()));
    // Freed by its holder: at once.
    play.hear(":bell!x@y QUIT :bye");
    assert!(play.said().contains(&"NICK bell".to_owned()));
}

#[test]
fn lines_use_the_room_that_our_real_name_leaves() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&[]));
    let _answer = play.begin("#ops", &"x".repeat(600));
    let relayed = ":bell!b@h PRIVMSG #ops :".len() + "\r\n".len();
    assert_eq!(play.said()[0].len(), "PRIVMSG #ops ".len() + 512 - relayed);
    let mut play = Play::start(&settings, network(&[]));
    play.hear(":s.t 396 bell cloak.example :is now your displayed host");
    let _answer = play.begin("#ops", &"x".repeat(600));
    assert!(play.said()[0].len() <= "PRIVMSG #ops ".len() + 512 - ASSUMED_PREFIX_BYTES);
}

#[test]
fn who_speaks_is_looked_up_without_stopping_the_talk() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&["ACCOUNTEXTBAN=a"]));
    for nick in ["alice", "bob"] {
        play.hear(&format!(":{nick}!u@h PRIVMSG #OPS :!ack"));
    }
    assert_eq!(play.session.take_utterances(), []);
    let _answer = play.begin("#ops", "1\n2\n3\n4\n5");
    let mut said = play.said();
    (0..4).for_each(|_| said.extend(play.wait(Duration::from_millis(2001))));
    let expected = ["WHOIS alice", "PRIVMSG #ops 1", "PRIVMSG #ops 2", "PRIVMSG #ops 3", "PRIVMSG #ops 4"];
    assert_eq!(said[..5], expected);
    assert_eq!(said[5], "WHOIS bob");
    for numeric in ["311 bell alice u h * :real", "330 bell alice ally :is", "318 bell alice :End"] {
        play.hear(&format!(":s.t {numeric}"));
    }
    let heard = play.session.take_utterances();
    assert_eq!((heard[0].room.as_str(), heard[0].speaker.account.as_deref()), ("#ops", Some("ally")));
}

#[test]
fn who_is_no_longer_in_sight_while_being_looked_up_is_nobody() {
    let settings = settings();
    for seen in [
        ":alice!u@h PART #ops",
        ":root!r@h KICK #ops alice :go",
        ":alice!u@h NICK al",
        ":al!u@h NICK alice",
        ":alice!u@h QUIT :*.net *.split",
        ":alice!u@h ACCOUNT *",
    ] {
        let mut play = Play::start(&settings, network(&["ACCOUNTEXTBAN=a"]));
        play.hear(":alice!u@h PRIVMSG #ops :!ack");
        assert_eq!(play.said(), ["WHOIS alice"]);
        play.hear(seen);
        for numeric in ["311 bell alice u h * :real", "330 bell alice ally :is", "318 bell alice :End"] {
            play.hear(&format!(":s.t {numeric}"));
        }
        let heard = play.session.take_utterances();
        assert_eq!((heard.len(), &heard[0].speaker.account), (1, &None), "{seen}");
    }
}

#[test]
fn a_network_that_takes_the_tag_away_is_asked_instead() {
    let settings = settings();
    let agreed = BTreeSet::from(["account-tag".to_owned()]);
    let mut play = Play::start(&settings, Network { agreed, ..Network::default() });
    let mut account = |line: &str| {
        play.hear(line);
        play.session.take_utterances().pop().map(|heard| heard.speaker.account)
    };
    assert_eq!(account("@account=ally :alice!u@h PRIVMSG #ops :!ack"), Some(Some("ally".to_owned())));
    for nobody in ["@account=* ", "@account ", "@+account=ally ", ""] {
        assert_eq!(account(&format!("{nobody}:alice!u@h PRIVMSG #ops :!ack")), Some(None), "{nobody}");
    }
    play.hear(":s.t CAP bell DEL :account-tag");
    play.hear("@account=ally :alice!u@h PRIVMSG #ops :!ack");
    assert_eq!(play.session.take_utterances(), []);
    assert_eq!(play.said(), ["WHOIS alice"]);
}

#[test]
fn servers_and_strangers_without_a_host_are_not_people() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&[]));
    for line in [
        ":irc.lab.test PRIVMSG #ops :x",
        ":services PRIVMSG #ops :x",
        "PRIVMSG #ops :x",
        ":alice!a@h PRIVMSG $* :x",
        ":alice!a@h PRIVMSG other :x",
        ":alice!a@h NOTICE #ops :x",
        ":alice!a@h PRIVMSG #ops :\u{1}ACTION x",
        ":BELL!b@h PRIVMSG #ops :x",
        "@account=alice :alice TAGMSG #ops",
    ] {
        play.hear(line);
        assert_eq!(play.session.take_utterances(), [], "{line}");
    }
}

#[test]
fn colours_and_control_codes_are_no_part_of_what_people_say() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&[]));
    play.hear(":alice!a@h PRIVMSG #ops :\u{2}!ack\u{f} #1 \u{3}04,12not\u{3} \u{1d}our\u{202e}s\u{7}");
    assert_eq!(play.session.take_utterances().remove(0).text, "!ack #1 not ours");
}

#[test]
fn a_tag_proves_nothing_where_it_was_not_agreed_on() {
    let settings = settings();
    let account = |network: Network| {
        let mut play = Play::start(&settings, network);
        play.hear("@account=admin :alice!a@h PRIVMSG #ops :!ack");
        play.session.take_utterances().remove(0).speaker.account
    };
    assert_eq!(account(network(&[])), None);
    let agreed = BTreeSet::from(["account-tag".to_owned()]);
    assert_eq!(account(Network { agreed, ..network(&[]) }).as_deref(), Some("admin"));
}

#[test]
fn a_text_of_nothing_but_codes_is_rejected() {
    let settings = settings();
    let mut play = Play::start(&settings, network(&[]));
    let mut answer = play.begin("#ops", "\u{2}\n\u{3}04");
    assert!(matches!(answer.try_recv(), Ok(Err(SendError::Rejected(_)))));
    assert!(play.session.is_idle());
}

#[test]
fn a_slow_pace_makes_deliveries_shorter() {
    for (per_second, lines) in [(0.1, 1), (0.2, 3), (0.5, 10), (50.0, 10)] {
        assert_eq!(most_lines(per_second), lines, "{per_second}");
    }
}
