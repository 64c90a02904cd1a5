//! The secrets that webhooks are signed with.
//!
//! Promises: what is too short to be safe is refused; no fault holds a word of a secret.

use crate::config::raw::Section;
use crate::config::reader::Written;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// What stands in front of a secret in base64 (Standard Webhooks 1.0.0, "Signature scheme").
const BASE64_PREFIX: &str = "whsec_";
/// The least bytes of a key, of the same place.
const SHORTEST_BYTES: usize = 24;

/// The keys: the one in use, then the one of before; none where requests are not signed.
pub(super) fn keys(section: &Section<'_>) -> Vec<SecretSlice<u8>> {
    let key = |file_key: &str, env_key: &str| {
        let is_there = section.has(file_key) || section.has(env_key);
        is_there
            .then(|| section.secret(file_key, env_key))
            .flatten()
            .and_then(|secret| decoded(section, &secret))
    };
    let (new, old) = (key("secret_file", "secret_env"), key("old_secret_file", "old_secret_env"));
    let only_old = ["old_secret_file", "old_secret_env"].into_iter().find(|key| section.has(key));
    if let Some(only_old) = only_old
        && !section.has("secret_file")
        && !section.has("secret_env")
    {
        section.fault(
            format!("has `{only_old}` and no secret to replace it"),
            "write the one that is in use as `secret_file`",
        );
    }
    new.into_iter().chain(old).collect()
}

fn decoded(section: &Section<'_>, secret: &Written<SecretString>) -> Option<SecretSlice<u8>> {
    let help = "make one with: echo whsec_$(openssl rand -base64 32)";
    let text = secret.value.expose_secret();
    let bytes = match text.strip_prefix(BASE64_PREFIX) {
        None => text.as_bytes().to_vec(),
        Some(encoded) => match STANDARD.decode(encoded) {
            Ok(bytes) => bytes,
            Err(_) => {
                section.reader.fault(&secret.spot, "holds no base64 behind `whsec_`", help);
                return None;
            }
        },
    };
    if bytes.len() < SHORTEST_BYTES {
        let message = format!("holds a secret of fewer than {SHORTEST_BYTES} bytes, which can be guessed");
        section.reader.fault(&secret.spot, message, help);
        return None;
    }
    Some(SecretSlice::from(bytes))
}
