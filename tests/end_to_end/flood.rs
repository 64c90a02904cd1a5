//! A flood of commands by people nobody vouches for: they are held short, and nobody else
//! notices. The clients and the IRC server are real; the events are those of a fake Icinga, since
//! a real one may keep each back for up to 5 s.

use super::people::{Office, hear};
use crate::common::channel::{CHANNEL, NICK, code, said_by};
use crate::common::fake_icinga::FakeIcinga;
use crate::common::ircd::Client;
use serde_json::json;
use std::time::{Duration, Instant};

const FLOODERS: usize = 10;
/// What each of them sends again and again.
const LINES: [&str; 5] = [
    "PRIVMSG #ops :!ping",
    "PRIVMSG #ops :!mute * 1h trust me",
    "PRIVMSG #ops :\u{1}VERSION\u{1}",
    "PRIVMSG watchbell :problems",
    "NOTICE #ops :!ping",
];
/// How often in one round, and how many rounds there are. They go at the pace of
/// Watchbell: ngircd throws out whoever leaves more than some hundred KiB unread.
const TIMES: usize = 10;
const ROUNDS: usize = 20;
/// How long who asks too much is not answered.
const CLOSED: Duration = Duration::from_secs(20);

/// One round of one of them: what Watchbell said meanwhile.
fn flood(client: &mut Client) -> Vec<String> {
    for line in LINES.iter().cycle().take(LINES.len() * TIMES) {
        client.raw(line);
    }
    until_taken(client)
}

/// Waits until the server has taken all that was sent: what Watchbell said meanwhile.
fn until_taken(client: &mut Client) -> Vec<String> {
    client.raw("PING :taken");
    let lines = client.lines_until(|line| line.contains(" PONG ") && line.ends_with(":taken"));
    lines.iter().filter_map(|line| said_by(NICK, line)).map(str::to_owned).collect()
}

/// A line of Icinga's: a service is found to be broken.
fn broken(number: usize) -> String {
    let moment = 1_795_000_000.0 + number as f64;
    let was = json!({"attempt": 3, "reachable": true, "state": 0, "state_type": 1});
    let mut is = was.clone();
    is["state"] = json!(2);
    json!({
        "type": "StateChange", "timestamp": moment, "host": "host", "service": format!("service{number}"),
        "state": 2, "state_type": 1, "downtime_depth": 0, "acknowledgement": false,
        "check_result": {
            "output": "no route", "execution_end": moment, "exit_status": 2, "performance_data": [],
            "check_source": "fake", "state": 2, "vars_before": was, "vars_after": is,
        },
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_is_held_short_and_neither_icinga_nor_anybody_else_waits_for_it() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let mut icinga = FakeIcinga::start(dir.path(), "r2.14.0").await;
    let (office, mut alice) = Office::open_with(|site| site.icinga_of(&icinga.settings(), "botpw"));
    let mut stream = icinga.stream().await;
    let port = office.server.port;
    let flooders = (0..FLOODERS).map(|number| Client::connect(port, &format!("noise{number}"), None));
    let mut flooders: Vec<Client> = flooders.collect();
    flooders.iter_mut().for_each(|client| client.join(CHANNEL));
    let mut told = vec![Vec::new(); FLOODERS];
    let memory = office.watchbell.resident();
    let start = Instant::now();

    // In the middle of each round something breaks, and is told. Before one line is told the
    // server has proved that it took the one before, and that proof stands behind the round
    // of that one.
    for round in 0..ROUNDS {
        tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let floods = flooders.iter_mut().map(|client| scope.spawn(move || flood(client)));
                let floods: Vec<_> = floods.collect();
                tokio::runtime::Handle::current().block_on(stream.line(&broken(round)));
                hear(&mut alice, &format!("host!service{round} is CRITICAL"));
                for (said, flood) in told.iter_mut().zip(floods) {
                    said.extend(flood.join().expect("nobody is cut off"));
                }
            });
        });
    }

    // What is told after the next one stands behind all of it.
    for number in [ROUNDS, ROUNDS + 1] {
        stream.line(&broken(number)).await;
        hear(&mut alice, &format!("host!service{number} is CRITICAL"));
    }
    alice.say(CHANNEL, &format!("!code alice {} mutes", code()));
    hear(&mut alice, "alice: nothing is muted");
    for (said, client) in told.iter_mut().zip(&mut flooders) {
        said.extend(until_taken(client));
    }

    let more = office.watchbell.resident().saturating_sub(memory);
    assert!(more < 32 << 20, "{more} bytes more than before");
    let lasted = start.elapsed();
    let most = |at_once: usize, each: Duration| at_once + (lasted.as_secs() / each.as_secs()) as usize;
    let count = |said: &[String], words: &str| said.iter().filter(|text| text.contains(words)).count();
    for (number, said) in told.iter().enumerate() {
        let own = format!("noise{number}: too many commands");
        assert!(count(said, &own) <= most(1, CLOSED), "{said:#?}");
    }
    // Whoever's command it was that was too much for all of them hears it, maybe in private.
    assert!(told.iter().any(|said| count(said, "too many commands") > 0), "{told:#?}");
    // All of them hear what is said in the channel.
    let pongs = count(&told[0], "pong");
    assert!(pongs > 0 && pongs <= most(15, Duration::from_secs(3)), "{:#?}", told[0]);
}
