//! A small real HTTP/1.1 server that answers as it is told and keeps what it heard.

use super::certificates::Identity;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use watchbell::tls;

/// What to answer one request with.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Status, headers and body.
    Whole(u16, Vec<(&'static str, String)>, String),
    /// Status 200 and a body without end.
    Endless,
    /// Status 200 and a head without end.
    EndlessHead,
    /// Status 200 and a body without end, said to be gzip: each KiB of it is a MiB of zeros.
    Bomb,
    /// This at once, and then a byte every now and then, without end.
    Trickle(&'static str),
    /// The connection is reset as soon as the request was read.
    Reset,
    /// Status 200 and half of the body; then the connection ends.
    BrokenOff,
    /// Nothing at all, while the client waits.
    Silence,
}

impl Answer {
    /// A status and a body.
    pub(crate) fn new(status: u16, body: &str) -> Answer {
        Answer::Whole(status, Vec::new(), body.to_owned())
    }

    /// A status, one header and an empty body.
    pub(crate) fn with_header(status: u16, name: &'static str, value: &str) -> Answer {
        Answer::Whole(status, vec![(name, value.to_owned())], String::new())
    }
}

/// A request as it was heard.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `POST /path HTTP/1.1`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// The value of the first header of this name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the server and its connections share.
#[derive(Default)]
struct Book {
    answers: VecDeque<Answer>,
    requests: Vec<Request>,
    endless_bytes: usize,
}

/// A running server on 127.0.0.1; ends with this value.
pub(crate) struct Http {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Drop for Http {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Http {
    /// Starts it. It gives these answers in turn, and 500 after them.
    pub(crate) async fn start(answers: Vec<Answer>) -> Http {
        Http::listen(answers, None).await
    }

    /// As `start`, with TLS.
    pub(crate) async fn start_tls(answers: Vec<Answer>, identity: &Identity) -> Http {
        tls::install_provider();
        let chain = tls::certificates(&identity.cert_file).expect("a certificate");
        let key = tls::private_key(&identity.key_file).expect("a key");
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
        Http::listen(answers, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(answers: Vec<Answer>, tls: Option<TlsAcceptor>) -> Http {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let book = Arc::new(Mutex::new(Book { answers: answers.into(), ..Book::default() }));
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&book)));
        Http { address, book, task }
    }

    /// What it has heard, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.book.lock().expect("the server does not panic").requests.clone()
    }

    /// How many bytes of an endless head or body it could send.
    pub(crate) fn endless_bytes(&self) -> usize {
        self.book.lock().expect("the server does not panic").endless_bytes
    }
}

/// Serves one connection after the other; a client that goes away is no fault.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, book: Arc<Mutex<Book>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = match &tls {
            None => serve(stream, &book).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => serve(stream, &book).await,
                Err(error) => Err(error),
            },
        };
    }
}

async fn serve(mut stream: impl Stream, book: &Mutex<Book>) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let answer = {
        let mut book = book.lock().expect("no test panics with it");
        book.requests.push(request);
        book.answers.pop_front().unwrap_or_else(|| Answer::new(500, "no answer was foreseen"))
    };
    match answer {
        Answer::Whole(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} .\r\nConnection: close\r\n");
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
            stream.write_all(head.as_bytes()).await?;
        }
        Answer::BrokenOff => {
            stream.write_all(b"HTTP/1.1 200 .\r\nContent-Length: 1000\r\n\r\nhalf of").await?;
        }
        Answer::Silence => {
            stream.read_u8().await?;
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 .\r\nConnection: close\r\n\r\n").await?;
            without_end(&mut stream, book, &[b'x'; 8192]).await?;
        }
        Answer::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 .\r\n").await?;
            without_end(&mut stream, book, &b"X-More: and more\r\n".repeat(100)).await?;
        }
        Answer::Bomb => {
            stream
                .write_all(b"HTTP/1.1 200 .\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
                .await?;
            without_end(&mut stream, book, &mebibyte_of_zeros()).await?;
        }
        Answer::Trickle(begin) => {
            stream.write_all(begin.as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Answer::Reset => {
            stream.reset_when_dropped();
            return Ok(());
        }
    }
    stream.shutdown().await
}

/// Writes this until nobody takes it any more.
async fn without_end(stream: &mut impl Stream, book: &Mutex<Book>, piece: &[u8]) -> io::Result<()> {
    loop {
        let count = stream.write(piece).await?;
        book.lock().expect("no test panics with it").endless_bytes += count;
    }
}

/// A whole gzip member; members that follow each other are one text.
fn mebibyte_of_zeros() -> Vec<u8> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(&vec![0; 1024 * 1024]).expect("memory takes it");
    zipped.finish().expect("memory takes it")
}

/// A connection, plain or by TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Its end will be a reset (RST) rather than an orderly close.
    fn reset_when_dropped(&self);
}

impl Stream for TcpStream {
    fn reset_when_dropped(&self) {
        self.set_zero_linger().expect("it is a socket");
    }
}

impl Stream for TlsStream<TcpStream> {
    fn reset_when_dropped(&self) {
        self.get_ref().0.reset_when_dropped();
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Request { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
