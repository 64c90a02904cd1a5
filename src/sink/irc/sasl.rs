//! Our part of a login by SASL PLAIN. Pure.
//!
//! Owns: how user and password are put into pieces. Promises: a piece is never
//! longer than a server takes. Never: prints either.

use crate::config::Sasl;
use base64::Engine;
use secrecy::ExposeSecret;

/// The longest piece (IRCv3 SASL 3.1).
const PIECE_BYTES: usize = 400;

/// The parameters of the `AUTHENTICATE` lines that answer `+`: the message of RFC
/// 4616 in base64, in pieces; after a full last piece comes `+`, which ends it.
pub(super) fn plain(sasl: &Sasl) -> Vec<String> {
    let clear = format!("\0{}\0{}", sasl.user, sasl.password.expose_secret());
    let encoded = base64::engine::general_purpose::STANDARD.encode(clear);
    let piece = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut pieces: Vec<String> = encoded.as_bytes().chunks(PIECE_BYTES).map(piece).collect();
    if encoded.len().is_multiple_of(PIECE_BYTES) {
        pieces.push("+".to_owned());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_password_goes_in_pieces() {
        for (password_bytes, pieces) in
            [(6, &[16][..]), (294, &[400, 1]), (295, &[400, 4]), (600, &[400, 400, 8])]
        {
            let password = "p".repeat(password_bytes);
            let sasl = Sasl { user: "bell".to_owned(), password: password.into() };
            let sizes: Vec<usize> = plain(&sasl).iter().map(String::len).collect();
            assert_eq!(sizes, pieces, "{password_bytes}");
        }
    }
}
