//! Why a connection did not come about or ended.

use rustls::CertificateError;
use std::io;

/// Why there is no connection. Each reads on after `irc.example.org:6697`.
#[derive(Debug, thiserror::Error)]
pub(super) enum IrcError {
    /// No TCP connection, or none that can be trusted to stay on this machine.
    #[error("cannot be reached: {0}")]
    Unreachable(io::Error),
    /// TCP took too long.
    #[error("did not accept the connection within {0} s")]
    ConnectDeadline(u64),
    /// TLS took too long, as with a server that waits for a line of plain IRC.
    #[error("did not answer in TLS within {0} s; is this its TLS port, mostly 6697?")]
    HandshakeDeadline(u64),
    /// Without TLS, and not this machine.
    #[error("is not on this machine, and without TLS nothing is sent to others; remove `tls = false`")]
    NotLoopback,
    /// The certificate is not to be trusted.
    #[error("presented a certificate that {0}")]
    Certificate(String),
    /// TLS failed for another reason.
    #[error("does not agree on TLS ({0}); is this its TLS port, mostly 6697?")]
    Tls(io::Error),
    /// Registration took too long.
    #[error("did not finish the registration within {0} s")]
    RegistrationDeadline(u64),
    /// It has no SASL PLAIN, and we are to log in.
    #[error(
        "offers no login by SASL PLAIN, so `{0}` cannot log in; are its services down? \
         Without `sasl_password_file` Watchbell connects without an account"
    )]
    NoSasl(String),
    /// It refused the login.
    #[error("refused the login of `{user}`: {words}; mend `sasl_user` and the password")]
    Login {
        /// The account.
        user: String,
        /// The server's words and number.
        words: String,
    },
    /// It refused the nick for good.
    #[error("refused the nick `{nick}`: {words}; choose another `nick`")]
    Nick {
        /// The nick.
        nick: String,
        /// The server's words.
        words: String,
    },
    /// It refused us altogether.
    #[error("refused the connection: {0}")]
    Refused(String),
    /// It ended the connection with an ERROR.
    #[error("ended the connection: {0}")]
    Ended(String),
    /// The connection broke.
    #[error("lost the connection: {0}")]
    Broken(io::Error),
    /// The connection was closed without a word.
    #[error("closed the connection")]
    Closed,
    /// A PING was not answered.
    #[error("did not answer a PING within {0} s")]
    Silent(u64),
    /// It does not take what we write.
    #[error("took nothing for {0} s")]
    WriteDeadline(u64),
}

impl IrcError {
    /// Says what a failed TLS handshake with `server_name` means, and how to mend it.
    pub(super) fn of_handshake(error: io::Error, server_name: &str) -> IrcError {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(fault)) => {
                IrcError::Certificate(fault_of_certificate(fault, server_name))
            }
            _ => IrcError::Tls(error),
        }
    }
}

fn fault_of_certificate(fault: &CertificateError, server_name: &str) -> String {
    match fault {
        // A CA that was made anew under its old name shows as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no trusted CA has signed; set `ca_file` to the PEM file of its CA".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is not for `{server_name}`; set `server_name` to a name in it")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired; the server needs a new one".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; compare the clocks of both machines".to_owned()
        }
        other => format!("cannot be trusted: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_certificate_names_its_remedy() {
        for (fault, remedy) in [
            (CertificateError::UnknownIssuer, "ca_file"),
            (CertificateError::BadSignature, "ca_file"),
            (CertificateError::NotValidForName, "server_name"),
            (CertificateError::Expired, "new one"),
            (CertificateError::NotValidYet, "clocks"),
            (CertificateError::Revoked, "Revoked"),
        ] {
            let error = io::Error::other(rustls::Error::InvalidCertificate(fault));
            let words = IrcError::of_handshake(error, "irc.example.org").to_string();
            assert!(words.contains(remedy), "{words}");
        }
    }
}
