//! The end of the real program: in order, in time, and at any moment.

use crate::common::alone::Alone;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often it is ended under load.
const ENDS: usize = 8;
/// How many webhooks it has taken when it is asked to end.
const TAKEN: usize = 40;

/// Sends numbered webhooks until `over`; those that were taken.
fn keep_sending(alone: &Alone, round: usize, over: &AtomicBool, progress: impl Fn()) -> Vec<String> {
    let mut taken = Vec::new();
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let text = format!("number {round}-{number} of many");
        if alone.send(&text) {
            taken.push(text);
            progress();
        }
    }
    taken
}

#[test]
fn it_ends_under_load_in_order_and_in_time_and_all_that_was_taken_is_told_once() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    let mut taken = Vec::new();
    for round in 0..ENDS {
        let mut watchbell = alone.site.start();
        alone.wait_until_it_listens(&mut watchbell);
        let over = AtomicBool::new(false);
        let (progress, news) = std::sync::mpsc::channel();
        let ended = std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                keep_sending(&alone, round, &over, || {
                    let _ = progress.send(());
                })
            });
            assert_eq!(news.iter().take(TAKEN).count(), TAKEN, "they are taken");
            let ended = watchbell.terminate();
            over.store(true, Ordering::SeqCst);
            taken.extend(sending.join().expect("no panic"));
            ended
        });
        assert!(ended.success(), "{ended}: all of it was kept");
    }
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    assert!(alone.send("the very last"));
    alone.wait_for_told("the very last");
    assert!(watchbell.terminate().success());

    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for text in alone.told() {
        *times.entry(text).or_default() += 1;
    }
    let wrong: Vec<&String> = taken
        .iter()
        .filter(|text| {
            times.iter().filter(|(told, _)| told.contains(*text)).map(|(_, n)| n).sum::<usize>() != 1
        })
        .collect();
    assert!(wrong.is_empty(), "lost or told twice: {wrong:?}");
    assert!(taken.len() >= ENDS * TAKEN);
}

#[test]
fn a_program_that_hangs_keeps_it_from_ending_for_a_bounded_time_and_is_named() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    alone.site.write("tell.sh", "touch began; exec sleep 600\n");
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    assert!(alone.send("something"));
    crate::common::wait_for("the program to hang", std::time::Duration::from_secs(60), || {
        alone.site.path("began").exists().then_some(())
    });
    watchbell.signal("TERM");
    watchbell.log.expect("still waits for deliveries under way");
    let ended = watchbell.wait();
    assert!(ended.success(), "{ended}: the delivery waits in the store, so all is kept");
}

#[test]
fn who_asks_twice_does_not_wait() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    alone.site.write("tell.sh", "touch began; exec sleep 600\n");
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    assert!(alone.send("something"));
    crate::common::wait_for("the program to hang", std::time::Duration::from_secs(60), || {
        alone.site.path("began").exists().then_some(())
    });
    watchbell.signal("TERM");
    watchbell.log.expect("still waits for deliveries under way");
    watchbell.signal("INT");
    let ended = watchbell.wait();
    assert_eq!((ended.code(), ended.signal()), (Some(1), None), "it does not say that all is well");
}
