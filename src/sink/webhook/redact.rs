//! Keeps the secrets of a webhook out of what services say back.
//!
//! Many answer with the path they did not like, token and all.

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Parts of a URL that are shorter than this are words like `api` or `hooks`,
/// not tokens.
const SHORTEST_TOKEN: usize = 8;

/// Replaces secrets by stars. Prints none itself.
pub(super) struct Redactor {
    /// Longest first, so that no part is replaced before the whole.
    secrets: Vec<SecretString>,
}

impl Redactor {
    /// Learns what is secret in a URL (all but its host), and the bearer.
    pub(super) fn new(url: &Url, bearer: Option<&SecretString>) -> Redactor {
        let path_and_query = &url[url::Position::BeforePath..];
        let mut secrets = vec![url.as_str(), path_and_query, url.path(), url.username()];
        secrets.extend(url.password());
        secrets.extend(path_and_query.split(['/', '?', '&', '=', '#']));
        secrets.extend(bearer.map(ExposeSecret::expose_secret));
        secrets.retain(|secret| secret.len() >= SHORTEST_TOKEN);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Redactor { secrets: secrets.into_iter().map(SecretString::from).collect() }
    }

    /// The text without the secrets.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_the_url_comes_back() {
        let url = Url::parse("https://user:longpassword@h.example/hooks/T0KENT0KEN?key=s3cr3ts3cr3t#x")
            .expect("a URL");
        let bearer = SecretString::from("b3ar3rb3ar3r");
        let redactor = Redactor::new(&url, Some(&bearer));
        for (text, expected) in [
            ("Cannot POST /hooks/T0KENT0KEN", "Cannot POST ***"),
            ("bad token T0KENT0KEN.", "bad token ***."),
            ("key s3cr3ts3cr3t, auth b3ar3rb3ar3r, longpassword", "key ***, auth ***, ***"),
            ("hooks are off", "hooks are off"),
        ] {
            assert_eq!(redactor.redact(text), expected, "{text}");
        }
        assert_eq!(redactor.redact(url.as_str()), "***");
    }
}
