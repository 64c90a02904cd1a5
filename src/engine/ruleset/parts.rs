//! Parts that a text must have to be like a pattern, so that many patterns are looked
//! for at once.
//!
//! Promises: a text without any of the parts is not like the pattern.
//! Never: says that a text is like it.

use regex_syntax::hir::{Hir, HirKind, literal::Extractor};

/// The longest run of plain letters in a wildcard pattern; `None` if it has none.
pub(super) fn glob_part(glob: &str) -> Option<Vec<u8>> {
    let longest = glob.split(['*', '?']).max_by_key(|part| part.len())?;
    (!longest.is_empty()).then(|| longest.as_bytes().to_vec())
}

/// Parts of which each match of a regular expression has at least one; `None` where
/// none are known.
pub(super) fn regex_parts(regex: &str) -> Option<Vec<Vec<u8>>> {
    let parsed = regex_syntax::parse(regex).ok()?;
    let inside = required(&parsed);
    // Finds also what is written in either case: `(?i)disk`.
    let beginnings = Extractor::new().extract(&parsed);
    let beginnings = beginnings
        .literals()
        .map(|literals| literals.iter().map(|literal| literal.as_bytes().to_vec()).collect());
    inside.into_iter().chain(beginnings).filter(|parts| shortest(parts) > 0).max_by_key(shortest)
}

/// Parts are worth as much as the shortest of them.
#[expect(clippy::ptr_arg, reason = "max_by_key hands out a reference to its items")]
fn shortest(parts: &Vec<Vec<u8>>) -> usize {
    parts.iter().map(Vec::len).min().unwrap_or(0)
}

fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(required).max_by_key(shortest),
        HirKind::Alternation(ways) => {
            let each: Option<Vec<Vec<Vec<u8>>>> = ways.iter().map(required).collect();
            each.map(|parts| parts.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(regex: &str) -> Option<Vec<String>> {
        let text = |part: Vec<u8>| String::from_utf8(part).expect("text");
        regex_parts(regex).map(|parts| parts.into_iter().map(text).collect())
    }

    #[test]
    fn what_a_text_must_have_is_found_in_patterns() {
        let glob = |glob| glob_part(glob).map(|part| String::from_utf8(part).expect("text"));
        assert_eq!(glob("web-*.example.org"), Some(".example.org".to_owned()));
        assert_eq!(glob("san?"), Some("san".to_owned()));
        assert_eq!(glob("*?*"), None);
        assert_eq!(glob(""), None);
        let some = |parts: &[&str]| Some(parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(parts("^WARNING .* latency$"), some(&["WARNING "]));
        assert_eq!(parts("(disk|memory) full"), some(&["disk full", "memory full"]));
        assert_eq!(parts("disk|memory"), some(&["disk", "memory"]));
        assert_eq!(parts("a|memory"), some(&["a", "memory"]));
        assert_eq!(parts("(?i)ab"), some(&["AB", "Ab", "aB", "ab"]));
        assert_eq!(parts("(abc){2,}x?"), some(&["abcabc"]));
        assert_eq!(parts(r"\d+%"), some(&["%"]));
        assert_eq!(parts("(abc)?"), None);
        assert_eq!(parts("[a-z]+"), None);
        assert_eq!(parts(""), None);
    }
}
