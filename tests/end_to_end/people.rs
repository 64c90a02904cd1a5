//! People on a network without accounts: one-time codes, what is audited, and a flood of commands.

use crate::common::channel::{self, CHANNEL, NICK, said_by};
use crate::common::ircd::{Client, Ngircd};
use crate::common::wait_for;
use crate::common::watchbell::{Site, Watchbell};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use totp_rs::{Builder, Secret};
use watchbell::model::Timestamp;

/// The secret of alice's codes.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const PATIENCE: Duration = Duration::from_secs(60);
/// How many clients flood, and how many commands each of them writes.
const FLOODING: usize = 10;
const COMMANDS: usize = 1500;

/// A Watchbell on a ngircd whose people have codes; its Icinga is away.
struct Office {
    dir: TempDir,
    server: Ngircd,
    site: Site,
    watchbell: Watchbell,
}

impl Office {
    fn open() -> (Office, Client) {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let server = Ngircd::start_unhurried(dir.path());
        let site = Site::new(dir.path());
        site.secret("icinga.password", "pw");
        site.secret("alice.code", SECRET);
        let icinga = "[[icinga]]\nname = \"lab\"\nurls = [\"https://127.0.0.1:1\"]\nuser = \"u\"\npassword_file = \"icinga.password\"\n";
        let alice = channel::alice().replace("irc = \"alice\"\n", "code_file = \"alice.code\"\n");
        site.configure(&[icinga.to_owned(), channel::irc(server.port, "codes = true"), alice]);
        let mut alice = Client::connect(server.port, "alice", None);
        alice.join(CHANNEL);
        let mut watchbell = site.start();
        watchbell.log.expect("one-time codes count as proof here");
        alice.lines_until(|line| line.contains(NICK) && line.contains("JOIN"));
        (Office { dir, server, site, watchbell }, alice)
    }
}

/// The code that counts now.
fn code() -> String {
    let secret = Secret::try_from_base32(SECRET).expect("it is base32");
    let now = Timestamp::now().as_second().cast_unsigned();
    Builder::new().with_secret(secret).build_noncompliant().generate(now).to_string()
}

fn hear(client: &mut Client, contains: &str) -> String {
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
    let code = code();
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

#[test]
fn a_flood_of_commands_gets_few_answers_and_ends_no_connection() {
    let (office, mut alice) = Office::open();
    let port = office.server.port;
    let began = Instant::now();
    let flooding = (0..FLOODING).map(|number| {
        std::thread::spawn(move || {
            let mut client = Client::connect(port, &format!("n{number}"), None);
            for count in 0..COMMANDS {
                match count % 4 {
                    0 => client.raw(&format!("NOTICE {NICK} :ping")),
                    1 => client.say(NICK, "\u{1}VERSION\u{1}"),
                    2 => client.say(NICK, "ping"),
                    _ => client.say(NICK, "!i2status"),
                }
            }
            client.settle();
            client
        })
    });
    let flooding: Vec<_> = flooding.collect();
    let clients: Vec<Client> =
        flooding.into_iter().map(|thread| thread.join().expect("nobody is cut off")).collect();
    let took = began.elapsed();
    let per_second = (FLOODING * COMMANDS) as f64 / took.as_secs_f64();
    assert!(per_second > 1000.0, "{per_second} lines a second are no flood");
    // Among them, whoever proves who they are is answered.
    alice.say(NICK, &format!("code alice {} whoami", code()));
    hear(&mut alice, "by a one-time code, person alice");
    let mut answers = 0;
    for mut client in clients {
        client.raw("PING :the end of all answers");
        let lines = client.lines_until(|line| line.contains("the end of all answers"));
        answers += lines.iter().filter(|line| said_by(NICK, line).is_some()).count();
    }
    // `i2status` has some lines: 15 answers at once, one in 3 s, and who is told to wait.
    let commands = 15.0 + began.elapsed().as_secs_f64() / 3.0;
    let most = commands * 8.0 + FLOODING as f64 * (1.0 + began.elapsed().as_secs_f64() / 20.0);
    assert!(answers > 0 && (answers as f64) < most, "{answers} answers, {most} at most");
    // It was never thrown out, and is still there.
    alice.raw(&format!("WHOIS {NICK}"));
    let lines = alice.lines_until(|line| line.contains(" 318 "));
    assert!(lines.iter().any(|line| line.contains(" 311 ")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("QUIT") && line.contains(NICK)), "{lines:?}");
}
