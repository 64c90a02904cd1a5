//! Who is not our Icinga gets no credentials, and what our Icinga refuses is named.

use crate::common::fake_icinga::FakeIcinga;
use crate::common::reader::{Reader, all_types};
use rcgen::{CertificateParams, KeyPair};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::tempdir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use watchbell::config::{IcingaSettings, Login};
use watchbell::source::icinga::Limits;

/// The password, and how it would look in a request.
const PASSWORD: &str = "botpw";
const BASIC: &str = "Ym90OmJvdHB3";

/// PEM files and DER of a certificate that signs itself, for `fake`.
struct Own {
    cert_file: PathBuf,
    key_file: PathBuf,
    tls: rustls::ServerConfig,
}

fn own(dir: &Path, change: impl FnOnce(&mut CertificateParams)) -> Own {
    watchbell::tls::install_provider();
    let mut params = CertificateParams::new(vec!["fake".to_owned()]).expect("a host name");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let (cert_file, key_file) = (dir.join("fake.crt"), dir.join("fake.key"));
    std::fs::write(&cert_file, certificate.pem()).expect("it can be written");
    std::fs::write(&key_file, key.serialize_pem()).expect("it can be written");
    let der = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let tls = rustls::ServerConfig::builder().with_no_client_auth();
    let tls = tls.with_single_cert(vec![certificate.der().clone()], der).expect("they belong together");
    Own { cert_file, key_file, tls }
}

fn settings(port: u16, own: &Own) -> IcingaSettings {
    IcingaSettings {
        name: "lab".to_owned(),
        urls: vec![format!("https://127.0.0.1:{port}").parse().expect("a URL")],
        login: Login::Password { user: "bot".to_owned(), password: SecretString::from(PASSWORD) },
        ca_file: Some(own.cert_file.clone()),
        server_names: vec!["fake".to_owned()],
        silence: Duration::from_secs(30),
        canary: None,
    }
}

/// A scripted server that gives every request this answer; what it was told, decrypted.
async fn answering(own: &Own, answer: String) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let told = Arc::<Mutex<String>>::default();
    let (acceptor, heard) = (TlsAcceptor::from(Arc::new(own.tls.clone())), told.clone());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            let mut head = vec![0; 16 * 1024];
            let length = socket.read(&mut head).await.unwrap_or(0);
            heard.lock().expect("no panic").push_str(&String::from_utf8_lossy(&head[..length]));
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    });
    (port, told)
}

fn http(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A listener without TLS; all that it is told, as bytes.
async fn listening() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let told = Arc::<Mutex<Vec<u8>>>::default();
    let heard = told.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut bytes = vec![0; 16 * 1024];
            let length = socket.read(&mut bytes).await.unwrap_or(0);
            heard.lock().expect("no panic").extend_from_slice(&bytes[..length]);
            // What an Icinga without TLS would say.
            let _ = socket.write_all(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n").await;
        }
    });
    (port, told)
}

#[tokio::test]
async fn what_a_server_refuses_is_named_without_its_markup() {
    let dir = tempdir().expect("a temporary folder");
    let own = own(dir.path(), |_| {});
    let html = "<html>\u{1b}[31m403 by a gateway</html>";
    let cases = [
        (http("401 Unauthorized", ""), "wrong user or password for the Icinga API user `bot`"),
        (http("403 Forbidden", html), "Icinga answered 403"),
        (
            http("503 Service Unavailable", r#"{"error":503,"status":"Icinga is reloading"}"#),
            "Icinga is reloading",
        ),
        (http("200 OK", html), "was not understood"),
        ("\u{7}garbage\r\n\r\n".to_owned(), "did not answer"),
    ];
    for (answer, words) in cases {
        let (port, told) = answering(&own, answer).await;
        let mut reader = Reader::start(&settings(port, &own));
        let error = reader.error(&[words]).await;
        assert!(!error.contains(PASSWORD) && !error.chars().any(char::is_control), "{error:?}");
        assert!(
            told.lock().expect("no panic").contains(BASIC),
            "who proves to be our Icinga is told at once"
        );
        assert!(reader.inputs.try_recv().is_err(), "nothing is made up");
    }
}

#[tokio::test]
async fn an_expired_certificate_and_another_name_get_no_credentials() {
    let dir = tempdir().expect("a temporary folder");
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    };
    let own = own(dir.path(), expired);
    let (port, told) = answering(&own, http("200 OK", "{}")).await;
    let mut reader = Reader::start(&settings(port, &own));
    reader.error(&["its certificate is not valid", "expired"]).await;
    let other = IcingaSettings { server_names: vec!["other".to_owned()], ..settings(port, &own) };
    let mut reader = Reader::start(&other);
    reader.error(&["its certificate is"]).await;
    assert_eq!(*told.lock().expect("no panic"), "");
}

#[tokio::test]
async fn a_port_without_tls_gets_no_credentials() {
    let dir = tempdir().expect("a temporary folder");
    let own = own(dir.path(), |_| {});
    let (port, told) = listening().await;
    let mut reader = Reader::start(&settings(port, &own));
    reader.error(&["TLS"]).await;
    let told = told.lock().expect("no panic");
    assert_eq!(told.first(), Some(&0x16), "a handshake of TLS and nothing else");
    let text = String::from_utf8_lossy(&told);
    assert!(!text.contains(BASIC) && !text.contains(PASSWORD) && !text.contains("HTTP/"), "{text}");
}

#[tokio::test]
async fn nobody_is_followed_to_another_place() {
    let dir = tempdir().expect("a temporary folder");
    let own = own(dir.path(), |_| {});
    let (elsewhere, told) = listening().await;
    let head = format!("307 Temporary Redirect\r\nLocation: http://127.0.0.1:{elsewhere}/v1/status");
    let (port, _) = answering(&own, http(&head, "")).await;
    let mut reader = Reader::start(&settings(port, &own));
    reader.error(&["Icinga answered 307"]).await;
    assert!(told.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn a_server_that_speaks_nothing_newer_than_tls_1_1_gets_no_credentials() {
    let dir = tempdir().expect("a temporary folder");
    let own = own(dir.path(), |_| {});
    let port = crate::common::free_port();
    let old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
    let mut server = Command::new("openssl");
    server.args(["s_server", "-quiet", "-accept", &port.to_string()]).args(old);
    server.arg("-cert").arg(&own.cert_file).arg("-key").arg(&own.key_file);
    server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = crate::common::Process::start("openssl", &mut server);
    let greets = || {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", &format!("127.0.0.1:{port}")]).args(old);
        let output = client.stdin(Stdio::null()).output().expect("openssl is there");
        String::from_utf8_lossy(&output.stdout).contains("TLSv1.1").then_some(())
    };
    crate::common::wait_for("a server of TLS 1.1", Duration::from_secs(30), greets);

    let mut reader = Reader::start(&settings(port, &own));
    reader.error(&["cannot reach Icinga", "TLS"]).await;
    let mut told = String::new();
    let output = server.child().stdout.take();
    server.kill();
    std::io::Read::read_to_string(&mut output.expect("it is piped"), &mut told).expect("text");
    assert!(!told.contains("HTTP/"), "{told}");
}

#[tokio::test]
async fn no_request_has_a_filter_and_each_queue_has_a_name_of_its_own() {
    for version in ["r2.13.6-1", "r2.16.5-1"] {
        let dir = tempdir().expect("a temporary folder");
        let mut fake = FakeIcinga::start(dir.path(), version).await;
        let mut queues = Vec::new();
        for _ in 0..2 {
            let mut reader = Reader::start_with(&fake.settings(), Limits::default(), 64, &all_types());
            let stream = fake.stream().await;
            reader.snapshot().await;
            let body = stream.subscription.as_object().expect("an object");
            assert_eq!(body.keys().collect::<Vec<_>>(), ["queue", "types"], "{version}");
            queues.push(body["queue"].to_string());
        }
        assert_ne!(queues[0], queues[1], "{version}");
        let asked = fake.behaviour.asked.lock().expect("no panic");
        assert!(asked.iter().any(|body| body.contains("last_hard_state")), "objects are asked for");
        for body in &*asked {
            assert!(!body.contains("filter"), "{version}: {body}");
        }
    }
}
