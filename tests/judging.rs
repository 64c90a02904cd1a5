//! The judge of the fault campaign finds each kind of fault, and excuses only what is
//! not promised.

#[path = "faults/digest.rs"]
mod digest;
#[path = "faults/judge.rs"]
mod judge;

use judge::{Case, Driven, Gap, Gaps, Sink, Tally, Told, judge};
use std::collections::{BTreeMap, BTreeSet};

fn changes() -> Vec<Driven> {
    let change = |number, state, at| Driven { number, object: "a!b".to_owned(), state, began: at, ended: at };
    vec![change(1, 2, 10.0), change(2, 0, 20.0), change(3, 1, 30.0), change(4, 2, 40.0)]
}

fn told(number: u64, at: f64) -> Told {
    let state = changes().iter().find(|change| change.number == number).expect("it is one of ours").state;
    Told { sink: Sink::Hook, object: "a!b".to_owned(), state, number: Some(number), at }
}

fn judged_told(told: &[Told], gaps: &[Gap], folded: &[u64], truth: u8) -> Tally {
    let folded: BTreeSet<_> = folded.iter().map(|number| (Sink::Hook, *number)).collect();
    let truth = BTreeMap::from([("a!b".to_owned(), truth)]);
    let tells = |sink, _: &str| sink == Sink::Hook;
    let gaps = &Gaps::new(gaps.to_vec());
    judge(&Case { driven: &changes(), told, gaps, folded: &folded, truth: &truth, tells })
}

fn judged(numbers: &[u64], gaps: &[Gap], folded: &[u64]) -> Tally {
    let told: Vec<Told> =
        numbers.iter().enumerate().map(|(place, number)| told(*number, 41.0 + place as f64)).collect();
    judged_told(&told, gaps, folded, 2)
}

#[test]
fn what_was_told_once_and_in_order_is_no_fault() {
    let tally = judged(&[1, 2, 3, 4], &[], &[]);
    assert_eq!((tally.driven, tally.told, tally.unpromised), (4, 4, 0));
    assert!(tally.lost.is_empty() && tally.inverted.is_empty());
    assert_eq!(tally.twice[&Sink::Hook], 0);
    assert_eq!(tally.lag, 31.0);
}

#[test]
fn a_change_that_nobody_told_is_lost() {
    assert_eq!(judged(&[1, 3, 4], &[], &[]).lost.len(), 1);
    // The last word is false, too.
    assert_eq!(judged(&[], &[], &[]).lost.len(), 5);
}

#[test]
fn a_gap_excuses_what_ended_in_it_but_never_the_last_state() {
    let gap = [Gap { from: 15.0, to: 35.0, forgot: None }];
    let tally = judged(&[1, 4], &gap, &[]);
    assert_eq!((tally.unpromised, tally.lost.len()), (2, 0));
    assert_eq!(judged(&[4], &gap, &[]).lost.len(), 1, "the first was outside");
    let to_the_end = [Gap { from: 15.0, to: 45.0, forgot: None }];
    assert_eq!(judged(&[1, 2, 3], &to_the_end, &[]).lost.len(), 1, "1 was told, 2 holds");
    // The last word is true: 2 was told by the first change, and holds again.
    assert_eq!(judged(&[1], &to_the_end, &[]).lost.len(), 0);
}

#[test]
fn what_was_folded_into_a_later_message_is_not_lost_unless_the_last_word_is_false() {
    let tally = judged(&[1, 4], &[], &[2, 3]);
    assert_eq!((tally.folded, tally.lost.len()), (2, 0));
    assert_eq!(judged(&[1, 2], &[], &[3, 4]).lost.len(), 1, "the last word is that all is well");
}

#[test]
fn what_is_told_again_is_counted_and_an_older_one_after_a_newer_is_inverted() {
    let tally = judged(&[1, 1, 2, 3, 4, 4], &[], &[]);
    assert_eq!((tally.twice[&Sink::Hook], tally.inverted.len()), (2, 0));
    let tally = judged(&[1, 3, 2, 4, 3], &[], &[]);
    assert_eq!((tally.twice[&Sink::Hook], tally.inverted.len()), (1, 2));
}

#[test]
fn what_icinga_itself_forgot_may_be_told_again() {
    let gap = |forgot| [Gap { from: 35.5, to: 50.0, forgot }];
    let again = [1, 2, 3, 4, 2, 4];
    let tally = judged(&again, &gap(Some(41.5)), &[]);
    assert_eq!((tally.twice[&Sink::Hook], tally.inverted.len()), (0, 0));
    let tally = judged(&again, &gap(None), &[]);
    assert_eq!((tally.twice[&Sink::Hook], tally.inverted.len()), (2, 1));
}

#[test]
fn what_has_no_number_or_that_of_another_change_is_known_by_its_state() {
    let end = Told { number: None, ..told(2, 25.0) };
    let torn = Told { number: Some(3), ..told(4, 44.0) };
    let tally = judged_told(&[told(1, 11.0), end.clone(), told(3, 31.0), torn], &[], &[], 2);
    assert_eq!((tally.told, tally.lost.len(), tally.twice[&Sink::Hook]), (4, 0, 0));
    let again = Told { at: 26.0, ..end.clone() };
    let twice = [told(1, 11.0), end.clone(), again, told(3, 31.0), told(4, 41.0)];
    let tally = judged_told(&twice, &[], &[], 2);
    assert_eq!((tally.twice[&Sink::Hook], tally.inverted.len()), (1, 0));
    let too_early = Told { at: 15.0, ..end };
    assert_eq!(judged_told(&[told(1, 11.0), too_early, told(3, 31.0), told(4, 41.0)], &[], &[], 2).told, 3);
}

#[test]
fn what_is_told_late_of_an_icinga_that_forgot_is_no_newer_than_what_follows_it() {
    // At 35 Icinga came back with what 2 had said; that is told when 3 and 4 are under way.
    let mut driven = changes();
    driven.push(Driven { number: 5, object: "a!b".to_owned(), state: 0, began: 50.0, ended: 50.0 });
    let back = Told { number: None, ..told(2, 60.0) };
    let end = Told { number: Some(5), ..told(2, 63.0) };
    let said = [told(1, 11.0), told(2, 21.0), told(3, 31.0), back, told(4, 62.0), end];
    let inverted = |forgot| {
        let gaps = &Gaps::new(vec![Gap { from: 34.0, to: 36.0, forgot }]);
        let (folded, truth) = (BTreeSet::new(), BTreeMap::from([("a!b".to_owned(), 0)]));
        let tells = |sink, _: &str| sink == Sink::Hook;
        let tally =
            judge(&Case { driven: &driven, told: &said, gaps, folded: &folded, truth: &truth, tells });
        assert!(tally.lost.is_empty(), "{:?}", tally.lost);
        tally.inverted.len()
    };
    assert_eq!((inverted(Some(35.0)), inverted(None)), (0, 1));
}

#[test]
fn what_icinga_forgot_excuses_the_change_back_to_what_was_told() {
    let forgotten = [Gap { from: 15.0, to: 25.0, forgot: Some(15.0) }];
    let known = [Gap { forgot: None, ..forgotten[0] }];
    // 2 was forgotten, so that Icinga saw no change in 3, which says what 1 said.
    let mut driven = changes();
    driven[2].state = 2;
    let lost = |gaps: &[Gap]| {
        let said: Vec<Told> = vec![told(1, 11.0)];
        let truth = BTreeMap::from([("a!b".to_owned(), 2)]);
        let tells = |sink, _: &str| sink == Sink::Hook;
        let folded = BTreeSet::new();
        let gaps = &Gaps::new(gaps.to_vec());
        judge(&Case { driven: &driven[..3], told: &said, gaps, folded: &folded, truth: &truth, tells })
            .lost
            .len()
    };
    assert_eq!((lost(&forgotten), lost(&known)), (0, 1));
}

#[test]
fn what_was_told_and_then_forgotten_excuses_the_change_to_what_was_told_again() {
    // 1 was told, then Icinga came back with what was before it, which was told, too; so 2 changed
    // nothing that Icinga knew of.
    let lost = |said: &[Told], forgot| {
        let truth = BTreeMap::from([("a!b".to_owned(), 0)]);
        let tells = |sink, _: &str| sink == Sink::Hook;
        let gaps = &Gaps::new(vec![Gap { from: 9.0, to: 15.0, forgot }]);
        let folded = BTreeSet::new();
        judge(&Case { driven: &changes()[..2], told: said, gaps, folded: &folded, truth: &truth, tells })
            .lost
            .len()
    };
    let back = Told { number: None, state: 0, ..told(1, 14.0) };
    assert_eq!(lost(&[told(1, 11.0), back.clone()], Some(12.0)), 0);
    assert_eq!(lost(&[told(1, 11.0), back], None), 1);
    assert_eq!(lost(&[told(1, 11.0)], Some(12.0)), 2, "the last word is false, too");
}

#[test]
fn of_a_digest_only_the_changes_of_services_are_counted() {
    let chat = ":watchbell!w@x PRIVMSG #ops :";
    for (text, count) in [
        ("812 changes since 14:02: 640 CRITICAL, 172 OK; what is broken now: !problems", Some(812)),
        ("815 changes since 2026-11-22 23:59: 640 CRITICAL, 172 OK, 2 Trouble, 1 Gap; what is", Some(812)),
        ("[DIGEST] 31 changes: 7 WARNING, 3 DOWN, 21 OK", Some(28)),
        ("3 changes since 14:02: 3 Trouble; what is broken now: !problems", Some(0)),
        ("wan-berlin: 412 problems, worst CRITICAL: sw1!uplink, sw2!uplink, ...", None),
        ("host1!svc2 is CRITICAL: n=7", None),
    ] {
        assert_eq!(digest::services(&format!("{chat}{text}")), count, "{text}");
    }
}
