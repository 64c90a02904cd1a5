//! Bytes to lines: the framing of the event stream and of recordings.
//!
//! Owns: the bytes of a line that is not whole yet. Promises: each whole line is
//! handed over once, in order, without its end (LF or CRLF); memory never holds more
//! than one line of the limit. Never: looks inside a
//! line. On a crash nothing is lost that a new subscription would not heal.

/// The longest line that is read, in bytes. A check may write a megabyte of
/// output; eight leave room for escapes.
pub(crate) const LONGEST_LINE_BYTES: usize = 8 * 1024 * 1024;

/// What the framing found.
#[derive(Debug, PartialEq)]
pub(crate) enum Framed<'a> {
    /// A line without its end; never blank.
    Line(&'a [u8]),
    /// A line with nothing in it.
    Blank,
    /// A line of this many bytes was longer than the limit and is skipped.
    TooLong(usize),
}

/// Cuts a stream of bytes into lines.
#[derive(Debug)]
pub(crate) struct Framer {
    limit_bytes: usize,
    begun: Vec<u8>,
    /// How long the current line is so far, once it is past the limit.
    skipped_bytes: Option<usize>,
}

impl Framer {
    /// A framer that skips lines longer than `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> Framer {
        Framer { limit_bytes, begun: Vec::new(), skipped_bytes: None }
    }

    /// Takes the next bytes and hands each line that became whole to `found`.
    pub(crate) fn push(&mut self, bytes: &[u8], mut found: impl FnMut(Framed<'_>)) {
        // A long line comes in pieces that hold no end: one look at each is enough.
        if !bytes.contains(&b'\n') {
            return self.keep(bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => self.complete(end, &mut found),
                None => self.keep(piece),
            }
        }
    }

    /// Ends the stream: how many bytes of a last line without an end are left.
    /// They are forgotten.
    pub(crate) fn finish(&mut self) -> usize {
        let left = self.skipped_bytes.take().unwrap_or(self.begun.len());
        self.begun.clear();
        left
    }

    /// Ends a file: a last line without an end counts.
    pub(crate) fn finish_file(&mut self, found: impl FnMut(Framed<'_>)) {
        if self.skipped_bytes.is_some() || !self.begun.is_empty() {
            self.push(b"\n", found);
        }
    }

    fn complete(&mut self, end: &[u8], found: &mut impl FnMut(Framed<'_>)) {
        // Most lines lie whole inside one piece and need no copy.
        if self.begun.is_empty() && self.skipped_bytes.is_none() && end.len() <= self.limit_bytes {
            return hand_over(end, found);
        }
        self.keep(end);
        if let Some(bytes) = self.skipped_bytes.take() {
            return found(Framed::TooLong(bytes));
        }
        hand_over(&self.begun, found);
        self.begun.clear();
    }

    fn keep(&mut self, piece: &[u8]) {
        let length = self.skipped_bytes.unwrap_or(self.begun.len()) + piece.len();
        if length > self.limit_bytes {
            self.skipped_bytes = Some(length);
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(piece);
        }
    }
}

fn hand_over(line: &[u8], found: &mut impl FnMut(Framed<'_>)) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    found(if line.trim_ascii().is_empty() { Framed::Blank } else { Framed::Line(line) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIBIBYTE: usize = 1 << 30;

    fn framed(pieces: &[&[u8]], limit_bytes: usize) -> (Vec<String>, usize) {
        let mut framer = Framer::new(limit_bytes);
        let mut found = Vec::new();
        for piece in pieces {
            framer.push(piece, |framed| {
                found.push(match framed {
                    Framed::Blank => "<blank>".to_owned(),
                    Framed::Line(line) => String::from_utf8_lossy(line).into_owned(),
                    Framed::TooLong(bytes) => format!("<{bytes} too long>"),
                });
            });
        }
        (found, framer.finish())
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_are() {
        /// Pieces as they come, the lines in them, and how many bytes of a line are left.
        type Case<'a> = (&'a [&'a [u8]], &'a [&'a str], usize);
        let cases: [Case<'_>; 7] = [
            (&[b"a\nb\n"], &["a", "b"], 0),
            (&[b"a", b"b", b"\nc\n"], &["ab", "c"], 0),
            (&[b"a\r\n\r\n \t\n\nb\n"], &["a", "<blank>", "<blank>", "<blank>", "b"], 0),
            (&[b"a\r", b"\nb\n"], &["a", "b"], 0),
            (&[b"a\ncut"], &["a"], 3),
            (&[b"12345678\n123456789\nok\n"], &["12345678", "<9 too long>", "ok"], 0),
            (&[b"12345", b"67890", b"123\nok\nx"], &["<13 too long>", "ok"], 1),
        ];
        for (pieces, lines, left) in cases {
            let (found, cut) = framed(pieces, 8);
            assert_eq!(found, lines, "{pieces:?}");
            assert_eq!(cut, left, "{pieces:?}");
        }
    }

    #[test]
    fn the_last_line_of_a_file_needs_no_end() {
        let mut framer = Framer::new(8);
        framer.push(b"last", |_| panic!("not whole yet"));
        let mut found = Vec::new();
        framer.finish_file(|framed| found.push(format!("{framed:?}")));
        assert_eq!(found, [format!("{:?}", Framed::Line(b"last"))]);
        framer.finish_file(|framed| panic!("nothing is left, but {framed:?}"));
    }

    #[test]
    fn a_line_of_a_gibibyte_takes_no_more_memory_than_the_limit_and_the_next_is_read() {
        const PIECE: usize = 64 * 1024;
        let mut framer = Framer::new(LONGEST_LINE_BYTES);
        let piece = vec![b'x'; PIECE];
        let mut most = 0;
        for _ in 0..GIBIBYTE / PIECE {
            framer.push(&piece, |framed| panic!("not whole yet, but {framed:?}"));
            most = most.max(framer.begun.capacity());
        }
        assert!((LONGEST_LINE_BYTES..=2 * LONGEST_LINE_BYTES).contains(&most), "{most} bytes");
        assert_eq!(framer.begun.capacity(), 0, "what is skipped is kept nowhere");
        let mut found = Vec::new();
        framer.push(b"end\nthe next\n", |framed| found.push(format!("{framed:?}")));
        let next = format!("{:?}", Framed::Line(b"the next"));
        assert_eq!(found, [format!("TooLong({})", GIBIBYTE + 3), next]);
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_changes_nothing(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200), cut in 0..200usize) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(framed(&[&bytes], 20), framed(&[&bytes[..cut], &bytes[cut..]], 20));
        }
    }
}
