//! What a mailbox is, as it is meant.

use super::Sasl;
use std::path::PathBuf;
use std::time::Duration;

/// A mailbox that answers to mails come to.
#[derive(Debug, Clone)]
pub struct MailboxSettings {
    /// Its name.
    pub name: String,
    /// Host of `server`.
    pub host: String,
    /// Port of `server`; 993 for `imaps://`, 143 for `imap://`.
    pub port: u16,
    /// Whether the connection is protected; not only to loopback.
    pub tls: bool,
    /// `ca_file`: PEM of a private CA.
    pub ca_file: Option<PathBuf>,
    /// `server_name`: the name in the certificate, where `server` has another.
    pub server_name: Option<String>,
    /// `user` with `password_file` or `password_env`.
    pub login: Sasl,
    /// `folder`: where answers come to; `INBOX`.
    pub folder: String,
    /// `done_folder`: where they go; `None` where they are marked as read and stay.
    pub done_folder: Option<String>,
    /// `every`: how often it is looked into; 30 s.
    pub every: Duration,
    /// `sinks`: mail sinks that have a `reply_key`; at least one.
    pub sinks: Vec<String>,
}
