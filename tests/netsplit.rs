//! A network of two servers with accounts splits and heals under Watchbell: nobody has
//! rights without the network's word, and no line is lost or said twice.

use crate::common::bell::{Bell, PATIENCE, folder, said, settings};
use crate::common::ircd::{Client, Inspircd, InspircdLeaf, InspircdOptions};
use crate::common::proxy::Proxy;
use crate::common::wait_for;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// How the two servers lose each other.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// An operator says so.
    Operator,
    /// The connection is reset, and no other comes about.
    Reset,
}

/// Two servers of one network; services are at the hub.
struct Network {
    hub: Inspircd,
    leaf: InspircdLeaf,
    /// Between the two.
    line: Proxy,
    /// An operator at the hub, in `#ops`, who has the channel.
    at_hub: Client,
    /// An operator at the leaf, in `#ops`.
    at_leaf: Client,
    _folders: [TempDir; 2],
}

impl Network {
    /// Starts both, connected, with the accounts `ally` and `bobby`.
    fn start(account_tag: bool) -> Network {
        let folders = [folder(), folder()];
        let options = InspircdOptions { account_tag, ..InspircdOptions::default() };
        let hub = Inspircd::start_with(folders[0].path(), &options);
        let line = Proxy::to(hub.link_port);
        let leaf = Inspircd::start_leaf(folders[1].path(), &options, line.port);
        hub.register("ally", "allypw");
        hub.register("bobby", "bobbypw");
        let at_hub = operator(hub.port, "athub");
        let at_leaf = operator(leaf.port, "atleaf");
        let mut network = Network { hub, leaf, line, at_hub, at_leaf, _folders: folders };
        network.heal();
        network
    }

    /// Parts them; each side has seen the other leave when this returns.
    fn cut(&mut self, how: Cut) {
        const GONE: &str = ":athub!athub@127.0.0.1 QUIT";
        if how == Cut::Operator {
            self.at_leaf.raw("SQUIT irc.lab.test :maintenance");
            self.at_leaf.expect_line(GONE);
        }
        // After an operator's word, too: InspIRCd may miss an end that comes right behind a line.
        self.line.refuse();
        self.at_hub.expect_line(":atleaf!atleaf@127.0.0.1 QUIT");
        if how == Cut::Reset {
            self.at_leaf.expect_line(GONE);
        }
    }

    /// Connects them again; each side sees the other when this returns.
    fn heal(&mut self) {
        self.line.pass();
        self.at_leaf.raw("CONNECT irc.lab.test");
        self.at_hub.expect_line(":atleaf!atleaf@127.0.0.1 JOIN");
        self.at_leaf.expect_line(":athub!athub@127.0.0.1 JOIN");
    }
}

fn operator(port: u16, nick: &str) -> Client {
    let mut root = Client::connect(port, nick, None);
    root.become_operator();
    root.join("#ops");
    root
}

/// Somebody with an account, in `#ops`.
fn person(port: u16, nick: &str, account: &str) -> Client {
    let mut person = Client::connect(port, nick, Some((account, &format!("{account}pw"))));
    person.join("#ops");
    person
}

/// The account of who says this next.
fn account_of(bell: &mut Bell, who: &mut Client, text: &str) -> Option<String> {
    who.say("#ops", text);
    let heard = bell.hear();
    assert_eq!(heard.text, text);
    heard.speaker.account
}

/// Says a line; it is accepted at once.
fn tell(bell: &Bell, text: &str) {
    bell.tell("#ops", text).unwrap_or_else(|error| panic!("{text}: {error}"));
}

/// What Watchbell said to somebody in the channel, up to this line.
fn heard_until(client: &mut Client, last: &str) -> Vec<String> {
    let lines = client.lines_until(|line| said(line) == Some(last));
    lines.iter().filter_map(|line| said(line)).map(str::to_owned).collect()
}

#[test]
fn rights_end_with_the_split_and_come_back_with_the_networks_word() {
    for (with_services, account_tag, cut) in [
        (true, true, Cut::Operator),
        (true, false, Cut::Reset),
        (false, true, Cut::Reset),
        (false, false, Cut::Operator),
    ] {
        let mut network = Network::start(account_tag);
        let (here, there) = match with_services {
            true => (network.hub.port, network.leaf.port),
            false => (network.leaf.port, network.hub.port),
        };
        let mut bell = Bell::start_ready(&settings(here), &["#ops"]);
        let mut alice = person(there, "alice", "ally");
        let mut bob = person(there, "bob", "bobby");
        assert_eq!(account_of(&mut bell, &mut alice, "!ack db1").as_deref(), Some("ally"));
        assert_eq!(account_of(&mut bell, &mut bob, "!ack db1").as_deref(), Some("bobby"));

        network.cut(cut);
        alice.say("#ops", "!ack nobody hears this");
        let mut mallory = Client::connect(here, "alice", None);
        mallory.join("#ops");
        assert_eq!(account_of(&mut bell, &mut mallory, "!ack db2"), None);
        if !with_services {
            bob.say("NickServ", "LOGOUT");
            bob.expect_line("logged out");
        }

        network.heal();
        // One of the two has another nick now.
        assert_eq!(account_of(&mut bell, &mut alice, "!ack db3").as_deref(), Some("ally"));
        assert_eq!(account_of(&mut bell, &mut mallory, "!ack db4"), None);
        // What the network knew before the split is not what it knows now.
        let known = with_services.then_some("bobby");
        assert_eq!(account_of(&mut bell, &mut bob, "!ack db5").as_deref(), known);
    }
}

#[test]
fn what_is_told_while_the_network_splits_and_heals_is_said_once() {
    for cut in [Cut::Operator, Cut::Reset] {
        let mut network = Network::start(true);
        let bell = Bell::start_ready(&settings(network.leaf.port), &["#ops"]);
        let mut listener = Client::connect(network.leaf.port, "listener", None);
        listener.join("#ops");
        let told = tell_meanwhile(&bell, || {
            network.cut(cut);
            network.heal();
        });
        assert_eq!(heard_until(&mut listener, "the end"), told);
    }
}

/// So many lines take a minute.
const MOST: usize = 3000;

/// Tells numbered lines while this happens, and then `the end`; all of them.
fn tell_meanwhile(bell: &Bell, happens: impl FnOnce()) -> Vec<String> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let telling = scope.spawn(|| {
            let mut told = Vec::new();
            while !is_over.load(Ordering::Acquire) && told.len() < MOST {
                told.push(format!("line {}", told.len()));
                tell(bell, &told[told.len() - 1]);
            }
            told.push("the end".to_owned());
            tell(bell, "the end");
            told
        });
        happens();
        is_over.store(true, Ordering::Release);
        telling.join().expect("each line is accepted")
    })
}

#[test]
fn a_nick_that_both_sides_have_costs_no_line_and_is_taken_back() {
    for rival_is_first in [true, false] {
        let mut network = Network::start(true);
        network.cut(Cut::Operator);
        let rival = || {
            let mut rival = Client::connect(network.hub.port, "bell", None);
            rival.join("#ops");
            rival
        };
        let early = rival_is_first.then(&rival);
        let bell = Bell::start_ready(&settings(network.leaf.port), &["#ops"]);
        let rival = early.unwrap_or_else(rival);
        let mut listener = Client::connect(network.leaf.port, "listener", None);
        listener.join("#ops");
        let told = tell_meanwhile(&bell, || network.heal());
        let lines = listener.lines_until(|line| said(line) == Some("the end"));
        let heard: Vec<&str> = lines.iter().filter_map(|line| said(line)).collect();
        assert_eq!(heard, told);
        if rival_is_first {
            // The network gives it its unique id as a nick.
            assert!(
                lines.iter().any(|line| line.starts_with(":bell!") && line.contains(" NICK ")),
                "{lines:#?}"
            );
        }
        rival.quit();
        wait_for("Watchbell to have its nick", PATIENCE, || {
            tell(&bell, "who am I?");
            listener.expect_line("who am I?").starts_with(":bell!").then_some(())
        });
    }
}
