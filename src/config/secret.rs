//! Secrets: how they come in, and how they stay out of what is shown.
//!
//! Owns: the rules for files that hold a secret, and the blanking of source lines.
//! Promises: no error of this module, and no text it has blanked, holds a secret.
//! Never: keeps a secret outside of [`SecretString`].

use secrecy::SecretString;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The largest secret that makes sense; a device file has no end.
const LARGEST_BYTES: u64 = 64 * 1024;

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error("names the file {}, which cannot be read: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("names the file {}, which others can read or write (mode {mode:04o})", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("names {from}, which is not set")]
    Unset { from: String },
    #[error("names {from}, which is empty")]
    Empty { from: String },
    #[error("names {from}, which holds more than one line of plain text, or is larger than 64 KiB")]
    NotOneLine { from: String },
    #[error("is not the name of an environment variable")]
    NoVariableName,
}

impl SecretError {
    /// How to mend it.
    pub(super) fn remedy(&self) -> String {
        match self {
            SecretError::Unreadable { path, .. } => {
                format!("write the secret to {} and run `chmod 600 {}`", path.display(), path.display())
            }
            SecretError::Open { path, .. } => format!("run `chmod 600 {}`", path.display()),
            SecretError::Unset { .. } => "set it where Watchbell is started, or use a file".to_owned(),
            SecretError::Empty { .. } => "put the secret in it".to_owned(),
            SecretError::NotOneLine { .. } => "it must hold the secret and nothing else".to_owned(),
            SecretError::NoVariableName => {
                "a name is letters, digits and `_`; the secret itself does not stand here".to_owned()
            }
        }
    }
}

/// Reads a secret from a file that nobody but its owner can read. One line; the
/// newline at its end does not count.
pub(super) fn from_file(path: &Path) -> Result<SecretString, SecretError> {
    let unreadable = |cause| SecretError::Unreadable { path: path.to_owned(), cause };
    check_private(path)?;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    one_line(format!("the file {}", path.display()), bytes)
}

/// Reads a secret from an environment variable. One line, as in a file.
pub(super) fn from_env(name: &str) -> Result<SecretString, SecretError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if name.starts_with(|first: char| first.is_ascii_digit()) || !name.chars().all(allowed) {
        return Err(SecretError::NoVariableName);
    }
    let from = format!("the environment variable {name}");
    match std::env::var_os(name) {
        None => Err(SecretError::Unset { from }),
        Some(value) => one_line(from, value.into_encoded_bytes()),
    }
}

/// Checks that only its owner can read or write a file.
pub(super) fn check_private(path: &Path) -> Result<(), SecretError> {
    let unreadable = |cause| SecretError::Unreadable { path: path.to_owned(), cause };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 { Err(SecretError::Open { path: path.to_owned(), mode }) } else { Ok(()) }
}

fn one_line(from: String, bytes: Vec<u8>) -> Result<SecretString, SecretError> {
    if bytes.len() as u64 > LARGEST_BYTES {
        return Err(SecretError::NotOneLine { from });
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(SecretError::NotOneLine { from });
    };
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        return Err(SecretError::Empty { from });
    }
    if secret.chars().any(char::is_control) {
        return Err(SecretError::NotOneLine { from });
    }
    Ok(SecretString::from(secret))
}

/// The text with stars in place of some ranges of bytes. All offsets and line
/// ends stay where they are, so a caret still points at its place.
pub(super) fn blank(text: &str, hidden: &[Range<usize>]) -> String {
    let is_hidden = |at: usize| hidden.iter().any(|range| range.contains(&at));
    text.char_indices().fold(String::with_capacity(text.len()), |mut blanked, (at, character)| {
        if is_hidden(at) {
            push_stars(&mut blanked, character)
        } else {
            blanked.push(character)
        }
        blanked
    })
}

/// The text with stars in place of every word that is not one of `known`. For
/// text that is not TOML: nobody knows there what is a key and what a secret.
pub(super) fn blank_unknown_words(text: &str, known: &[&str]) -> String {
    let structure = |character: char| character.is_whitespace() || "[]{}=,.\"'#".contains(character);
    let mut blanked = String::with_capacity(text.len());
    for piece in text.split_inclusive(structure) {
        let word = piece.trim_end_matches(structure);
        if known.contains(&word) {
            blanked.push_str(word);
        } else {
            word.chars().for_each(|character| push_stars(&mut blanked, character));
        }
        blanked.push_str(&piece[word.len()..]);
    }
    blanked
}

fn push_stars(blanked: &mut String, character: char) {
    if matches!(character, '\n' | '\r') {
        blanked.push(character);
    } else {
        blanked.extend(std::iter::repeat_n('*', character.len_utf8()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    #[test]
    fn one_line_is_a_secret_and_anything_else_is_not() {
        for (bytes, expected) in [
            (&b"hunter2"[..], Ok("hunter2")),
            (b"hunter2\n", Ok("hunter2")),
            (b"hunter2\r\n", Ok("hunter2")),
            (b" spaces count ", Ok(" spaces count ")),
            (b"", Err("empty")),
            (b"\n", Err("empty")),
            (b"hunter2\nQUIT", Err("more than one line")),
            (b"hunter2\0", Err("more than one line")),
            (b"\xff\xfe", Err("more than one line")),
            (&[b'a'; 70_000], Err("64 KiB")),
        ] {
            match (one_line("the file x".to_owned(), bytes.to_vec()), expected) {
                (Ok(secret), Ok(expected)) => assert_eq!(secret.expose_secret(), expected),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
                (result, expected) => panic!("{result:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn a_variable_must_be_named_like_one() {
        assert!(from_env("PATH").is_ok());
        for (name, expected) in [
            ("WATCHBELL_IS_NOT_SET", "is not set"),
            ("hunter-2!", "is not the name"),
            ("2B", "is not the name"),
        ] {
            let error = from_env(name).expect_err(name).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn words_of_ours_survive_and_others_do_not() {
        let blanked = blank_unknown_words("nick = \"hunter2\nto = [\"#dbä\", ", &["nick", "to"]);
        assert_eq!(blanked, "nick = \"*******\nto = [\"#****\", ");
    }

    proptest! {
        #[test]
        fn blanking_moves_nothing(text in any::<String>(), from in 0_usize..50, length in 0_usize..50) {
            let whole = std::slice::from_ref(&(from..from + length)).to_vec();
            for blanked in [blank(&text, &whole), blank_unknown_words(&text, &["nick"])] {
                prop_assert_eq!(blanked.len(), text.len());
                prop_assert_eq!(blanked.lines().count(), text.lines().count());
            }
        }
    }
}
