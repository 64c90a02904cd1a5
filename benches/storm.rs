//! How fast a storm passes: the recording of 34,875 lines through decoding, the
//! shipped rules and the templates, beside the decoding of the same lines alone.
//!
//! `taskset -c 1 cargo bench --bench storm` prints lines per second on one core, and how
//! many times longer all of it takes than the decoding. The floor is 200,000 lines a second.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod turns;

use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Arc;
use watchbell::config;
use watchbell::load::Set;
use watchbell::model::Input;
use watchbell::pipeline::Pipeline;
use watchbell::source::icinga::decode;

const STORM: &[u8] = include_bytes!("../tests/fixtures/storm.jsonl.gz");

fn main() {
    let mut text = Vec::new();
    GzDecoder::new(STORM).read_to_end(&mut text).expect("the recording unpacks");
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let source: Arc<str> = "icinga".into();
    let set = Set::shipped().expect("the shipped rules and templates are sound");

    let mut decode_all = || {
        let decoded = lines.iter().filter(|line| decode(&source, line).is_ok()).count();
        assert_eq!(decoded, lines.len());
    };
    let mut pass = || {
        let mut pipeline = Pipeline::for_replay(config::builtin("".into(), "".into()), set.clone());
        let mut told = 0;
        for line in &lines {
            let event = decode(&source, line).expect("the recording is sound");
            let now = event.timestamp;
            told += pipeline.take(Input::Event(event), now).deliveries.len();
        }
        assert!(told > 0);
    };
    let [decoding, all] = turns::medians([&mut decode_all, &mut pass]).map(|time| time.as_secs_f64());
    let per_second = |seconds: f64| lines.len() as f64 / seconds;
    println!(
        "{} lines: decoded {:.0}/s; decoded, judged and rendered {:.0}/s, {:.1} times as long",
        lines.len(),
        per_second(decoding),
        per_second(all),
        all / decoding
    );
}
