//! What goes wrong with an Icinga, in words that say how to mend it.
//!
//! Owns: [`ApiError`], and the reading of TLS and HTTP failures. Promises: no
//! password and no raw text from outside in any message; a wrong CA, a wrong name,
//! a wrong password and a missing permission each say what to change.

use super::fault::words;
use super::wire::Refusal;
use crate::config::{IcingaSettings, Login};
use crate::source::deepest;
use rustls::CertificateError;
use std::error::Error;
use std::io;
use url::Url;

/// Why a request to Icinga failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// No connection: the network, TLS, or a deadline. Nothing was asked.
    #[error("cannot reach Icinga at {url}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why not, and how to mend it.
        reason: String,
    },
    /// Icinga was asked and did not answer; it may have done what it was asked.
    #[error("Icinga at {url} did not answer: {reason}")]
    NoAnswer {
        /// Who was asked.
        url: String,
        /// How it ended.
        reason: String,
    },
    /// Icinga does not know who we are (401).
    #[error("{0}")]
    Unauthorized(String),
    /// The API user lacks permissions.
    #[error("the Icinga API user {user} may not do that: add {} to its `permissions`", quoted(permissions))]
    Forbidden {
        /// The login, without its secret.
        user: String,
        /// What to add to `ApiUser.permissions`; at least one.
        permissions: Vec<String>,
    },
    /// What was named does not exist, or this user may not see it (404).
    #[error("Icinga found no such object")]
    NotFound,
    /// Icinga starts, reloads or ends (503).
    #[error("Icinga is busy: {0}")]
    Busy(String),
    /// Another refusal.
    #[error("Icinga answered {code}: {text}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// Icinga's words.
        text: String,
    },
    /// The answer is not what the API's documentation says.
    #[error("Icinga's answer was not understood: {0}")]
    Answer(String),
}

impl ApiError {
    /// Whether nothing was done, and another master may be asked at once.
    pub(super) fn is_undone(&self) -> bool {
        matches!(self, ApiError::Unreachable { .. } | ApiError::Busy(_))
    }

    /// Whether it may pass although no person changes anything.
    pub(super) fn is_passing(&self) -> bool {
        self.is_undone() || matches!(self, ApiError::NoAnswer { .. })
    }
}

fn quoted(permissions: &[String]) -> String {
    let quoted: Vec<String> = permissions.iter().map(|permission| format!("\"{permission}\"")).collect();
    quoted.join(", ")
}

/// Who logs in, for messages.
pub(super) fn login_name(login: &Login) -> String {
    match login {
        Login::Password { user, .. } => format!("`{}`", words(user)),
        Login::Certificate { cert_file, .. } => format!("with the certificate {}", cert_file.display()),
    }
}

/// Names the failure of a request that got no answer, or not all of it.
pub(super) fn unanswered(settings: &IcingaSettings, url: &Url, error: &reqwest::Error) -> ApiError {
    let reason = match tls_error(error) {
        Some(tls) => tls_reason(settings, url, tls),
        None if error.is_timeout() => "no answer in time".to_owned(),
        None => words(&deepest(error)),
    };
    let url = shown(url);
    if error.is_connect() {
        ApiError::Unreachable { url, reason }
    } else {
        ApiError::NoAnswer { url, reason }
    }
}

/// Names a refusal by its HTTP status and body.
pub(super) fn refused(settings: &IcingaSettings, code: u16, body: &[u8]) -> ApiError {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    if let Some(permission) = missing_permission(&refusal.diagnostic_information) {
        let user = login_name(&settings.login);
        return ApiError::Forbidden { user, permissions: vec![permission] };
    }
    let text = words(&refusal.status);
    match code {
        401 => ApiError::Unauthorized(unauthorized(&settings.login)),
        404 => ApiError::NotFound,
        503 => ApiError::Busy(text),
        _ => ApiError::Refused { code, text },
    }
}

fn unauthorized(login: &Login) -> String {
    match login {
        Login::Password { user, .. } => format!(
            "wrong user or password for the Icinga API user `{}`: compare with its ApiUser object",
            words(user)
        ),
        Login::Certificate { cert_file, .. } => format!(
            "Icinga knows no ApiUser for the certificate {}: set the ApiUser's `client_cn` to the \
             certificate's CN, and see that Icinga's CA signed it",
            cert_file.display()
        ),
    }
}

/// `diagnostic_information` says `Error: Missing permission: actions/add-comment`.
fn missing_permission(diagnostic: &str) -> Option<String> {
    let (_, rest) = diagnostic.split_once("Missing permission: ")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "/-_*".contains(c))).unwrap_or(rest.len());
    Some(rest[..end].to_owned()).filter(|permission| !permission.is_empty())
}

/// Host and port alone: a URL may hold more than a message should.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    // An `io::Error` does not give what it wraps as its source.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => tls_error(inner),
        None => error.source().and_then(tls_error),
    }
}

fn tls_reason(settings: &IcingaSettings, url: &Url, error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return format!("TLS: {}", words(&error.to_string()));
    };
    match fault {
        // All Icinga CAs have the same subject, so another Icinga's CA shows as a bad signature.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => wrong_ca(settings),
        CertificateError::NotValidForName => wrong_name(settings, url, &[]),
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(settings, url, presented),
        _ => format!("its certificate is not valid: {}", words(&fault.to_string())),
    }
}

fn wrong_ca(settings: &IcingaSettings) -> String {
    let mend = "set `ca_file` to a copy of Icinga's CA, `/var/lib/icinga2/certs/ca.crt` on the Icinga server";
    match &settings.ca_file {
        Some(path) => format!("its certificate is not signed by the CA in {}: {mend}", path.display()),
        None => format!("its certificate is not signed by a CA this system trusts: {mend}"),
    }
}

fn wrong_name(settings: &IcingaSettings, url: &Url, presented: &[String]) -> String {
    let for_each = match settings.urls.len() {
        1 => "",
        _ => "; for several `urls` it is a list, one name for each, in their order",
    };
    let asked = words(url.host_str().unwrap_or_default());
    let names: Vec<String> = presented.iter().map(|name| certificate_name(name)).collect();
    match names.first() {
        Some(first) => format!(
            "its certificate is for {}, not for `{asked}`: set `server_name = \"{first}\"`{for_each}",
            names.join(", "),
        ),
        None => format!(
            "its certificate is not for `{asked}`: set `server_name` to the name in it, Icinga's NodeName{for_each}"
        ),
    }
}

/// `DnsName("lab")` is how the names of a certificate are handed to us.
fn certificate_name(presented: &str) -> String {
    let bare = presented.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    words(bare.unwrap_or(presented))
}

/// Whether the far side just went away: Icinga before 2.15 does so at each reload,
/// without the farewell of TLS.
pub(super) fn is_hang_up(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let failure = error.downcast_ref::<io::Error>();
        if failure.is_some_and(|failure| failure.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_permission_is_read_from_the_diagnosis() {
        let cases = [
            ("Error: Missing permission: actions/add-comment\n", Some("actions/add-comment")),
            ("Error: Missing permission: objects/query/service", Some("objects/query/service")),
            ("Error: Object does not exist.\n\nStacktrace:", None),
            ("Missing permission: \r\n", None),
        ];
        for (diagnostic, permission) in cases {
            assert_eq!(missing_permission(diagnostic).as_deref(), permission, "{diagnostic}");
        }
    }

    #[test]
    fn names_of_a_certificate_are_shown_bare() {
        assert_eq!(certificate_name("DnsName(\"lab\")"), "lab");
        assert_eq!(certificate_name("lab\u{7}"), "lab\\u{7}");
    }
}
