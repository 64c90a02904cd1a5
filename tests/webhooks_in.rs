//! JSON that others send: real requests against the real listener.

use crate::common::config::{CANARY, Folder};
use crate::common::engine::World;
use crate::common::free_port;
use crate::common::watchbell::Site;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchbell::config::Incoming;
use watchbell::model::event::{PostId, Webhook};
use watchbell::model::{Detail, Event, Input, Timestamp};
use watchbell::source::desk::Desk;
use watchbell::source::http::{HttpSource, LARGEST_BODY, LONGEST_KEY};
use watchbell::source::post::{Post, postbox};

/// A name and a value, of any bytes.
type Header<'a> = (&'a str, &'a [u8]);

/// The listener, what it hands to the engine, and its end.
struct Listener {
    address: SocketAddr,
    /// What the engine was handed, each answered as kept; closed, the engine has ended.
    taken: mpsc::UnboundedReceiver<Input>,
    inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Listener {
    async fn start() -> Listener {
        let tokens = [("deploys", "s3cret"), ("backup", "0ther")];
        let tokens: BTreeMap<String, SecretString> =
            tokens.map(|(name, token)| (name.to_owned(), SecretString::from(token))).into();
        let incoming = Incoming {
            address: "127.0.0.1:0".parse().expect("an address"),
            tokens,
            persons: BTreeMap::new(),
        };
        let source = HttpSource::bind(&incoming).await.expect("a free port");
        let address = source.address().expect("a bound socket has an address");
        let (sender, inputs) = mpsc::channel(16);
        let (postbox, mut posts) = postbox(&sender);
        let (take, taken) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let _sender = sender;
            while let Some(Post { input, kept }) = posts.recv().await
                && take.send(input).is_ok()
            {
                let _ = kept.send(());
            }
        });
        let stop = CancellationToken::new();
        let task = tokio::spawn(source.run(postbox, Desk::default(), stop.clone()));
        Listener { address, taken, inputs, stop, task }
    }

    fn request(&self, path: &str, body: &str) -> reqwest::RequestBuilder {
        client().post(format!("http://{}{path}", self.address)).body(body.to_owned())
    }

    async fn send(&self, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let mut request = self.request(path, body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("it answers");
        (response.status().as_u16(), response.text().await.expect("a text"))
    }

    /// Sends with these headers; how that is answered.
    async fn send_with(&self, headers: &[Header<'_>]) -> (u16, String) {
        let mut request = self.request("/webhook/deploys", "{}").bearer_auth("s3cret");
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value).expect("a header"));
        }
        let response = request.send().await.expect("it answers");
        (response.status().as_u16(), response.text().await.expect("a text"))
    }

    /// What the engine was handed since the last look.
    fn taken(&mut self) -> Vec<Webhook> {
        std::iter::from_fn(|| self.taken.try_recv().ok()).map(|input| webhook_of(&input)).collect()
    }
}

fn client() -> reqwest::Client {
    watchbell::tls::install_provider();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.build().expect("a client")
}

fn webhook_of(input: &Input) -> Webhook {
    match input {
        Input::Event(Event { detail: Detail::Webhook(webhook), .. }) => webhook.clone(),
        other => panic!("no webhook: {other:?}"),
    }
}

#[tokio::test]
async fn json_with_the_right_token_becomes_an_event() {
    let mut listener = Listener::start().await;
    let body = r#"{"text": "shop 4.2", "labels": {"env": "prod"}}"#;
    assert_eq!(listener.send("/webhook/deploys", Some("s3cret"), body).await, (202, "taken\n".to_owned()));
    assert_eq!(listener.send("/webhook/backup", Some("0ther"), "[1]").await.0, 202);
    let wanted = [("deploys", serde_json::from_str(body).expect("JSON")), ("backup", serde_json::json!([1]))];
    let wanted =
        wanted.map(|(name, body)| Webhook { name: name.to_owned(), body, id: Some(PostId::Content) });
    assert_eq!(listener.taken(), wanted);
    assert!(matches!(listener.inputs.try_recv(), Ok(Input::Tick)), "the engine is woken");
}

#[tokio::test]
async fn a_post_has_the_name_that_its_sender_gave_it() {
    let mut listener = Listener::start().await;
    let longest = "k".repeat(LONGEST_KEY);
    let key = |key: &str| PostId::Key(key.to_owned());
    let cases: [(&[Header<'_>], PostId); 6] = [
        (&[("Idempotency-Key", b"a-1")], key("a-1")),
        (&[("webhook-id", b"msg_1")], key("msg_1")),
        (&[("webhook-id", b"msg_1"), ("Idempotency-Key", b"a-1")], key("a-1")),
        // All posts would be one.
        (&[("Idempotency-Key", b""), ("webhook-id", b"")], PostId::Content),
        (&[("Idempotency-Key", b"\xff\xfe {{ x }}")], key("\\xff\\xfe {{ x }}")),
        (&[("Idempotency-Key", longest.as_bytes())], key(&longest)),
    ];
    for (headers, id) in cases {
        assert_eq!(listener.send_with(headers).await.0, 202, "{headers:?}");
        assert_eq!(listener.taken().pop().and_then(|webhook| webhook.id), Some(id), "{headers:?}");
    }
    let (status, text) = listener.send_with(&[("webhook-id", format!("{longest}k").as_bytes())]).await;
    assert_eq!((status, text.as_str()), (400, "not taken: webhook-id has 257 bytes; it may have 256\n"));
    assert_eq!(listener.taken(), []);
}

#[tokio::test]
async fn what_may_not_or_cannot_be_taken_is_refused_with_the_reason_and_has_no_effect() {
    let mut listener = Listener::start().await;
    let who = "no webhook of this name with this token";
    let large = format!("\"{}\"", "x".repeat(LARGEST_BODY));
    let cases = [
        ("/webhook/deploys", None, "{}", 401, who),
        ("/webhook/deploys", Some("wrong"), "{}", 401, who),
        ("/webhook/deploys", Some("0ther"), "{}", 401, who),
        ("/webhook/nobody", Some("s3cret"), "{}", 401, who),
        ("/webhook/..%2fdeploys", Some("s3cret"), "{}", 401, who),
        ("/webhook/deploys", Some("s3cret"), "{\"text\": ", 400, "no JSON: EOF"),
        ("/webhook/deploys", Some("s3cret"), "", 400, "no JSON"),
        ("/webhook/deploys", Some("s3cret"), large.as_str(), 413, "larger than 65536 bytes"),
        ("/elsewhere", Some("s3cret"), "{}", 404, ""),
    ];
    for (path, token, body, status, reason) in cases {
        let answer = listener.send(path, token, body).await;
        assert!(answer.0 == status && answer.1.contains(reason), "{path} {token:?}: {answer:?}");
        assert!(!answer.1.contains("s3cret"), "{answer:?}");
    }
    assert_eq!(listener.taken(), []);
}

#[tokio::test]
async fn when_the_engine_has_ended_the_sender_is_asked_to_try_again() {
    let mut listener = Listener::start().await;
    listener.taken.close();
    let request = listener.request("/webhook/deploys", "{}").bearer_auth("s3cret");
    let response = request.send().await.expect("it answers");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["Retry-After"], "10");
    let text = response.text().await.expect("a text");
    assert_eq!(text, "not taken: it could not be written to the disk in time; send it again\n");
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_keep_it_from_ending() {
    let mut listener = Listener::start().await;
    let mut silent = TcpStream::connect(listener.address).await.expect("it listens");
    silent.write_all(b"POST /webhook/deploys HTTP/1.1\r\nHost: x\r\n").await.expect("it is open");
    listener.stop.cancel();
    listener.task.await.expect("no panic").expect("it ends in order");
    assert!(listener.inputs.recv().await.is_none(), "it keeps nobody waiting for inputs");
    assert!(TcpStream::connect(listener.address).await.is_err(), "nobody listens any more");
    drop(silent);
}

#[test]
fn rules_match_and_read_what_was_sent() {
    let mut world = World::new(
        r#"
        rule("deploys", #{ on: "Webhook", "webhook.name": "deploys", "webhook.body.labels.env": "prod" }, |e| {
            e.notify("dba", #{ text: `${e.webhook.body.text} by ${e.webhook.body.labels.by}` });
        });
        "#,
    );
    let sent = |env: &str| {
        let body = serde_json::json!({ "text": "shop 4.2", "labels": { "env": env, "by": "alice" } });
        let detail = Detail::Webhook(Webhook { name: "deploys".to_owned(), body, id: None });
        Input::Event(Event::ours(Timestamp::UNIX_EPOCH, detail))
    };
    world.step(sent("prod"));
    world.expect(&["dba: Webhook \"shop 4.2 by alice\""]);
    world.step(sent("test"));
    world.expect(&["ops by default: Webhook"]);
}

#[test]
fn where_to_listen_and_who_may_send_is_checked() {
    let folder = Folder::new();
    let config = |listen: &str, webhook: &str| {
        format!(
            "[sink.console.c]\n[target.ops]\nsink = \"c\"\n[defaults]\ntarget = \"ops\"\n{listen}\n{webhook}"
        )
    };
    let token = "[webhook.deploys]\ntoken_file = \"hook.token\"";
    let sound = folder.load(&config("", token)).unwrap_or_else(|faults| panic!("{}", folder.shown(&faults)));
    let incoming = sound.incoming.expect("somebody may send");
    assert_eq!(incoming.address.to_string(), "127.0.0.1:8480");
    assert!(!format!("{incoming:?}").contains(CANARY));
    let none = folder.load(&config("", "")).unwrap_or_else(|faults| panic!("{}", folder.shown(&faults)));
    assert!(none.incoming.is_none());
    let cases = [
        ("[listen]\naddress = \"0.0.0.0:8480\"", token, "is open to other machines"),
        ("[listen]\naddress = \"localhost\"", token, "is no address to listen at"),
        ("", "[webhook.deploys]", "token_file"),
        ("", "[webhook.\"a b\"]\ntoken_file = \"hook.token\"", "is no name that can be written in chat"),
        ("", "[webhook.deploys]\ntoken = \"hunter2\"", "token_file"),
    ];
    for (listen, webhook, wanted) in cases {
        let Err(faults) = folder.load(&config(listen, webhook)) else {
            panic!("{listen} {webhook} was taken")
        };
        let shown = folder.shown(&faults);
        assert!(shown.contains(wanted) && !shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_webhook_reaches_the_default_target_of_a_running_watchbell() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let site = Site::new(dir.path());
    let (nowhere, port) = (free_port(), free_port());
    site.secret("hook.token", "s3cret");
    site.secret("icinga.password", "x");
    site.configure(&[
        site.console(),
        format!(
            "[[icinga]]\nname = \"away\"\nurls = [\"https://127.0.0.1:{nowhere}\"]\nuser = \"bot\"\n\
             password_file = \"icinga.password\"\n"
        ),
        format!("[listen]\naddress = \"127.0.0.1:{port}\"\n[webhook.deploys]\ntoken_file = \"hook.token\"\n"),
    ]);
    let mut watchbell = site.start();
    watchbell.log.expect("webhooks are taken at");
    let request = client().post(format!("http://127.0.0.1:{port}/webhook/deploys"));
    let response =
        request.bearer_auth("s3cret").body(r#"{"text": "shop 4.2"}"#).send().await.expect("it answers");
    assert_eq!(response.status(), 202);
    watchbell.out.expect("deploys: shop 4.2");
    assert!(watchbell.terminate().success());
}
