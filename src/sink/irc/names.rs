//! What a network says of itself, and how it compares names. Pure.
//!
//! Owns: the case mapping, and the decision how to learn who somebody is.
//! Promises: a nickname proves nothing. Never: asks the network.

use std::collections::BTreeSet;

/// How a network compares nicks and channels (`CASEMAPPING` of numeric 005).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseMapping {
    /// A to Z only.
    Ascii,
    /// As ASCII, and `[]\^` are the upper case of `{}|~` (RFC 2812, 2.2).
    Rfc1459,
}

impl CaseMapping {
    /// The form of a name under which equal names are the same.
    pub(super) fn fold(self, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        match self {
            CaseMapping::Ascii => lower,
            CaseMapping::Rfc1459 => {
                lower.replace('[', "{").replace(']', "}").replace('\\', "|").replace('^', "~")
            }
        }
    }

    /// Whether two names are the same here.
    pub(super) fn same(self, one: &str, other: &str) -> bool {
        self.fold(one) == self.fold(other)
    }
}

/// The capability by which each line carries the account of who speaks.
pub(super) const ACCOUNT_TAG: &str = "account-tag";

/// `*` and `0` stand for nobody where servers must name something.
pub(super) fn is_account(name: &str) -> bool {
    !matches!(name, "" | "*" | "0")
}

/// How to learn the account of somebody who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountSource {
    /// Each line carries it (`account-tag`).
    Tag,
    /// By asking: `WHOIS`, numeric 330.
    Whois,
    /// There are no accounts: nobody is known.
    Nobody,
}

/// What a network told about itself while we registered.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    /// Capabilities it has, without values (`CAP LS`).
    pub(super) offered: BTreeSet<String>,
    /// Capabilities that are on (`CAP ACK`).
    pub(super) agreed: BTreeSet<String>,
    /// Tokens of numeric 005, such as `CASEMAPPING=ascii`.
    pub(super) features: BTreeSet<String>,
}

impl Network {
    /// How it compares names; RFC 1459 where it does not say.
    pub(super) fn case_mapping(&self) -> CaseMapping {
        if self.features.contains("CASEMAPPING=ascii") { CaseMapping::Ascii } else { CaseMapping::Rfc1459 }
    }

    /// How to learn accounts here.
    pub(super) fn account_source(&self) -> AccountSource {
        if self.agreed.contains(ACCOUNT_TAG) {
            AccountSource::Tag
        } else if self.seems_to_have_accounts() {
            AccountSource::Whois
        } else {
            AccountSource::Nobody
        }
    }

    fn seems_to_have_accounts(&self) -> bool {
        let capabilities = ["sasl", ACCOUNT_TAG, "account-notify", "extended-join"];
        capabilities.iter().any(|name| self.offered.contains(*name))
            || self.features.iter().any(|feature| feature.starts_with("ACCOUNTEXTBAN"))
            || self.features.iter().any(|feature| bans_by_account(feature))
    }
}

/// `EXTBAN=<prefix>,<letters>`; the letters `a` and `R` ban by account.
fn bans_by_account(feature: &str) -> bool {
    let letters = feature.strip_prefix("EXTBAN=").and_then(|value| value.split_once(','));
    letters.is_some_and(|(_, letters)| letters.contains(['a', 'R']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_compare_as_the_network_says() {
        for (mapping, one, other, same) in [
            (CaseMapping::Rfc1459, "Bell[x]^\\", "bell{X}~|", true),
            (CaseMapping::Ascii, "Bell", "bELL", true),
            (CaseMapping::Ascii, "bell[", "bell{", false),
            (CaseMapping::Rfc1459, "bell", "bell_", false),
        ] {
            assert_eq!(mapping.same(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn accounts_are_known_where_the_network_has_them_and_nowhere_else() {
        for (offered, agreed, features, expected) in [
            (&["account-tag"][..], &["account-tag"][..], &[][..], AccountSource::Tag),
            (&["account-tag"], &[], &[], AccountSource::Whois),
            (&["sasl"], &["multi-prefix"], &[], AccountSource::Whois),
            (&[], &[], &["ACCOUNTEXTBAN=a"], AccountSource::Whois),
            (&[], &[], &["EXTBAN=$,ajrxz"], AccountSource::Whois),
            (&[], &[], &["EXTBAN=~,q"], AccountSource::Nobody),
            (&["multi-prefix"], &["multi-prefix"], &["NETWORK=Lab"], AccountSource::Nobody),
        ] {
            let network = Network { offered: set(offered), agreed: set(agreed), features: set(features) };
            assert_eq!(network.account_source(), expected, "{network:?}");
        }
    }
}
