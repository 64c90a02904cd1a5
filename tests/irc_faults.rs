//! What may happen to Watchbell in IRC, done to it by an operator of a real server: what
//! was not said is never taken for said, and is said when it can be.

use crate::common::bell::{Bell, PATIENCE, folder, said, sasl, settings};
use crate::common::ircd::{Client, Inspircd, InspircdOptions, Ngircd};
use crate::common::wait_for;
use watchbell::config::IrcSettings;
use watchbell::sink::SendError;

/// An operator in `#ops`, who has the channel.
fn operator(port: u16) -> Client {
    let mut root = Client::connect(port, "root", None);
    root.become_operator();
    root.join("#ops");
    root
}

/// Sends until it is accepted, as the outbox does; the reasons why it was not before.
fn tell_until_accepted(bell: &Bell, recipient: &str, text: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    wait_for(&format!("`{text}` to be accepted"), PATIENCE, || match bell.tell(recipient, text) {
        Ok(_) => Some(()),
        Err(SendError::Rejected(reason)) => panic!("given up: {reason}"),
        Err(
            SendError::Retry { reason, .. } | SendError::PutOff { reason, .. } | SendError::NotReady(reason),
        ) => {
            reasons.push(reason);
            None
        }
    });
    reasons
}

#[track_caller]
fn expect_retry(bell: &Bell, recipient: &str, words: &str) {
    let answer = bell.tell(recipient, "not yet");
    let held = matches!(
        &answer,
        Err(SendError::Retry { reason, .. } | SendError::PutOff { reason, .. }) if reason.contains(words)
    );
    assert!(held, "{recipient}: {answer:?}");
}

/// How often this text was heard up to (and without) a last line.
fn count(root: &mut Client, text: &str) -> usize {
    root.raw("PRIVMSG root :that is all");
    let lines = root.lines_until(|line| line.ends_with("that is all"));
    lines.iter().filter(|line| said(line) == Some(text)).count()
}

#[test]
fn a_channel_that_lets_nobody_speak_is_waited_for() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    root.raw("MODE #ops +m");
    root.settle();
    expect_retry(&bell, "#ops", "(404)");
    root.raw("MODE #ops -m");
    tell_until_accepted(&bell, "#ops", "at last");
    root.expect_line("at last");
    assert_eq!(count(&mut root, "not yet"), 0);
}

#[test]
fn a_channel_that_is_closed_keyed_or_full_is_joined_when_it_opens() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    for (channel, close, open) in
        [("#invited", "+i", "-i"), ("#keyed", "+k secret", "-k secret"), ("#full", "+l 1", "-l")]
    {
        root.join(channel);
        root.raw(&format!("MODE {channel} {close}"));
        root.settle();
        let nick = channel.replace('#', "b-");
        let bell = Bell::start_ready(&IrcSettings { nick, ..settings(server.port) }, &[channel]);
        expect_retry(&bell, channel, &format!("not in {channel}"));
        root.raw(&format!("MODE {channel} {open}"));
        tell_until_accepted(&bell, channel, "at last");
        root.expect_line(&format!("PRIVMSG {channel} :at last"));
    }
}

#[test]
fn who_is_kicked_while_it_speaks_says_all_again_when_it_is_back() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    let slow = IrcSettings { lines_per_second: 0.5, burst: 3, ..settings(server.port) };
    let bell = Bell::start(&slow, &["#ops"]);
    root.expect_line("JOIN");
    // Who is not in cannot speak, and does not come in again by itself.
    root.raw("MODE #ops +ni");
    let text = "a line\n".repeat(10);
    let answer = std::thread::scope(|scope| {
        let telling = scope.spawn(|| {
            wait_for("the sink to be ready", PATIENCE, || match bell.tell("#ops", &text) {
                Err(SendError::NotReady(_)) => None,
                answer => Some(answer),
            })
        });
        root.expect_line("PRIVMSG");
        root.raw("KICK #ops bell :not now");
        telling.join().expect("it does not panic")
    });
    assert!(matches!(answer, Err(SendError::PutOff { .. })), "{answer:?}");
    root.raw("MODE #ops -i");
    tell_until_accepted(&bell, "#ops", "all of it");
    root.expect_line("all of it");
}

#[test]
fn a_ban_is_given_up_on_and_still_ends_when_it_is_lifted() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    root.raw("MODE #ops +b bell!*@*");
    root.raw("KICK #ops bell :out");
    root.settle();
    let reason = wait_for("the ban to be known", PATIENCE, || match bell.tell("#ops", "x") {
        Err(SendError::Rejected(reason)) => Some(reason),
        _ => None,
    });
    assert!(reason.contains("not in #ops"), "{reason}");
    root.raw("MODE #ops -b bell!*@*");
    wait_for("the channel to take lines again", PATIENCE, || bell.tell("#ops", "forgiven").ok());
    root.expect_line("forgiven");
}

#[test]
fn a_channel_that_leads_elsewhere_hears_nothing_there() {
    let dir = folder();
    let server = Inspircd::start_with_services(dir.path());
    let mut root = operator(server.port);
    root.join("#elsewhere");
    root.raw("MODE #ops +lL 1 #elsewhere");
    root.settle();
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    expect_retry(&bell, "#ops", "not in #ops");
    root.raw("MODE #ops -lL");
    tell_until_accepted(&bell, "#ops", "back home");
    root.expect_line("PRIVMSG #ops :back home");
    assert_eq!(count(&mut root, "not yet"), 0);
}

#[test]
fn what_is_dropped_without_a_word_is_not_taken_for_said() {
    let dir = folder();
    let server = Inspircd::start_with_services(dir.path());
    let mut root = operator(server.port);
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    // Who is shunned is answered PING with PONG, and heard by nobody.
    root.raw("SHUN bell!*@* 1h :quiet");
    root.settle();
    expect_retry(&bell, "#ops", "passed on 0 of 1 lines");
    root.raw("SHUN bell!*@*");
    tell_until_accepted(&bell, "#ops", "heard again");
    root.expect_line("heard again");
    assert_eq!(count(&mut root, "not yet"), 0);
}

#[test]
fn who_is_killed_comes_back() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    for round in ["first", "second"] {
        root.raw("KILL bell :go away");
        root.expect_line(" QUIT ");
        tell_until_accepted(&bell, "#ops", round);
        root.expect_line(round);
    }
}

#[test]
fn a_network_that_bans_us_is_used_again_when_it_lets_us_in() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    root.raw("KLINE *!~watchbell@* 3600 :not welcome");
    root.raw("KILL bell :go away");
    root.expect_line(" QUIT ");
    let reason = wait_for("a refusal", PATIENCE, || match bell.tell("#ops", "x") {
        Err(SendError::NotReady(reason)) if reason.contains("not welcome") => Some(reason),
        _ => None,
    });
    assert!(reason.contains(&server.port.to_string()), "{reason}");
    root.raw("KLINE *!~watchbell@*");
    tell_until_accepted(&bell, "#ops", "welcome again");
    root.expect_line("welcome again");
}

#[test]
fn a_server_that_hangs_is_left_and_used_again_when_it_goes_on() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    server.freeze();
    // The line waits in the server's socket: it may come twice, and is never taken for said.
    let answer = bell.tell("#ops", "on its way");
    assert!(matches!(answer, Err(SendError::Retry { .. } | SendError::NotReady(_))), "{answer:?}");
    server.resume();
    tell_until_accepted(&bell, "#ops", "alive");
    root.expect_line(":alive");
}

#[test]
fn services_that_are_down_are_waited_for() {
    let dir = folder();
    let mut server = Inspircd::start_with_services(dir.path());
    server.register("bell", "bellpw");
    let settings = IrcSettings { sasl: sasl("bellpw"), ..settings(server.port) };
    let connected = Bell::start_ready(&settings, &["#ops"]);
    server.stop_services();
    let mut root = operator(server.port);
    // Who is logged in already is not troubled.
    connected.tell("#ops", "still here").expect("services are not needed to speak");
    let late = Bell::start(&IrcSettings { nick: "late".to_owned(), ..settings }, &["#ops"]);
    let reason = wait_for("a refusal", PATIENCE, || match late.tell("#ops", "x") {
        Err(SendError::NotReady(reason)) if !reason.contains("connecting") => Some(reason),
        _ => None,
    });
    assert!(!reason.contains("bellpw"), "{reason}");
    server.restart_services();
    tell_until_accepted(&late, "#ops", "logged in");
    root.expect_line("logged in");
}

#[test]
fn texts_of_every_length_around_the_limit_come_whole() {
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    const TEXTS: usize = 2 * 6;
    let mut told = String::new();
    for letter in ["ä", "\u{1f514}"] {
        for bytes in (460..=475).step_by(3) {
            let text = format!("{}{}", "x".repeat(bytes % letter.len()), letter.repeat(bytes / letter.len()));
            bell.tell("#ops", &text).unwrap_or_else(|error| panic!("{bytes} bytes of {letter}: {error}"));
            told.push_str(&text);
        }
    }
    bell.tell("#ops", "the end").expect("it is still connected");
    let lines = root.lines_until(|line| said(line) == Some("the end"));
    assert!(lines.iter().all(|line| line.len() + 2 <= 512), "{lines:#?}");
    let heard: String = lines.iter().filter_map(|line| said(line)).collect();
    assert_eq!(heard, told + "the end");
    let heard_lines = lines.iter().filter(|line| said(line).is_some()).count() - 1;
    assert!(TEXTS < heard_lines && heard_lines < 2 * TEXTS, "some fit, some do not: {lines:#?}");
}

/// ngircd holds up who says much, and reads no further meanwhile.
#[test]
fn sixty_long_lines_at_once_all_come_and_nobody_quits_for_flood() {
    const LINES: usize = 60;
    // A longer delivery is cut.
    const OF_A_DELIVERY: usize = 10;
    let dir = folder();
    let server = Ngircd::start(dir.path());
    let mut root = operator(server.port);
    // Faster than the server takes it.
    let bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    let told: Vec<String> = (0..LINES).map(|number| format!("{number:02} {}", "x".repeat(397))).collect();
    for lines in told.chunks(OF_A_DELIVERY) {
        bell.tell("#ops", &lines.join("\n")).expect("accepted");
    }
    bell.tell("#ops", "the end").expect("it is still connected");
    let lines = root.lines_until(|line| said(line) == Some("the end"));
    let heard: Vec<&str> = lines.iter().filter_map(|line| said(line)).collect();
    assert_eq!(heard, [told, vec!["the end".to_owned()]].concat());
    assert!(!lines.iter().any(|line| line.contains(" QUIT ")), "{lines:#?}");
}

#[test]
fn a_split_network_hears_each_line_once_and_heals() {
    let (hub_dir, leaf_dir) = (folder(), folder());
    let (hub, leaf) = Ngircd::start_linked(hub_dir.path(), leaf_dir.path());
    let mut there = Client::connect(leaf.port, "there", None);
    there.become_operator();
    there.join("#ops");
    let mut here = operator(hub.port);
    let bell = Bell::start_ready(&settings(hub.port), &["#ops"]);
    link(&mut there, &mut here);
    tell_until_accepted(&bell, "#ops", "before");
    there.expect_line("before");
    there.raw("DISCONNECT irc.lab.test");
    here.expect_line(" QUIT ");
    tell_until_accepted(&bell, "#ops", "between");
    let heard_here = link(&mut there, &mut here);
    let times = heard_here.iter().filter(|line| said(line) == Some("between")).count();
    assert_eq!(times, 1, "{heard_here:#?}");
    tell_until_accepted(&bell, "#ops", "after");
    let heard_there = there.lines_until(|line| said(line) == Some("after"));
    let heard_there: Vec<&str> = heard_there.iter().filter_map(|line| said(line)).collect();
    assert_eq!(heard_there, ["after"], "what was said in the split is not said again to the others");
}

#[test]
fn a_nick_that_both_sides_have_when_a_split_heals_is_killed_on_both_and_costs_no_line() {
    let (hub_dir, leaf_dir) = (folder(), folder());
    let (hub, leaf) = Ngircd::start_linked(hub_dir.path(), leaf_dir.path());
    let mut there = Client::connect(leaf.port, "there", None);
    there.become_operator();
    there.join("#ops");
    let mut here = operator(hub.port);
    let bell = Bell::start_ready(&settings(hub.port), &["#ops"]);
    let mut rival = Client::connect(leaf.port, "bell", None);
    tell_until_accepted(&bell, "#ops", "before");
    there.raw("CONNECT irc.lab.test");
    rival.expect_line("Nick collision");
    let mut heard = here.lines_until(|line| line.starts_with(":bell!") && line.contains(" QUIT "));
    tell_until_accepted(&bell, "#ops", "after");
    heard.extend(here.lines_until(|line| said(line) == Some("after")));
    let heard: Vec<&str> = heard.iter().filter_map(|line| said(line)).collect();
    assert_eq!(heard, ["before", "after"]);
    there.expect_line("after");
}

/// Connects the leaf with the hub; what those here heard until they saw those there.
fn link(there: &mut Client, here: &mut Client) -> Vec<String> {
    there.raw("CONNECT irc.lab.test");
    here.lines_until(|line| line.contains(":there!"))
}

#[test]
fn who_takes_the_nick_of_somebody_gone_has_none_of_their_rights() {
    for account_tag in [true, false] {
        let dir = folder();
        let options = InspircdOptions { account_tag, ..InspircdOptions::default() };
        let server = Inspircd::start_with(dir.path(), &options);
        server.register("ally", "allypw");
        let mut bell = Bell::start_ready(&settings(server.port), &["#ops"]);
        let mut alice = Client::connect(server.port, "alice", Some(("ally", "allypw")));
        alice.join("#ops");
        alice.say("#ops", "!ack db1");
        assert_eq!(bell.hear().speaker.account.as_deref(), Some("ally"));
        // For those here, a split is nothing but the end of everybody there.
        let mut root = operator(server.port);
        root.raw("KILL alice :irc.lab.test leaf.lab.test");
        root.expect_line("alice!");
        let mut mallory = Client::connect(server.port, "alice", None);
        mallory.join("#ops");
        mallory.say("#ops", "!ack db2");
        let heard = bell.hear();
        assert_eq!((heard.text.as_str(), heard.speaker.account), ("!ack db2", None));
        // The healed network gives her nick back, not her account.
        mallory.quit();
        let mut alice = Client::connect(server.port, "alice", Some(("ally", "allypw")));
        alice.join("#ops");
        alice.say("#ops", "!ack db3");
        assert_eq!(bell.hear().speaker.account.as_deref(), Some("ally"));
    }
}

#[test]
fn who_logs_out_or_changes_nick_between_two_commands_is_what_the_network_says_then() {
    for account_tag in [true, false] {
        let dir = folder();
        let options = InspircdOptions { account_tag, ..InspircdOptions::default() };
        let server = Inspircd::start_with(dir.path(), &options);
        server.register("ally", "allypw");
        let mut bell = Bell::start_ready(&settings(server.port), &["#ops"]);
        let mut alice = Client::connect(server.port, "alice", Some(("ally", "allypw")));
        alice.join("#ops");
        let mut says = |who: &mut Client, text: &str| {
            who.say("#ops", text);
            let heard = bell.hear();
            assert_eq!(heard.text, text);
            (heard.speaker.nick, heard.speaker.account)
        };
        let account = || Some("ally".to_owned());
        assert_eq!(says(&mut alice, "!ack db1"), ("alice".to_owned(), account()));
        // Another nick, the same login; who takes the nick that is free now has none of it.
        alice.raw("NICK al");
        alice.settle();
        let mut mallory = Client::connect(server.port, "alice", None);
        mallory.join("#ops");
        assert_eq!(says(&mut mallory, "!ack db2"), ("alice".to_owned(), None));
        assert_eq!(says(&mut alice, "!ack db3"), ("al".to_owned(), account()));
        alice.say("NickServ", "LOGOUT");
        alice.expect_line("logged out");
        assert_eq!(says(&mut alice, "!ack db4"), ("al".to_owned(), None));
        // To be called like the account is nothing.
        mallory.raw("NICK ally");
        mallory.settle();
        assert_eq!(says(&mut mallory, "!ack db5"), ("ally".to_owned(), None));
        alice.say("NickServ", "IDENTIFY ally allypw");
        alice.lines_until(|line| line.contains("now identified") || line.contains("now logged in"));
        assert_eq!(says(&mut alice, "!ack db6"), ("al".to_owned(), account()));
    }
}

#[test]
fn a_network_that_takes_the_account_tag_away_and_gives_it_back_is_asked_meanwhile() {
    let dir = folder();
    let server = Inspircd::start_with_services(dir.path());
    server.register("ally", "allypw");
    let mut bell = Bell::start_ready(&settings(server.port), &["#ops"]);
    let mut alice = Client::connect(server.port, "alice", Some(("ally", "allypw")));
    alice.join("#ops");
    let mut mallory = Client::connect(server.port, "ally", None);
    mallory.join("#ops");
    let mut admin = Client::connect(server.port, "admin", None);
    admin.become_operator();
    let mut says = |who: &mut Client, text: &str| {
        who.say("#ops", text);
        let heard = bell.hear();
        assert_eq!(heard.text, text);
        heard.speaker.account
    };
    let account = || Some("ally".to_owned());
    assert_eq!((says(&mut alice, "!ack db1"), says(&mut mallory, "!ack db1")), (account(), None));
    admin.raw("UNLOADMODULE ircv3_accounttag");
    admin.expect_line("unloaded");
    assert_eq!((says(&mut alice, "!ack db2"), says(&mut mallory, "!ack db2")), (account(), None));
    alice.say("NickServ", "LOGOUT");
    alice.expect_line("logged out");
    assert_eq!(says(&mut alice, "!ack db3"), None, "the tag of before is forgotten");
    alice.say("NickServ", "IDENTIFY ally allypw");
    alice.lines_until(|line| line.contains("now identified") || line.contains("now logged in"));
    admin.raw("LOADMODULE ircv3_accounttag");
    admin.expect_line("loaded");
    assert_eq!((says(&mut alice, "!ack db4"), says(&mut mallory, "!ack db4")), (account(), None));
    alice.say("NickServ", "LOGOUT");
    alice.expect_line("logged out");
    assert_eq!(says(&mut alice, "!ack db5"), None);
}
