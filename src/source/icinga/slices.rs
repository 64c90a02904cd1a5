//! A large answer in slices, cut while it arrives.
//!
//! Owns: where an answer of `/v1/objects` may be cut: behind a row. Promises: each slice is an
//! answer of its own, all of them together have the rows of the whole in order, and never
//! more than about one slice is held. Never: understands a row; what is no answer comes out
//! as it is, and whoever reads it finds that out.

/// How large a slice becomes, in bytes; one long row makes it longer.
const SLICE_BYTES: usize = 1024 * 1024;
const HEAD: &[u8] = br#"{"results":["#;
const END: &[u8] = b"]}";
/// How deep a row stands: inside the answer and its list.
const ROW_DEPTH: u32 = 2;

/// The cutter of one answer.
pub(super) struct Slices {
    slice: Vec<u8>,
    limit: usize,
    depth: u32,
    in_text: bool,
    is_escaped: bool,
    /// Whether the slice was cut, and the comma behind the last row is still to come.
    is_cut: bool,
}

impl Slices {
    pub(super) fn new() -> Slices {
        Slices::of(SLICE_BYTES)
    }

    fn of(limit: usize) -> Slices {
        Slices { slice: Vec::new(), limit, depth: 0, in_text: false, is_escaped: false, is_cut: false }
    }

    /// Takes what has arrived; gives the slices that are complete with it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut complete = Vec::new();
        for &byte in bytes {
            if std::mem::take(&mut self.is_cut) && byte == b',' {
                continue;
            }
            self.slice.push(byte);
            if self.ends_row(byte) && self.slice.len() >= self.limit {
                complete.push(self.cut());
            }
        }
        complete
    }

    /// The last slice, when the answer has ended.
    pub(super) fn finish(self) -> Vec<u8> {
        self.slice
    }

    fn cut(&mut self) -> Vec<u8> {
        self.is_cut = true;
        self.slice.extend_from_slice(END);
        std::mem::replace(&mut self.slice, HEAD.to_vec())
    }

    /// Follows the nesting; whether a row ends with this byte.
    fn ends_row(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return byte == b'}' && self.depth == ROW_DEPTH;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rows(slices: &[Vec<u8>]) -> Vec<Value> {
        let rows = |slice: &Vec<u8>| {
            let answer: Value = serde_json::from_slice(slice).expect("a slice is an answer");
            answer["results"].as_array().expect("it has rows").clone()
        };
        slices.iter().flat_map(rows).collect()
    }

    fn sliced(answer: &[u8], limit: usize, piece: usize) -> Vec<Vec<u8>> {
        let mut slices = Slices::of(limit);
        let mut all: Vec<Vec<u8>> = answer.chunks(piece).flat_map(|piece| slices.push(piece)).collect();
        all.push(slices.finish());
        all
    }

    #[test]
    fn slices_have_the_rows_of_the_whole_however_it_arrives() {
        let row =
            |number: usize| json!({"name": format!("h{number}\\\"}},{{]"), "attrs": {"groups": [{}, ["}"]]}});
        let all: Vec<Value> = (0..20).map(row).collect();
        let answer = json!({"results": all}).to_string();
        for limit in [1, 40, 200, 100_000] {
            for piece in [1, 2, 7, 64, 100_000] {
                let slices = sliced(answer.as_bytes(), limit, piece);
                assert_eq!(rows(&slices), all, "{limit} {piece}");
                assert_eq!(slices.len() > 1, limit < 100_000);
            }
        }
        assert!(rows(&sliced(br#"{"results":[]}"#, 1, 1)).is_empty());
    }

    #[test]
    fn an_answer_that_ends_in_the_middle_has_a_last_slice_that_is_none() {
        let answer = json!({"results": [{"name": "a"}, {"name": "b"}]}).to_string();
        for length in 0..answer.len() {
            let slices = sliced(&answer.as_bytes()[..length], 1, 1);
            let last = slices.last().expect("there is always a last one");
            assert!(serde_json::from_slice::<Value>(last).is_err(), "{length}");
        }
    }
}
