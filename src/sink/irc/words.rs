//! The vocabulary: all that this sink can ever say, and all that it listens to.
//!
//! Owns: [`Said`] and [`Heard`]. Promises: both are plain values, and tell nothing
//! of how they look on the wire. Never: knows a library.

/// One thing to say to the server. No `Debug`: one of them is a password.
#[derive(Clone, PartialEq)]
pub(super) enum Said {
    /// `CAP LS 302`: asks what the server offers.
    CapList,
    /// `CAP REQ` with names between blanks.
    CapRequest(String),
    /// `CAP END`.
    CapEnd,
    /// `AUTHENTICATE` with one piece of at most 400 bytes.
    Authenticate(String),
    /// `NICK`.
    Nick(String),
    /// `USER`, with the name shown to people.
    User(String),
    /// `JOIN`, channels between commas.
    Join(String),
    /// `PART` of one channel.
    Part(String),
    /// `WHOIS` of a nick.
    Whois(String),
    /// `PRIVMSG` of one finished line.
    Privmsg {
        /// A channel or nick.
        target: String,
        /// The line.
        text: String,
    },
    /// `PING` with a token that comes back in the `PONG`.
    Ping(String),
    /// `PONG` with the server's token.
    Pong(String),
    /// `QUIT`.
    Quit,
}

/// Who sent a line: a person. Servers and unknown senders are none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    /// The name shown; proves nothing.
    pub(super) nick: String,
    /// The user name; empty where the server did not tell.
    pub(super) user: String,
    /// The host, as shown to others; empty where the server did not tell.
    pub(super) host: String,
}

/// One line of the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// The `account` tag. It proves something only where `account-tag` was agreed on.
    pub(super) account: Option<String>,
    /// The person it comes from.
    pub(super) source: Option<Source>,
    /// What it says.
    pub(super) heard: Heard,
}

/// What a line of the server says, as far as this sink cares.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// `PING`: answer with the same token.
    Ping(String),
    /// `PONG` with our token.
    Pong(String),
    /// `PRIVMSG` to a channel or to us.
    Privmsg {
        /// Where.
        target: String,
        /// What.
        text: String,
    },
    /// Somebody joined this channel.
    Join(String),
    /// Somebody left this channel.
    Part(String),
    /// Somebody was thrown out.
    Kick {
        /// Of where.
        channel: String,
        /// Who.
        nick: String,
        /// Why.
        reason: String,
    },
    /// Somebody is now called this.
    Nick(String),
    /// Somebody left the network.
    Quit,
    /// Somebody logged in or out (`account-notify`).
    Account,
    /// Somebody's user or host is now shown differently.
    Chghost,
    /// An answer to `CAP`.
    Cap {
        /// `LS`, `ACK`, `NAK`, `NEW`, `DEL` or `LIST`.
        verb: String,
        /// The names, with values in a list.
        names: Vec<String>,
        /// Whether the list goes on in the next line.
        more: bool,
    },
    /// The server's part in logging in; `+` asks for our part.
    Authenticate(String),
    /// The server ends the connection, and why.
    Error(String),
    /// A reply by number, with all its parameters; the first is our nick.
    Numeric(u16, Vec<String>),
    /// Anything else.
    Other,
}
