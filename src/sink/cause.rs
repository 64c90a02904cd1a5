//! Why a connection failed, in words that help.
//!
//! Promises: the whole chain of causes in one line, each said once, and how to
//! mend a certificate that is not believed.

use super::plain;
use std::error::Error;

/// More than this of a far side's words helps nobody.
const LONGEST: usize = 400;

/// The chain of causes in one line, with a remedy where there is one.
pub(crate) fn of(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        // Some libraries repeat the source in their own words.
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        next = source.source();
    }
    plain::one_line(&format!("{words}{}", remedy(&words)), LONGEST)
}

/// What to change where a certificate is not believed; rustls' words.
fn remedy(words: &str) -> &'static str {
    if words.contains("UnknownIssuer") {
        "; set `ca_file` to the PEM of the CA that signed the server's certificate"
    } else if words.contains("not valid for name") || words.contains("NotValidForName") {
        "; the certificate is for another name than the one configured"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Link(&'static str, #[source] Option<Box<Link>>);

    #[test]
    fn the_chain_is_told_once_with_a_remedy() {
        let deepest = Link("invalid peer certificate: UnknownIssuer", None);
        let middle = Link("network\nerror: invalid peer certificate: UnknownIssuer", Some(Box::new(deepest)));
        let top = Link("cannot connect", Some(Box::new(middle)));
        assert_eq!(
            of(&top),
            "cannot connect: network error: invalid peer certificate: UnknownIssuer; \
             set `ca_file` to the PEM of the CA that signed the server's certificate"
        );
    }
}
