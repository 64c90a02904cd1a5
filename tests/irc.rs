//! IRC, against real servers: ngircd, and InspIRCd with Atheme.

use crate::common::bell::{Bell, PATIENCE, folder, said, sasl, settings};
use crate::common::ircd::{Client, Inspircd, InspircdOptions, Ngircd};
use crate::common::wait_for;
use std::path::PathBuf;
use watchbell::config::IrcSettings;
use watchbell::sink::{Receipt, SendError, Sink};

#[test]
fn a_line_reaches_the_channel() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    let receipt = bell.tell("#ops", "db1 is down\nsince noon");
    assert_eq!(receipt, Ok(Receipt("2 lines accepted".to_owned())));
    assert_eq!(said(&alice.expect_line("db1")), Some("db1 is down"));
    assert_eq!(said(&alice.expect_line("PRIVMSG")), Some("since noon"));
}

#[test]
fn a_person_is_told_and_a_missing_one_is_not() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    let bell = Bell::start_ready(&settings(server.port), &[]);
    assert!(bell.tell("alice", "hello").is_ok());
    assert_eq!(said(&alice.expect_line("PRIVMSG alice")), Some("hello"));
    let rejected = bell.tell("nobody", "hello");
    assert!(
        matches!(&rejected, Err(SendError::Rejected(reason)) if reason.contains("nobody")),
        "{rejected:?}"
    );
    let rejected = bell.tell("#a,#b", "hello");
    assert!(
        matches!(&rejected, Err(SendError::Rejected(reason)) if reason.contains("comma")),
        "{rejected:?}"
    );
}

#[test]
fn after_a_kick_it_comes_back() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    alice.raw("KICK #ops bell :go");
    alice.expect_line("KICK #ops bell");
    alice.expect_line(" JOIN ");
    wait_for("the channel to take lines again", PATIENCE, || bell.tell("#ops", "back again").ok());
    alice.expect_line("back again");
}

#[test]
fn a_channel_that_refuses_is_told_apart_from_one_that_bans() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    for (channel, mode) in [("#closed", "+i"), ("#banned", "+b bell!*@*")] {
        alice.join(channel);
        alice.raw(&format!("MODE {channel} {mode}"));
        alice.expect_line("MODE");
    }
    let bell = Bell::start_ready(&settings(server.port), &["#closed", "#banned"]);
    let retry = bell.tell("#closed", "x");
    assert!(
        matches!(&retry, Err(SendError::PutOff { reason, after: Some(_) }) if reason.contains("not in #closed")),
        "{retry:?}"
    );
    let rejected = bell.tell("#banned", "x");
    assert!(matches!(&rejected, Err(SendError::Rejected(reason)) if reason.contains("not in #banned")));
    alice.raw("MODE #closed -i");
    wait_for("the channel to be open", PATIENCE, || bell.tell("#closed", "at last").ok());
    alice.expect_line("at last");
}

#[test]
fn hostile_text_yields_only_safe_lines() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    let hostile = [
        "a\r\nPRIVMSG #ops :forged\nQUIT :bye\rTOPIC #ops :owned\0JOIN #evil",
        "\u{3}04,01red\u{2}bold\u{1}VERSION\u{1}\u{1b}[2J\u{7}\u{202e}right",
        &"x".repeat(5000),
        &"h\u{e4}\u{1f468}\u{200d}\u{1f469} ".repeat(300),
    ];
    for text in hostile {
        bell.tell("#ops", text).unwrap_or_else(|error| panic!("{error}"));
    }
    bell.tell("#ops", "the end").expect("it is still connected");
    let lines = alice.lines_until(|line| line.ends_with("the end"));
    let texts: Vec<&str> = lines.iter().filter_map(|line| said(line)).collect();
    assert_eq!(texts.len(), lines.iter().filter(|line| !line.contains(" JOIN ")).count(), "{lines:#?}");
    assert_eq!(
        texts[..5],
        ["a", "PRIVMSG #ops :forged", "QUIT :bye", "TOPIC #ops :ownedJOIN #evil", "redboldVERSION[2Jright"]
    );
    for line in &lines {
        assert!(line.len() + 2 <= 512 && !line.contains(char::is_control), "{line:?}");
        assert!(!line.contains('\u{fffd}'), "a character was cut in two: {line:?}");
    }
    let exes: usize = texts.iter().filter(|text| text.starts_with("xxx")).map(|text| text.len()).sum();
    assert!(exes > 4000 && texts.iter().any(|text| text.starts_with("... ")), "{exes}: {texts:#?}");
}

#[test]
fn without_accounts_nobody_is_known() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    alice.say("#ops", "!ack db1");
    let heard = bell.hear();
    assert_eq!((heard.sink.as_str(), heard.room.as_str(), heard.private), ("lab", "#ops", false));
    assert_eq!((heard.text.as_str(), heard.speaker.nick.as_str()), ("!ack db1", "alice"));
    assert_eq!((heard.speaker.account, heard.speaker.local), (None, false));
    alice.say("bell", "help");
    let heard = bell.hear();
    assert_eq!((heard.room.as_str(), heard.private), ("alice", true));
    assert_eq!(heard.speaker.account, None);
    // So nobody is told in their place, either.
    let told = bell.tell("account:alice", "db1 is DOWN");
    let reason = "this network knows no accounts, so nobody is surely alice".to_owned();
    assert_eq!(told, Err(SendError::Rejected(reason)));
}

#[test]
fn only_commands_of_people_are_heard() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    bell.tell("#ops", "our own line").expect("it is ready");
    alice.raw("NOTICE #ops :a notice");
    alice.say("#ops", "\u{1}ACTION waves\u{1}");
    alice.say("bell", "\u{1}VERSION\u{1}");
    alice.say("#ops", "people talk to each other");
    alice.raw_bytes(b"PRIVMSG #ops :!caf\xe9 \x02bold");
    assert_eq!(bell.hear().text, "!caf\u{fffd} bold");
}

#[test]
fn nobody_listening_does_not_stop_the_talking() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut bell = Bell::start_with_ears(&settings(server.port), &["#ops"], 1);
    bell.wait_until_ready();
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    for number in 0..20 {
        alice.say("#ops", &format!("!line {number}"));
    }
    alice.raw("PING :all-said");
    alice.expect_line("all-said");
    bell.tell("#ops", "still here").expect("its connection lives");
    alice.expect_line("still here");
    assert_eq!(bell.hear().text, "!line 0");
}

#[test]
fn an_account_is_believed_and_an_impostor_is_not() {
    check_accounts(&InspircdOptions::default());
}

#[test]
fn an_account_is_looked_up_where_lines_do_not_carry_it() {
    check_accounts(&InspircdOptions { account_tag: false, ..InspircdOptions::default() });
}

fn check_accounts(options: &InspircdOptions) {
    let dir = folder();
    let server = Inspircd::start_with(dir.path(), options);
    server.register("ally", "allypw");
    let mut bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    let mut alice = Client::connect(server.port, "alice", Some(("ally", "allypw")));
    alice.join("#ops");
    alice.say("#ops", "!ack db1");
    assert_eq!(bell.hear().speaker.account.as_deref(), Some("ally"));
    alice.say("bell", "!status");
    let heard = bell.hear();
    assert_eq!((heard.private, heard.speaker.account.as_deref()), (true, Some("ally")));
    alice.quit();
    for nick in ["alice", "ally"] {
        let mut impostor = Client::connect(server.port, nick, None);
        impostor.join("#ops");
        impostor.say("#ops", "!ack db1");
        let heard = bell.hear();
        assert_eq!((heard.speaker.nick.as_str(), heard.speaker.account), (nick, None));
    }
}

/// A call is for a person, and reaches them under whatever nick the network knows them by.
#[test]
fn who_is_there_under_an_account_is_told_and_an_impostor_is_not() {
    for account_tag in [true, false] {
        let dir = folder();
        let server =
            Inspircd::start_with(dir.path(), &InspircdOptions { account_tag, ..InspircdOptions::default() });
        server.register("alice", "alicepw");
        let mut bell = Bell::start_ready(&settings(server.port), &["#ops"]);
        let nobody = SendError::Rejected("alice is not on the network under that account".to_owned());
        assert_eq!(bell.tell("account:alice", "db1 is DOWN"), Err(nobody.clone()), "she is not there");
        let mut impostor = Client::connect(server.port, "alice", None);
        assert_eq!(bell.tell("account:alice", "db1 is DOWN"), Err(nobody), "that is not she");
        let mut alice = Client::connect(server.port, "al", Some(("alice", "alicepw")));
        alice.join("#ops");
        // From what she says, her nick is known.
        alice.say("#ops", "!whoami");
        assert_eq!(bell.hear().speaker.account.as_deref(), Some("alice"));
        bell.tell("account:alice", "db1 is DOWN").expect("she is told");
        alice.expect_line("PRIVMSG al :db1 is DOWN");
        alice.raw("NICK alina");
        alice.expect_line("NICK :alina");
        // What somebody else says behind that comes behind that.
        impostor.say("bell", "!whoami");
        assert_eq!(bell.hear().speaker.account, None);
        bell.tell("account:alice", "db1 is UP").expect("she is told under her new nick");
        alice.expect_line("PRIVMSG alina :db1 is UP");
        impostor.raw("PING :enough");
        let heard = impostor.lines_until(|line| line.contains("enough"));
        assert!(!heard.iter().any(|line| line.contains("db1")), "{heard:?}");
    }
}

#[test]
fn it_logs_in_with_sasl() {
    let dir = folder();
    let server = Inspircd::start_with_services(dir.path());
    server.register("bell", "bellpw");
    let settings = IrcSettings { sasl: sasl("bellpw"), ..settings(server.port) };
    let _bell = Bell::start_ready(&settings, &["#ops"]);
    let mut alice = Client::connect(server.port, "alice", None);
    alice.raw("WHOIS bell");
    assert!(alice.expect_line(" 330 ").contains(" bell bell :"));
}

#[test]
fn a_wrong_password_is_said_clearly_and_nothing_is_sent() {
    let dir = folder();
    let server = Inspircd::start_with_services(dir.path());
    server.register("bell", "bellpw");
    let settings = IrcSettings { sasl: sasl("wrongpw"), ..settings(server.port) };
    let bell = Bell::start(&settings, &["#ops"]);
    let reason = bell.wait_until_not_ready("refused the login of `bell`");
    assert!(reason.contains(&format!("127.0.0.1:{}", server.port)), "{reason}");
    assert!(reason.contains("sasl_user") && !reason.contains("wrongpw"), "{reason}");
    let mut alice = Client::connect(server.port, "alice", None);
    alice.raw("WHOIS bell");
    alice.expect_line(" 401 ");
}

#[test]
fn a_server_without_logins_is_not_used_with_one() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let bell = Bell::start(&IrcSettings { sasl: sasl("bellpw"), ..settings(server.port) }, &["#ops"]);
    bell.wait_until_not_ready("offers no login by SASL PLAIN");
}

#[test]
fn after_a_crash_of_the_server_it_reconnects() {
    let dir = folder();
    let mut server = Ngircd::start(dir.path());
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    server.kill();
    let reason = bell.wait_until_not_ready("cannot be reached");
    assert!(reason.contains(&server.port.to_string()), "{reason}");
    server.restart();
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    bell.wait_until_ready();
    bell.tell("#ops", "here I am").expect("it is ready");
    alice.expect_line("here I am");
}

#[test]
fn it_takes_its_nick_back_when_it_is_free() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    // Whoever has the nick must share a channel, or its leaving is not seen.
    let mut other = Client::connect(server.port, "bell", None);
    other.join("#ops");
    let bell = Bell::start(&settings(server.port), &["#ops"]);
    wait_for("the sink to be ready", PATIENCE, || bell.tell("#ops", "under another name").ok());
    assert!(alice.expect_line("under another name").starts_with(":bell_!"));
    other.quit();
    alice.expect_line("NICK :bell");
    bell.tell("#ops", "under our name").expect("it is ready");
    assert!(alice.expect_line("under our name").starts_with(":bell!"));
}

#[test]
fn closing_says_goodbye() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    bell.runtime.block_on(bell.sink.close());
    assert!(alice.expect_line("QUIT").contains("Watchbell stops"));
    assert!(matches!(bell.tell("#ops", "x"), Err(SendError::NotReady(reason)) if reason.contains("stopped")));
}

/// A server that ends connections that talk too fast: above 14 commands at once
/// and four a second.
#[test]
fn its_pace_keeps_it_connected_where_haste_would_not() {
    let dir = folder();
    let flood = InspircdOptions { flood: (14, 4000), ..InspircdOptions::default() };
    let server = Inspircd::start_with(dir.path(), &flood);
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join("#ops");
    let text: Vec<String> = (0..10).map(|number| format!("line {number}")).collect();
    let slow = IrcSettings { lines_per_second: 2.0, burst: 2, ..settings(server.port) };
    let bell = Bell::start(&slow, &["#ops"]);
    wait_for("the sink to be ready", PATIENCE, || bell.tell("#ops", "begin").ok());
    for _ in 0..2 {
        bell.tell("#ops", &text.join("\n")).expect("the server lets it talk");
    }
    bell.tell("#ops", "end").expect("the server lets it talk");
    alice.expect_line("begin");
    let lines = alice.lines_until(|line| line.ends_with(":end"));
    let heard: Vec<&str> = lines.iter().filter_map(|line| said(line)).collect();
    let told: Vec<&str> = text.iter().chain(&text).map(String::as_str).chain(["end"]).collect();
    assert_eq!(heard, told);
    // The same without a pace: proof that the server is as strict as this test says.
    let hasty = Bell::start(&IrcSettings { nick: "hasty".to_owned(), ..settings(server.port) }, &["#ops"]);
    wait_for("the sink to be ready", PATIENCE, || hasty.tell("#ops", "begin").ok());
    let answers: Vec<_> = (0..2).map(|_| hasty.tell("#ops", &text.join("\n"))).collect();
    assert!(answers.iter().any(Result::is_err), "{answers:?}");
}

/// A CA and a certificate of it for `irc.lab.test`, all PEM.
struct Certificates {
    ca: String,
    certificate: String,
    key: String,
}

fn certificates(ca_name: &str) -> Certificates {
    let ca_key = rcgen::KeyPair::generate().expect("keys can be made");
    let mut ca = rcgen::CertificateParams::new(Vec::new()).expect("no names are valid names");
    ca.distinguished_name.push(rcgen::DnType::CommonName, ca_name);
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("a CA can be made");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().expect("keys can be made");
    let leaf = rcgen::CertificateParams::new(vec!["irc.lab.test".to_owned()]).expect("it is a name");
    let certificate = leaf.signed_by(&key, &issuer).expect("the CA signs");
    Certificates { ca: ca_certificate.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}

#[test]
fn tls_is_verified_against_the_right_ca_and_name() {
    let dir = folder();
    let write = |name: &str, text: &str| -> Option<PathBuf> {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("the test's folder is writable");
        Some(path)
    };
    let ours = certificates("our CA");
    let server = Ngircd::start_tls(dir.path(), &ours.certificate, &ours.key);
    let good = IrcSettings {
        tls: true,
        ca_file: write("ca.pem", &ours.ca),
        server_name: Some("irc.lab.test".to_owned()),
        ..settings(server.port)
    };
    let bell = Bell::start_ready(&good, &["#ops"]);
    bell.tell("#ops", "over TLS").expect("it is ready");

    // Another CA, and one that only has the name of ours.
    for ca_name in ["another CA", "our CA"] {
        let wrong_ca = IrcSettings { ca_file: write("wrong.pem", &certificates(ca_name).ca), ..good.clone() };
        Bell::start(&wrong_ca, &["#ops"]).wait_until_not_ready("set `ca_file`");
    }
    let wrong_name = IrcSettings { server_name: Some("irc.example.org".to_owned()), ..good.clone() };
    Bell::start(&wrong_name, &["#ops"]).wait_until_not_ready("set `server_name`");
    let no_name = IrcSettings { server_name: None, ..good };
    Bell::start(&no_name, &["#ops"]).wait_until_not_ready("is not for `127.0.0.1`");
}

#[test]
fn a_plain_port_is_not_taken_for_tls() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let bell = Bell::start(&IrcSettings { tls: true, ..settings(server.port) }, &["#ops"]);
    bell.wait_until_not_ready("is this its TLS port");
}
