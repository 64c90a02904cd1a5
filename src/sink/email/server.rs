//! The conversation with the mail server.
//!
//! Promises: one connection per letter, never used again, so that no reply can
//! be taken for another letter's. Whatever the server says before it has heard
//! of the letter is about the connection and not about the letter: it is tried
//! again. Only a `5xx` to the letter itself is final. A recipient who is put off is
//! no fault of the server.

use super::compose::Letter;
use crate::config::{EmailSettings, EmailTls, Sasl};
use crate::sink::{SendError, cause, plain};
use crate::tls;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// How long one address of the server may take to accept a connection. Shorter
/// than the deadline, so that the next address still gets its turn.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the server may take to answer `QUIT`; the letter is sent by then.
const FAREWELL: Duration = Duration::from_secs(2);

/// Longest reply quoted as a reason.
const LONGEST_REPLY: usize = 300;

/// A mail server and how to reach it.
pub(super) struct Server {
    host: String,
    port: u16,
    protection: Protection,
    login: Option<Sasl>,
}

enum Protection {
    Implicit(TlsParameters),
    StartTls(TlsParameters),
    Off,
}

impl Server {
    /// Errors: what is wrong with the TLS settings.
    pub(super) fn new(settings: &EmailSettings) -> Result<Server, String> {
        let name = settings.server_name.as_ref().unwrap_or(&settings.host);
        let ca_file = settings.ca_file.as_deref();
        let protection = match settings.tls {
            EmailTls::Implicit => Protection::Implicit(tls_parameters(name, ca_file)?),
            EmailTls::StartTls => Protection::StartTls(tls_parameters(name, ca_file)?),
            EmailTls::Off => Protection::Off,
        };
        let (host, login) = (settings.host.clone(), settings.login.clone());
        Ok(Server { host, port: settings.port, protection, login })
    }

    /// Hands the letter over. Returns the server's final reply and the connection
    /// to take leave on.
    ///
    /// Not cancel-safe: after a cancel, the server may or may not have the letter.
    pub(super) async fn hand_over(
        &self,
        letter: &Letter,
    ) -> Result<(String, AsyncSmtpConnection), SendError> {
        let hello = ClientId::default();
        let mut connection = self.connect(&hello).await?;
        self.protect(&mut connection, &hello).await?;
        self.log_in(&mut connection).await?;
        match self.converse(&mut connection, letter).await {
            Ok(reply) => {
                let words = reply.message().collect::<Vec<_>>().join(" ");
                Ok((format!("{} {words}", reply.code()), connection))
            }
            Err(refusal) => {
                take_leave(connection).await;
                Err(refusal)
            }
        }
    }

    /// The letter itself, step by step, so that it is known what an answer is about.
    async fn converse(
        &self,
        connection: &mut AsyncSmtpConnection,
        letter: &Letter,
    ) -> Result<Response, SendError> {
        let mut parameters = Vec::new();
        let mut addresses = letter.envelope.from().into_iter().chain(letter.envelope.to());
        if !addresses.all(|address| address.to_string().is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let lacks = "does not offer SMTPUTF8, which this address needs";
                return Err(SendError::Rejected(self.reason(lacks)));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let refusal = |error| self.refusal(&error);
        let mail = Mail::new(letter.envelope.from().cloned(), parameters);
        connection.command(mail).await.map_err(refusal)?;
        for recipient in letter.envelope.to() {
            let answer = connection.command(Rcpt::new(recipient.clone(), Vec::new())).await;
            answer.map_err(|error| self.refusal_of_recipient(&error))?;
        }
        connection.command(Data).await.map_err(refusal)?;
        connection.message(&letter.bytes).await.map_err(refusal)
    }

    async fn connect(&self, hello: &ClientId) -> Result<AsyncSmtpConnection, SendError> {
        let tls = match &self.protection {
            Protection::Implicit(parameters) => Some(parameters.clone()),
            Protection::StartTls(_) | Protection::Off => None,
        };
        let address = (self.host.as_str(), self.port);
        AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), hello, tls, None)
            .await
            .map_err(|error| self.retry(&format!("cannot connect: {}", cause::of(&error))))
    }

    async fn protect(&self, connection: &mut AsyncSmtpConnection, hello: &ClientId) -> Result<(), SendError> {
        let Protection::StartTls(parameters) = &self.protection else {
            return Ok(());
        };
        if !connection.can_starttls() {
            return Err(self.retry(
                "offers no STARTTLS, so nothing was sent; enable it there, or find out who strips it",
            ));
        }
        connection
            .starttls(parameters.clone(), hello)
            .await
            .map_err(|error| self.retry(&format!("STARTTLS failed: {}", cause::of(&error))))
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), SendError> {
        let Some(login) = &self.login else {
            return Ok(());
        };
        let credentials = Credentials::new(login.user.clone(), login.password.expose_secret().to_owned());
        connection
            .auth(DEFAULT_MECHANISMS, &credentials)
            .await
            .map(|_| ())
            .map_err(|error| self.retry(&format!("login as `{}` failed: {}", login.user, cause::of(&error))))
    }

    /// What an error means once the server has heard of the letter.
    fn refusal(&self, error: &Error) -> SendError {
        let words = words(error);
        if error.is_permanent() {
            return SendError::Rejected(self.reason(&words));
        }
        self.retry(&words)
    }

    /// What an error means in answer to `RCPT`.
    fn refusal_of_recipient(&self, error: &Error) -> SendError {
        match (self.refusal(error), error.status()) {
            (SendError::Retry { reason, after }, Some(code))
                if is_about_the_recipient(&code.to_string(), &said(error)) =>
            {
                SendError::PutOff { reason, after }
            }
            (refusal, _) => refusal,
        }
    }

    fn retry(&self, words: &str) -> SendError {
        SendError::Retry { reason: self.reason(words), after: None }
    }

    fn reason(&self, words: &str) -> String {
        format!("{self}: {}", plain::one_line(words, LONGEST_REPLY))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail server {}:{}", self.host, self.port)
    }
}

/// What the server said, without its code; empty where it said nothing.
fn said(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

fn words(error: &Error) -> String {
    match error.status() {
        Some(code) => format!("said {code} {}", said(error)),
        None => cause::of(error),
    }
}

/// Whether a `4xx` to `RCPT` is about this recipient, such as greylisting, and the
/// server works. Not so where it shuts (`421`), or names itself or its network by an
/// enhanced code of class 3 or 4 (RFC 3463, 3.4 and 3.5), as Postfix does with
/// `451 4.3.0 Temporary lookup failure`.
fn is_about_the_recipient(code: &str, said: &str) -> bool {
    code != "421" && !said.starts_with("4.3.") && !said.starts_with("4.4.")
}

/// Says `QUIT`. However that goes, what was said of the letter stands.
pub(super) async fn take_leave(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(FAREWELL, connection.abort()).await;
}

/// Trusts the CA in `ca_file` alone, or the system's without it, for `name`.
fn tls_parameters(name: &str, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    tls::install_provider();
    let mut builder = TlsParameters::builder(name.to_owned());
    if let Some(path) = ca_file {
        builder = builder.certificate_store(CertificateStore::None);
        for certificate in tls::certificates(path).map_err(|error| error.to_string())? {
            let certificate = Certificate::from_der(certificate.to_vec())
                .map_err(|error| format!("{}: {}", path.display(), cause::of(&error)))?;
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| cause::of(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greylisting_is_about_the_recipient_and_what_the_server_lacks_is_not() {
        for (code, said, expected) in [
            ("450", "4.2.0 <anne@example.org>: Recipient address rejected: Greylisted", true),
            ("451", "4.7.1 come back in five minutes", true),
            ("452", "4.2.2 mailbox full", true),
            ("450", "mailbox busy", true),
            ("451", "4.3.0 <anne@example.org>: Temporary lookup failure", false),
            ("452", "4.3.1 Insufficient system storage", false),
            ("451", "4.4.2 cannot reach the directory", false),
            ("421", "4.7.0 too many connections", false),
        ] {
            assert_eq!(is_about_the_recipient(code, said), expected, "{code} {said}");
        }
    }
}
