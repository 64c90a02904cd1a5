//! People on a network without accounts: one-time codes, and what is audited.

use crate::common::channel::{self, CHANNEL, NICK, said_by};
use crate::common::ircd::{Client, Ngircd};
use crate::common::wait_for;
use crate::common::watchbell::{Site, Watchbell};
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A Watchbell on a ngircd whose people have codes.
pub(super) struct Office {
    dir: TempDir,
    pub(super) server: Ngircd,
    site: Site,
    pub(super) watchbell: Watchbell,
}

impl Office {
    /// Its Icinga is away.
    fn open() -> (Office, Client) {
        let nowhere = "[[icinga]]\nname = \"lab\"\nurls = [\"https://127.0.0.1:1\"]\nuser = \"u\"\npassword_file = \"icinga.password\"\n";
        Office::open_with(|site| {
            site.secret("icinga.password", "pw");
            nowhere.to_owned()
        })
    }

    /// With the section of an Icinga; returns when Watchbell is in the channel, where alice is,
    /// too.
    pub(super) fn open_with(icinga: impl FnOnce(&Site) -> String) -> (Office, Client) {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let server = Ngircd::start_unhurried(dir.path());
        let site = Site::new(dir.path());
        let icinga = icinga(&site);
        let alice = channel::alice_with_codes(&site);
        site.configure(&[icinga, channel::irc(server.port, "codes = true"), alice]);
        let mut alice = Client::connect(server.port, "alice", None);
        alice.join(CHANNEL);
        let mut watchbell = site.start();
        watchbell.log.expect("one-time codes count as proof here");
        alice.lines_until(|line| line.contains(NICK) && line.contains("JOIN"));
        (Office { dir, server, site, watchbell }, alice)
    }
}

/// Waits until Watchbell says this.
pub(super) fn hear(client: &mut Client, contains: &str) -> String {
    client
        .lines_until(|line| said_by(NICK, line).is_some_and(|text| text.contains(contains)))
        .pop()
        .expect("it ends so")
}

#[test]
fn on_a_network_without_accounts_a_code_commands_and_a_nick_does_not() {
    let (mut office, mut alice) = Office::open();
    alice.say(CHANNEL, "!mute * 1h trust me");
    hear(&mut alice, "alice: this needs the role `operator`: the network does not vouch for your nick");
    let code = channel::code();
    alice.say(CHANNEL, &format!("!code alice {code} mute web* 1h flaky"));
    hear(&mut alice, "alice: m1: web* muted until");
    // Whoever saw the code cannot use it.
    let mut mallory = Client::connect(office.server.port, "mallory", None);
    mallory.join(CHANNEL);
    mallory.say(CHANNEL, &format!("!code alice {code} unmute m1"));
    hear(&mut mallory, "mallory: this code was used already");
    assert!(office.watchbell.terminate().success());
    office.watchbell = office.site.start();
    mallory.lines_until(|line| line.contains(NICK) && line.contains("JOIN"));
    mallory.say(CHANNEL, &format!("!code alice {code} unmute m1"));
    hear(&mut mallory, "mallory: this code was used already");
    mallory.say(CHANNEL, "!mutes");
    hear(&mut mallory, "by alice.smith: flaky");
    let audit = wait_for("the audit", PATIENCE, || {
        let out = String::from_utf8(office.site.call(&["audit"]).stdout).expect("it is UTF-8");
        (out.matches("done").count() == 2).then_some(out)
    });
    assert!(audit.contains("alice in #ops on chat: code alice ****** mute web* 1h flaky\n  done"), "{audit}");
    assert!(
        audit.contains("nobody known (nick mallory) in #ops on chat: code alice ****** unmute m1\n  refused"),
        "{audit}"
    );
    assert!(!audit.contains(&code), "{audit}");
    drop(office.dir);
}
