//! Functions of the script language that could make something huge before its size is
//! looked at, made to look first.
//!
//! Promises: what they give is what the script language's own functions give, or the
//! error for what is too large. Never: makes what is too large.

use rhai::{Engine, EvalAltResult, ImmutableString, Position};

type Done = Result<(), Box<EvalAltResult>>;

/// Puts them in the place of the script language's own, for texts of at most so many bytes.
pub(super) fn register(engine: &mut Engine, most: usize) {
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, by: &str| {
        replace(text, find, by, most)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, by: char| {
        replace(text, find, by.encode_utf8(&mut [0; 4]), most)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: char, by: &str| {
        replace(text, find.encode_utf8(&mut [0; 4]), by, most)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: char, by: char| {
        replace(text, find.encode_utf8(&mut [0; 4]), by.encode_utf8(&mut [0; 4]), most)
    });
}

/// 64 KiB of `x`, each replaced by 64 KiB, would be 4 GiB.
fn replace(text: &mut ImmutableString, find: &str, by: &str, most: usize) -> Done {
    let grows = by.len().saturating_sub(find.len());
    let found = if grows == 0 { 0 } else { text.matches(find).count() };
    if text.len() + found * grows > most {
        return Err(EvalAltResult::ErrorDataTooLarge("Length of string".to_owned(), Position::NONE).into());
    }
    // As the script language has it: there is nothing in an empty text, not even a
    // place before its first letter.
    if !text.is_empty() {
        *text = text.replace(find, by).into();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1000;

    fn replaced(text: &str, find: &str, by: &str) -> Option<String> {
        let mut text = text.into();
        replace(&mut text, find, by, MOST).ok().map(|()| text.to_string())
    }

    #[test]
    fn what_fits_is_replaced_and_what_does_not_is_refused() {
        assert_eq!(replaced("a-b-c", "-", " + "), Some("a + b + c".to_owned()));
        assert_eq!(replaced("abc", "", "."), Some(".a.b.c.".to_owned()));
        assert_eq!(replaced("", "", "."), Some(String::new()));
        assert_eq!(replaced("aaa", "aa", ""), Some("a".to_owned()));
        let half = "x".repeat(MOST / 2);
        assert_eq!(replaced(&half, "x", "yy").map(|text| text.len()), Some(MOST));
        assert_eq!(replaced(&half, "x", "yyy"), None);
        assert_eq!(replaced(&half, "x", &half), None);
        assert_eq!(replaced(&half, "", "yy"), None);
    }
}
