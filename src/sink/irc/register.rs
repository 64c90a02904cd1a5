//! From a fresh connection to a welcome: capabilities, login, nick.
//!
//! Owns: the registration (RFC 2812, 3.1; IRCv3 capability negotiation and SASL).
//! Promises: where a login is configured, a connection without it is never used.
//! Never: waits longer than its deadline.

use super::error::IrcError;
use super::link::Link;
use super::names::Network;
use super::sasl;
use super::words::{Heard, Said};
use crate::config::IrcSettings;
use crate::patience::within;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

/// What is asked for where it is offered; `sasl` only with a login.
/// `account-tag` names speakers, `echo-message` shows our own `nick!user@host`,
/// `account-notify` tells when somebody's account changes; the others cost nothing
/// and let the server speak as it does to any modern client.
const WANTED: [&str; 8] = [
    "account-tag",
    "account-notify",
    "echo-message",
    "extended-join",
    "labeled-response",
    "message-tags",
    "multi-prefix",
    "server-time",
];

/// How many nicks are tried: `nick`, `nick_`, `nick__`, ...
const NICKS: usize = 5;

/// What we know once the server has welcomed us.
pub(super) struct Welcome {
    /// Our nick, as the server sees it.
    pub(super) nick: String,
    /// What it told about itself.
    pub(super) network: Network,
}

/// Registers on a fresh connection.
pub(super) async fn register(link: &mut Link, settings: &IrcSettings) -> Result<Welcome, IrcError> {
    let mut registration = Registration::new(settings);
    let course = async {
        for said in registration.begin() {
            link.say(said).await?;
        }
        loop {
            let line = link.hear().await?;
            let (answers, welcome) = registration.hear(line.heard)?;
            for said in answers {
                link.say(said).await?;
            }
            if let Some(welcome) = welcome {
                return Ok(welcome);
            }
        }
    };
    within(DEADLINE, course).await.ok_or(IrcError::RegistrationDeadline(DEADLINE.as_secs()))?
}

/// How far a registration has come. Does no I/O.
struct Registration<'a> {
    settings: &'a IrcSettings,
    network: Network,
    /// Offered capabilities with their values, as `sasl=PLAIN,EXTERNAL`.
    offers: Vec<String>,
    /// How many nicks were refused as in use.
    nicks_in_use: usize,
    /// Whether a longer nick than the wanted one is refused.
    nick_is_full: bool,
    /// What the server accepts for login, if it said so (908).
    mechanisms: Option<String>,
    logged_in: bool,
    /// Our nick, once welcomed (001); what follows until the end of the message
    /// of the day belongs to the registration.
    nick: Option<String>,
}

impl<'a> Registration<'a> {
    fn new(settings: &'a IrcSettings) -> Registration<'a> {
        Registration {
            settings,
            network: Network::default(),
            offers: Vec::new(),
            nicks_in_use: 0,
            nick_is_full: false,
            mechanisms: None,
            logged_in: false,
            nick: None,
        }
    }

    fn begin(&self) -> Vec<Said> {
        vec![Said::CapList, Said::Nick(self.wanted_nick()), Said::User("Watchbell".to_owned())]
    }

    fn wanted_nick(&self) -> String {
        let (nick, tail) = (&self.settings.nick, "_".repeat(self.nicks_in_use));
        match self.nick_is_full {
            true => {
                let kept = nick.chars().count().saturating_sub(tail.len());
                nick.chars().take(kept).chain(tail.chars()).collect()
            }
            false => nick.to_owned() + &tail,
        }
    }

    /// Takes one line; says what to answer, and the welcome when all is done.
    fn hear(&mut self, heard: Heard) -> Result<(Vec<Said>, Option<Welcome>), IrcError> {
        let answers = match heard {
            Heard::Ping(token) => vec![Said::Pong(token)],
            Heard::Error(words) => return Err(IrcError::Refused(words)),
            Heard::Cap { verb, names, more } => self.capabilities(&verb, names, more)?,
            Heard::Authenticate(text) if text == "+" => self.login(),
            // The end of the message of the day, or that there is none.
            Heard::Numeric(376 | 422, _) => return self.welcome(),
            Heard::Numeric(number, parameters) => self.numeric(number, &parameters)?,
            _ => Vec::new(),
        };
        Ok((answers, None))
    }

    fn capabilities(&mut self, verb: &str, names: Vec<String>, more: bool) -> Result<Vec<Said>, IrcError> {
        match verb {
            "LS" => {
                self.offers.extend(names);
                if more { Ok(Vec::new()) } else { self.request() }
            }
            "ACK" => {
                self.network.agreed.extend(names);
                self.after_capabilities()
            }
            "NAK" => self.after_capabilities(),
            _ => Ok(Vec::new()),
        }
    }

    /// All offers are known: asks for what we want of them.
    fn request(&mut self) -> Result<Vec<Said>, IrcError> {
        let name = |offer: &String| offer.split_once('=').map_or(offer.clone(), |(name, _)| name.to_owned());
        self.network.offered = self.offers.iter().map(name).collect();
        let mut wanted: Vec<&str> =
            WANTED.into_iter().filter(|name| self.network.offered.contains(*name)).collect();
        if let Some(sasl) = &self.settings.sasl {
            if !self.offers_plain() {
                return Err(IrcError::NoSasl(sasl.user.clone()));
            }
            wanted.push("sasl");
        }
        if wanted.is_empty() { Ok(vec![Said::CapEnd]) } else { Ok(vec![Said::CapRequest(wanted.join(" "))]) }
    }

    /// `sasl` alone leaves the mechanisms open; `sasl=A,B` lists them.
    fn offers_plain(&self) -> bool {
        self.offers.iter().any(|offer| match offer.strip_prefix("sasl=") {
            Some(mechanisms) => mechanisms.split(',').any(|mechanism| mechanism == "PLAIN"),
            None => offer == "sasl",
        })
    }

    fn after_capabilities(&self) -> Result<Vec<Said>, IrcError> {
        let Some(sasl) = &self.settings.sasl else { return Ok(vec![Said::CapEnd]) };
        if !self.network.agreed.contains("sasl") {
            return Err(IrcError::NoSasl(sasl.user.clone()));
        }
        Ok(vec![Said::Authenticate("PLAIN".to_owned())])
    }

    fn login(&self) -> Vec<Said> {
        self.settings.sasl.iter().flat_map(sasl::plain).map(Said::Authenticate).collect()
    }

    fn numeric(&mut self, number: u16, parameters: &[String]) -> Result<Vec<Said>, IrcError> {
        let words = parameters.last().cloned().unwrap_or_default();
        match number {
            1 => self.nick = parameters.first().cloned(),
            5 => self.network.features.extend(parameters.iter().skip(1).cloned()),
            432 => return self.shorter_nick(words),
            433 | 436 | 437 if self.nick.is_none() => return self.next_nick(words),
            464..=466 => return Err(IrcError::Refused(words)),
            // RPL_SASLSUCCESS, ERR_SASLALREADY
            903 | 907 => {
                self.logged_in = true;
                return Ok(vec![Said::CapEnd]);
            }
            // RPL_SASLMECHS comes before the 904 that it explains.
            908 => self.mechanisms = parameters.get(1).cloned(),
            902 | 904 | 905 | 906 => return Err(self.refused_login(number, &words)),
            _ => {}
        }
        Ok(Vec::new())
    }

    fn next_nick(&mut self, words: String) -> Result<Vec<Said>, IrcError> {
        self.nicks_in_use += 1;
        if self.nicks_in_use >= NICKS {
            return Err(IrcError::Nick { nick: self.settings.nick.clone(), words });
        }
        Ok(vec![Said::Nick(self.wanted_nick())])
    }

    /// The nick is no valid one; if it is ours with a tail, it may be too long.
    fn shorter_nick(&mut self, words: String) -> Result<Vec<Said>, IrcError> {
        if self.nicks_in_use == 0 || self.nick_is_full {
            return Err(IrcError::Nick { nick: self.wanted_nick(), words });
        }
        self.nick_is_full = true;
        Ok(vec![Said::Nick(self.wanted_nick())])
    }

    fn refused_login(&self, number: u16, words: &str) -> IrcError {
        let user = self.settings.sasl.as_ref().map(|sasl| sasl.user.clone()).unwrap_or_default();
        let words = match &self.mechanisms {
            Some(mechanisms) => format!("{words} ({number}; it takes {mechanisms})"),
            None => format!("{words} ({number})"),
        };
        IrcError::Login { user, words }
    }

    fn welcome(&mut self) -> Result<(Vec<Said>, Option<Welcome>), IrcError> {
        let Some(nick) = self.nick.take() else { return Ok((Vec::new(), None)) };
        match &self.settings.sasl {
            // A server without capabilities welcomes us without a login.
            Some(sasl) if !self.logged_in => Err(IrcError::NoSasl(sasl.user.clone())),
            _ => Ok((Vec::new(), Some(Welcome { nick, network: std::mem::take(&mut self.network) }))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings;
    use super::*;
    use crate::config::Sasl;

    fn sasl(password: &str) -> Option<Sasl> {
        Some(Sasl { user: "bell".to_owned(), password: password.to_owned().into() })
    }

    fn cap(verb: &str, names: &str, more: bool) -> Heard {
        Heard::Cap {
            verb: verb.to_owned(),
            names: names.split_whitespace().map(str::to_owned).collect(),
            more,
        }
    }

    fn numeric(number: u16, parameters: &str) -> Heard {
        Heard::Numeric(number, parameters.split(' ').map(str::to_owned).collect())
    }

    /// Plays the lines; gives all answers after the first three, and how it ended.
    fn play(settings: &IrcSettings, lines: Vec<Heard>) -> (Vec<Said>, Result<Option<Welcome>, IrcError>) {
        let mut registration = Registration::new(settings);
        let mut answers = Vec::new();
        for line in lines {
            match registration.hear(line) {
                Ok((more, welcome)) => {
                    answers.extend(more);
                    if welcome.is_some() {
                        return (answers, Ok(welcome));
                    }
                }
                Err(error) => return (answers, Err(error)),
            }
        }
        (answers, Ok(None))
    }

    #[test]
    fn only_what_is_offered_is_asked_for() {
        let settings = settings();
        let (answers, end) = play(
            &settings,
            vec![
                cap("LS", "away-notify account-tag", true),
                cap("LS", "echo-message=x sasl=PLAIN", false),
                cap("ACK", "account-tag echo-message", false),
                numeric(433, "* bell in-use"),
                numeric(1, "bell_ Welcome"),
                numeric(5, "bell_ CASEMAPPING=ascii NETWORK=Lab supported"),
                Heard::Ping("x".to_owned()),
                numeric(422, "bell_ none"),
            ],
        );
        let expected = [
            Said::CapRequest("account-tag echo-message".to_owned()),
            Said::CapEnd,
            Said::Nick("bell_".to_owned()),
            Said::Pong("x".to_owned()),
        ];
        assert!(answers == expected);
        let welcome = end.expect("no error").expect("a welcome");
        assert_eq!(welcome.nick, "bell_");
        assert!(welcome.network.features.contains("CASEMAPPING=ascii"));
    }

    #[test]
    fn a_login_comes_before_the_end() {
        let settings = IrcSettings { sasl: sasl("secret"), ..settings() };
        let (answers, end) = play(
            &settings,
            vec![
                cap("LS", "sasl=EXTERNAL,PLAIN", false),
                cap("ACK", "sasl", false),
                Heard::Authenticate("+".to_owned()),
                numeric(900, "bell mask bell in"),
                numeric(903, "bell done"),
                numeric(1, "bell Welcome"),
                numeric(376, "bell end"),
            ],
        );
        let expected = [
            Said::CapRequest("sasl".to_owned()),
            Said::Authenticate("PLAIN".to_owned()),
            Said::Authenticate("AGJlbGwAc2VjcmV0".to_owned()),
            Said::CapEnd,
        ];
        assert!(answers == expected);
        assert!(end.is_ok_and(|welcome| welcome.is_some()));
    }

    #[test]
    fn without_the_login_no_connection_is_used() {
        let settings = IrcSettings { sasl: sasl("secret"), ..settings() };
        let offered = || cap("LS", "sasl", false);
        for (lines, words) in [
            (vec![cap("LS", "account-tag", false)], "offers no login"),
            (vec![cap("LS", "sasl=EXTERNAL", false)], "offers no login"),
            (vec![offered(), cap("NAK", "sasl", false)], "offers no login"),
            (vec![numeric(1, "bell hi"), numeric(422, "bell none")], "offers no login"),
            (vec![offered(), numeric(904, "bell failed")], "failed (904)"),
            (vec![numeric(908, "bell SCRAM are"), numeric(904, "bell failed")], "it takes SCRAM"),
            (vec![numeric(902, "bell locked")], "locked"),
        ] {
            let (answers, end) = play(&settings, lines);
            assert!(!answers.contains(&Said::CapEnd));
            let error = end.err().expect(words).to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn nicks_run_out_with_a_clear_word() {
        let settings = settings();
        let in_use = || numeric(433, "* bell in-use");
        let (answers, end) = play(&settings, (0..NICKS).map(|_| in_use()).collect());
        assert_eq!(answers.len(), NICKS - 1);
        assert!(end.err().is_some_and(|error| error.to_string().contains("choose another `nick`")));
    }

    #[test]
    fn a_nick_that_grew_too_long_is_shortened() {
        let settings = settings();
        let lines = vec![
            numeric(433, "* bell in-use"),
            numeric(432, "* bell_ too-long"),
            numeric(433, "* bel_ in-use"),
            numeric(432, "* be__ bad"),
        ];
        let (answers, end) = play(&settings, lines);
        let nicks = ["bell_", "bel_", "be__"].map(|nick| Said::Nick(nick.to_owned()));
        assert!(answers == nicks);
        assert!(end.is_err());
    }
}
