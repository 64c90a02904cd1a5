//! Commands that programs post: the real program behind its listening socket.

use crate::common::alone::Alone;
use crate::common::icinga::Icinga;
use crate::common::watchbell::Site;
use crate::common::{free_port, wait_for};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Whose token is whose.
const ALICE: &str = "alice-0123456789abcdef0123456789";
const BOB: &str = "bob-0123456789abcdef0123456789";
const DORA: &str = "dora-0123456789abcdef0123456789";

/// alice is an operator and another name to Icinga, bob may nothing, dora may reload and drill in private
/// and acknowledge in a channel.
const PEOPLE: &str = r##"
[role.reloader]
commands = ["reload", "drill"]
rooms = ["private"]
[role.channel]
commands = ["ack"]
rooms = ["#dba"]
[person.alice]
icinga_author = "alice.smith"
roles = ["operator"]
token_file = "alice.token"
[person.bob]
token_file = "bob.token"
[person.dora]
roles = ["reloader", "channel"]
token_file = "dora.token"
"##;

/// What a body is said to be.
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

fn write_tokens(site: &Site) {
    for (name, token) in [("alice", ALICE), ("bob", BOB), ("dora", DORA)] {
        site.secret(&format!("{name}.token"), token);
    }
}

fn client() -> reqwest::Client {
    watchbell::tls::install_provider();
    // A connection of a Watchbell that was killed is of no use for the next one.
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client")
}

/// Where commands are posted.
struct Api {
    port: u16,
    client: reqwest::Client,
}

impl Api {
    fn at(port: u16) -> Api {
        Api { port, client: client() }
    }

    /// What an answer says, and its status.
    async fn sent(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.expect("it answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn request(&self, token: &str, kind: &str, body: &str) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("http://127.0.0.1:{}/command", self.port));
        request.bearer_auth(token).header("Content-Type", kind).body(body.to_owned())
    }

    /// Posts a command as a line of JSON; the status, the outcome and the answer.
    async fn post(&self, token: &str, line: &str) -> (u16, String, String) {
        words(self.sent(self.request(token, JSON, &json!({ "command": line }).to_string())).await)
    }

    /// The same under a key.
    async fn post_as(&self, token: &str, key: &str, line: &str) -> (u16, String, String) {
        let request = self.request(token, JSON, &json!({ "command": line }).to_string());
        words(self.sent(request.header("Idempotency-Key", key)).await)
    }

    /// What a line can become.
    async fn complete(&self, token: &str, line: &str) -> (u16, Value) {
        let request = self.client.get(format!("http://127.0.0.1:{}/complete", self.port));
        self.sent(request.query(&[("line", line)]).bearer_auth(token)).await
    }
}

fn words((status, body): (u16, Value)) -> (u16, String, String) {
    let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no `{name}`: {body}")).to_owned();
    (status, text("outcome"), text("answer"))
}

/// A Watchbell without an Icinga, and these people.
fn alone(dir: &std::path::Path) -> Alone {
    let alone = Alone::new(dir, &[PEOPLE]);
    write_tokens(&alone.site);
    alone
}

#[tokio::test]
async fn a_command_is_answered_with_what_came_of_it_and_stands_in_the_audit() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = alone(dir.path());
    let mut watchbell = alone.site.start();
    watchbell.log.expect("commands are taken at http://127.0.0.1:");
    let api = Api::at(alone.port);
    for (token, line, status, outcome, contains) in [
        (ALICE, "ping", 200, "done", "pong"),
        (ALICE, "!ping", 200, "done", "pong"),
        (
            ALICE,
            "whoami",
            200,
            "done",
            "by a token, person alice; Icinga hears `alice.smith`; roles: operator",
        ),
        // What is read from the database is part of the answer.
        (BOB, "dead", 200, "done", "no dead letters"),
        (BOB, "i2status", 200, "done", "no events in the last"),
        (BOB, "ack db1 looking", 403, "refused", "needs the role `operator`"),
        (BOB, "override nights bob for 2h", 422, "refused", "there is no schedule"),
        (DORA, "ack db1 for 1h looking", 403, "refused", "this needs a role with `ack` here"),
        (DORA, "reload", 200, "done", "reading rules and templates again"),
        (ALICE, "ack nosuch looking", 422, "refused", "nothing is known yet"),
        (ALICE, "join #dev", 403, "refused", "needs the role `admin`"),
        (ALICE, "watch nosuch", 422, "refused", "say it in chat"),
        (ALICE, "akc db1", 422, "unknown", "did you mean `ack`?"),
        (ALICE, "ack", 422, "unknown", "write: ack OBJECT"),
        (ALICE, "", 422, "unknown", "there is no command"),
        (ALICE, "!!", 422, "unknown", "write: ack OBJECT"),
    ] {
        let (got, said, answer) = api.post(token, line).await;
        assert!(
            (got, said.as_str()) == (status, outcome) && answer.contains(contains),
            "{line}: {got} {said} {answer}"
        );
    }
    assert!(watchbell.terminate().success());
    let audit = alone.site.call(&["audit"]);
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    for contains in [" alice by api: ping\n  done", " bob by api: ack db1 looking\n  refused (this needs"] {
        assert!(audit.contains(contains), "{contains}: {audit}");
    }
    assert!(!audit.contains(ALICE), "{audit}");
}

#[tokio::test]
async fn what_is_no_command_of_a_person_is_refused_and_says_nothing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = alone(dir.path());
    let mut watchbell = alone.site.start();
    watchbell.log.expect("commands are taken");
    let api = Api::at(alone.port);
    let large = json!({ "command": "x".repeat(64 * 1024) }).to_string();
    let ping = r#"{"command": "ping"}"#;
    for (token, kind, body, status, contains) in [
        ("", JSON, ping, 401, "nobody has this token"),
        ("wrong", JSON, ping, 401, "nobody has this token"),
        ("alice", JSON, ping, 401, "nobody has this token"),
        // That of a webhook is nobody's.
        ("s3cret", JSON, ping, 401, "nobody has this token"),
        (ALICE, JSON, "{\"command\": ", 400, "no JSON like {\"command\""),
        (ALICE, JSON, "", 400, "no JSON like"),
        (ALICE, JSON, r#"{"comand": "ping"}"#, 400, "comand"),
        (ALICE, JSON, r#"{"command": "ping", "as": "root"}"#, 400, "unknown field"),
        (ALICE, JSON, r#"{"command": ["ping"]}"#, 400, "no JSON like"),
        (ALICE, JSON, "ping", 400, "no JSON like"),
        (ALICE, JSON, r#"{"command": "ping\nack db1 x"}"#, 400, "one line"),
        (ALICE, TEXT, "ping\u{7}", 400, "one line"),
        (ALICE, JSON, large.as_str(), 413, "larger than 65536 bytes"),
        (ALICE, TEXT, "ping\n", 200, "pong"),
    ] {
        let (got, said) = api.sent(api.request(token, kind, body)).await;
        let answer = said["answer"].as_str().unwrap_or_default();
        assert!(got == status && answer.contains(contains), "{token} {body:.40}: {got} {said}");
        assert!(status == 200 || said["outcome"] == "refused", "{said}");
        assert!(!answer.contains("alice") && !answer.contains(ALICE), "{said}");
    }
    let nobody = api.client.post(format!("http://127.0.0.1:{}/command", alone.port)).body(ping);
    assert_eq!(api.sent(nobody).await.0, 401);
    let longest = "k".repeat(257);
    assert_eq!(api.post_as(ALICE, &longest, "ping").await.0, 400);
    assert_eq!(api.complete("wrong", "una").await.0, 401);
    assert!(watchbell.terminate().success());
    let lines: Vec<String> = std::iter::from_fn(|| watchbell.log.next()).collect();
    let refused = lines.iter().filter(|line| line.contains("a command is refused: the token"));
    assert_eq!(refused.count(), 1, "it is logged, and fills no log: {lines:?}");
    assert!(!lines.iter().any(|line| line.contains("s3cret") || line.contains(ALICE)), "{lines:?}");
}

#[tokio::test]
async fn what_is_wide_waits_for_a_yes_of_the_same_person() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = alone(dir.path());
    let mut watchbell = alone.site.start();
    watchbell.log.expect("commands are taken");
    let api = Api::at(alone.port);
    let (status, outcome, answer) = api.post(ALICE, "reload force").await;
    assert_eq!((status, outcome.as_str()), (202, "confirm"), "{answer}");
    assert!(answer.contains("`!yes` within 60 s does it"), "{answer}");
    assert!(api.post(DORA, "yes").await.2.contains("nothing waits"), "it is hers");
    let (status, outcome, answer) = api.post(ALICE, "yes").await;
    assert_eq!(
        (status, outcome.as_str(), answer.as_str()),
        (200, "done", "reading rules and templates again")
    );
    assert_eq!(api.post(ALICE, "yes").await.0, 422, "only once");
    assert!(watchbell.terminate().success());
}

#[tokio::test]
async fn a_command_of_the_same_key_is_done_once_also_over_a_kill() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = alone(dir.path());
    let mut watchbell = alone.site.start();
    watchbell.log.expect("commands are taken");
    let api = Api::at(alone.port);
    let mute = "mute host.name=db1 1h moving";
    assert_eq!(api.post_as(ALICE, "k1", "mute").await.0, 422, "what is not done leaves its key");
    let (status, outcome, answer) = api.post_as(ALICE, "k1", mute).await;
    assert_eq!((status, outcome.as_str()), (200, "done"), "{answer}");
    watchbell.kill();
    let mut again = alone.site.start();
    again.log.expect("commands are taken");
    let (status, outcome, answer) = api.post_as(ALICE, "k1", mute).await;
    assert_eq!((status, outcome.as_str()), (200, "repeated"), "{answer}");
    assert!(answer.contains("came within 24 hours before"), "{answer}");
    let (_, _, mutes) = api.post(ALICE, "mutes").await;
    assert!(mutes.starts_with("1 muted:"), "kept, and once: {mutes}");
    assert_eq!(api.post_as(DORA, "k1", "ping").await.1, "done", "a key is one's own");
    assert_eq!(api.post_as(ALICE, "k2", mute).await.1, "done");
    assert!(api.post(ALICE, "mutes").await.2.starts_with("2 muted:"));
    assert!(again.terminate().success());
}

#[tokio::test]
async fn who_posts_too_much_is_told_to_wait_each_time() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alone = alone(dir.path());
    let mut watchbell = alone.site.start();
    watchbell.log.expect("commands are taken");
    let api = Api::at(alone.port);
    let mut refused = 0;
    for _ in 0..40 {
        let request = api.request(BOB, TEXT, "ping");
        let response = request.send().await.expect("it answers");
        if response.status() == 429 {
            refused += 1;
            assert_eq!(response.headers()["Retry-After"], "20");
            assert!(response.text().await.expect("a text").contains("too many commands; wait 20 s"));
        }
    }
    assert!((10..=20).contains(&refused), "20 at once, and 10 in 30 s: {refused}");
    assert_eq!(api.post(ALICE, "ping").await.0, 200, "it is his own matter");
    assert!(watchbell.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn icinga_hears_of_it_and_its_answer_is_part_of_ours() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 3, 2).await;
    let (site, port) = (Site::new(dir.path()), free_port());
    write_tokens(&site);
    let listen = format!("[listen]\naddress = \"127.0.0.1:{port}\"\n");
    site.configure(&[site.icinga(&icinga), site.console(), listen, PEOPLE.to_owned()]);
    let mut watchbell = site.start();
    watchbell.out.expect("first look at Icinga lab");
    let api = Api::at(port);
    for _ in 0..3 {
        icinga.check_result("host1!svc0", 2, "disk full").await;
    }
    watchbell.out.expect("disk full");

    assert_eq!(api.post(BOB, "ack #1 looking").await.0, 403);
    let (status, outcome, answer) = api.post(ALICE, "ack #1 looking").await;
    assert_eq!((status, outcome.as_str(), answer.as_str()), (200, "done", "host1!svc0 is acknowledged"));
    let path = "/v1/objects/services/host1!svc0";
    let found = icinga.call(reqwest::Method::GET, path, json!({})).await;
    assert_eq!(found["results"][0]["attrs"]["acknowledgement"], json!(1));
    watchbell.out.expect("alice.smith acknowledged #1 host1!svc0");
    let (status, outcome, answer) = api.post(ALICE, "ack #1 me too").await;
    assert_eq!((status, outcome.as_str()), (422, "refused"), "{answer}");
    assert!(answer.contains("is acknowledged already by alice.smith: looking"), "{answer}");
    let (status, outcome, answer) = api.post(ALICE, "recheck host1,host2").await;
    assert_eq!(
        (status, outcome.as_str(), answer.as_str()),
        (200, "done", "Icinga is asked to check 2 objects: host1, host2")
    );
    assert!(api.post(BOB, "why #1").await.2.contains("told"), "what the database says");

    assert!(api.post(ALICE, "drill host2").await.2.contains("needs the role `admin`"));
    let (status, outcome, answer) = api.post(DORA, "drill host2").await;
    assert_eq!((status, outcome.as_str()), (202, "confirm"), "{answer}");
    let (status, outcome, answer) = api.post(DORA, "yes").await;
    assert_eq!((status, outcome.as_str()), (200, "done"), "{answer}");
    watchbell.out.expect("DRILL by dora: nothing is wrong with host2");
    let report = "here or else to ops\nthe drill of host2 DOWN: 1 of 1 message accepted\n  reached ops by ";
    assert!(answer.contains(report), "{answer}");

    let completed = |found: (u16, Value)| {
        assert_eq!(found.0, 200, "{}", found.1);
        serde_json::from_value::<Vec<String>>(found.1).expect("a list of texts")
    };
    assert_eq!(completed(api.complete(ALICE, "una").await), ["unack"]);
    assert_eq!(completed(api.complete(BOB, "una").await), [""; 0], "he may not");
    assert_eq!(completed(api.complete(ALICE, "!ack host1!").await), ["host1!svc0", "host1!svc1"]);
    assert_eq!(completed(api.complete(ALICE, "ack host2,#").await), ["host2,#1"]);
    assert_eq!(
        completed(api.complete(ALICE, "page ").await),
        ["alice", "bob", "dora", "role:operator", "role:admin", "role:channel", "role:reloader", "ops"]
    );

    // Icinga is asked, and says nothing: that is said after some seconds, and at the end at once.
    icinga.freeze();
    let (status, outcome, answer) = api.post(ALICE, "recheck host1").await;
    assert_eq!((status, outcome.as_str()), (202, "asked"), "{answer}");
    let began = Instant::now();
    let last = tokio::spawn(async move { Api::at(port).post(ALICE, "comment host1 moved to rack 7").await });
    let kept = || {
        let database = rusqlite::Connection::open(site.path("watchbell.db")).ok()?;
        let sql = "SELECT count(*) FROM commands WHERE line LIKE 'comment%'";
        let count: i64 = database.query_row(sql, [], |row| row.get(0)).ok()?;
        (count > 0).then_some(())
    };
    let ended = tokio::task::block_in_place(|| {
        wait_for("the command to be kept", Duration::from_secs(20), kept);
        watchbell.terminate()
    });
    let last = last.await.expect("no panic");
    assert_eq!((last.0, last.1.as_str()), (202, "asked"), "{}", last.2);
    assert!(began.elapsed() < Duration::from_secs(20) && ended.success());
    icinga.thaw();
}
