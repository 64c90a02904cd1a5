//! Signatures of requests by Standard Webhooks 1.0.0, so that the service knows who
//! sent them and when.
//!
//! Promises: `webhook-id` stays the same when a delivery is sent again, `webhook-timestamp`
//! is that of the try. Never: shows a key.

use crate::model::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// The three headers of a request: their names and values. One signature for each key,
/// so that a service takes the request while keys are changed.
pub(super) fn headers(
    keys: &[SecretSlice<u8>],
    id: &str,
    now: Timestamp,
    body: &str,
) -> [(&'static str, String); 3] {
    let seconds = now.as_second();
    let signed = format!("{id}.{seconds}.{body}");
    let signatures: Vec<String> = keys.iter().map(|key| signature(key, &signed)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

fn signature(key: &SecretSlice<u8>, signed: &str) -> String {
    format!("v1,{}", STANDARD.encode(hmac_sha256(key.expose_secret(), signed.as_bytes())))
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    hmac.update(text);
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(base64: &str) -> SecretSlice<u8> {
        SecretSlice::from(STANDARD.decode(base64).expect("base64"))
    }

    /// RFC 4231, 4.2, 4.3 and 4.7 (a key that is longer than a block).
    #[test]
    fn the_function_is_that_of_the_rfc() {
        for (key, text, expected) in [
            (vec![0x0b; 20], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let hex: String =
                hmac_sha256(&key, text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected, "{text}");
        }
    }

    /// The example of the libraries of Standard Webhooks (`sign function works`).
    #[test]
    fn the_headers_are_those_that_the_standard_verifies() {
        let key = key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let now = Timestamp::from_second(1_614_265_330).expect("a moment");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            headers(&[key], id, now, r#"{"test": 2432232314}"#),
            [
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
            ]
        );
    }

    #[test]
    fn two_keys_make_two_signatures_with_a_blank_between() {
        let (new, old) = (key("bmV3bmV3bmV3bmV3bmV3bmV3"), key("b2xkb2xkb2xkb2xkb2xkb2xk"));
        let now = Timestamp::UNIX_EPOCH;
        let signed = |keys: &[SecretSlice<u8>]| headers(keys, "id", now, "{}")[2].1.clone();
        let both = signed(&[new.clone(), old.clone()]);
        assert_eq!(both, format!("{} {}", signed(&[new]), signed(&[old])));
    }
}
