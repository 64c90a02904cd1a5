//! Mutes that come back each week, and what ends a mute.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn every(span: &str, since: &str) -> ActiveMute {
    let mut mute = Mute::new(BTreeMap::new(), "all".to_owned(), "alice", "", at(since));
    mute.every = Some(span.to_owned());
    let mut active = ActiveMute::new(mute).expect("it covers all");
    active.plan_pause(at(since));
    active
}

#[test]
fn a_span_of_the_week_goes_by_the_wall_also_where_the_clock_changes() {
    let tuesday = every("tue 02:00-04:00 Europe/Paris", "2026-11-23T12:00:00Z");
    for (moment, is_in) in [
        ("2026-11-24T00:59:59Z", false),
        ("2026-11-24T01:00:00Z", true),
        ("2026-11-24T02:59:59Z", true),
        ("2026-11-24T03:00:00Z", false),
        ("2026-07-07T00:00:00Z", true),
        ("2026-07-07T02:00:00Z", false),
    ] {
        assert_eq!(tuesday.is_in_force(at(moment)), is_in, "{moment}");
    }
    assert_eq!(tuesday.mute.pause, Some(at("2026-11-24T03:00:00Z")));

    // On 2026-10-25 at 03:00 in Paris it is 02:00 again: the span lasts three hours.
    let autumn = every("sun 01:30-03:30 Europe/Paris", "2026-10-24T22:00:00Z");
    assert!(autumn.is_in_force(at("2026-10-24T23:30:00Z")) && autumn.is_in_force(at("2026-10-25T02:29:00Z")));
    assert_eq!(autumn.mute.pause, Some(at("2026-10-25T02:30:00Z")));
    // On 2026-03-29 there is no 02:30: the span ends when the clock is beyond it.
    let spring = every("sun 01:30-02:30 Europe/Paris", "2026-03-28T22:00:00Z");
    assert_eq!(spring.mute.pause, Some(at("2026-03-29T01:00:00Z")));
}

#[test]
fn what_ends_a_mute_is_said_in_words() {
    let mut mute = Mute::new(BTreeMap::new(), "all".to_owned(), "alice", "", at("2026-11-22T12:00:00Z"));
    assert_eq!(mute.when(&TimeZone::UTC), "until somebody removes it");
    mute.unused_seconds = Some(7 * 86_400);
    assert_eq!(mute.unused_at(), Some(at("2026-11-29T12:00:00Z")));
    mute.until_ok = true;
    mute.until = Some(at("2026-11-22T13:00:00Z"));
    mute.every = Some("Tue UTC".to_owned());
    assert_eq!(
        mute.when(&TimeZone::UTC),
        "every Tue UTC, until Sun 2026-11-22 13:00 UTC, until it is well, until it kept nothing quiet for 7d"
    );
}
