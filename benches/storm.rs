//! How fast a storm passes: the recording of 34,875 lines through decoding, the
//! shipped rules and the templates, beside the decoding of the same lines alone.
//!
//! `cargo bench` prints both as elements (lines) per second, on one core.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Arc;
use watchbell::config;
use watchbell::load::Set;
use watchbell::model::Input;
use watchbell::pipeline::Pipeline;
use watchbell::source::icinga::decode;

const STORM: &[u8] = include_bytes!("../tests/fixtures/storm.jsonl.gz");

fn storm(criterion: &mut Criterion) {
    let mut text = Vec::new();
    GzDecoder::new(STORM).read_to_end(&mut text).expect("the recording unpacks");
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let source: Arc<str> = "icinga".into();
    let set = Set::shipped().expect("the shipped rules and templates are sound");

    let mut group = criterion.benchmark_group("storm");
    group.throughput(Throughput::Elements(lines.len() as u64)).sample_size(10);
    group.bench_function("decode", |bencher| {
        bencher.iter(|| lines.iter().filter(|line| decode(&source, line).is_ok()).count());
    });
    group.bench_function("decode, shipped rules, render", |bencher| {
        bencher.iter(|| {
            let mut pipeline = Pipeline::for_replay(config::builtin("".into(), "".into()), set.clone());
            let mut told = 0;
            for line in &lines {
                let event = decode(&source, line).expect("the recording is sound");
                let now = event.timestamp;
                told += pipeline.take(Input::Event(event), now).deliveries.len();
            }
            assert!(told > 0);
            told
        });
    });
    group.finish();
}

criterion_group!(benches, storm);
criterion_main!(benches);
