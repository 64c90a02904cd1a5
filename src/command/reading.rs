//! Reading what stands behind the name of a command, where that is more than a word.

use super::request::{Acknowledging, MuteAsked, Request, Scheduling};
use super::words::Words;
use crate::model::time::{later, parse_duration};
use crate::model::{About, State};
use crate::span::Span;
use std::time::Duration;

/// How long a mute lasts unless it is said.
const MUTE_UNLESS_SAID: Duration = Duration::from_secs(3600);

/// How many words a span of the week has at most: days and times, and a zone.
const MOST_WORDS_OF_SPAN: usize = 12;

/// How long a downtime lasts unless it is said.
const DOWNTIME_UNLESS_SAID: Duration = Duration::from_secs(3600);

/// How much of a history is told unless it is said, and at most: chat takes so many lines.
const HISTORY_UNLESS_SAID: usize = 5;
const MOST_HISTORY: usize = 9;

/// How far back rules are compared unless it is said.
const COMPARED_UNLESS_SAID: Duration = Duration::from_secs(86_400);

type Reading = Result<Request, String>;

/// `service HOST!SERVICE`; `service HOST SERVICE` is what people type first.
pub(super) fn service(words: &mut Words<'_>) -> Reading {
    if words.len() == 2 {
        return Ok(Request::Service(words.all().join("!")));
    }
    Ok(Request::Service(words.one()?))
}

pub(super) fn replay_dead(words: &mut Words<'_>) -> Reading {
    if words.is_empty() {
        return Err(words.usage());
    }
    let usage = words.usage();
    let number = |text: &&str| match About::parse(text) {
        About::Delivery(id) => Ok(id),
        _ => Err(format!("`{text}` is no number of a delivery. {usage}")),
    };
    words.all().iter().map(number).collect::<Result<_, _>>().map(Request::ReplayDead)
}

pub(super) fn history(words: &mut Words<'_>) -> Reading {
    let object = words.one()?;
    let count = words.optional().map_or(Ok(HISTORY_UNLESS_SAID), str::parse);
    match count {
        Ok(count @ 1..=MOST_HISTORY) => Ok(Request::History { object, count }),
        _ => Err(format!("say how many, from 1 to {MOST_HISTORY}. {}", words.usage())),
    }
}

pub(super) fn acknowledge(words: &mut Words<'_>) -> Reading {
    let objects = words.one()?;
    let mut expiry = None;
    let (mut sticky, mut notify) = (false, true);
    loop {
        if words.took("sticky") {
            sticky = true;
        } else if words.took("quiet") {
            notify = false;
        } else if words.took("notify") {
            notify = true;
        } else if expiry.is_none()
            && let Some(moment) = words.time()?
        {
            expiry = Some(moment);
        } else {
            break;
        }
    }
    // Whoever extends an acknowledgement has said why.
    if words.is_empty() && expiry.is_none() {
        return Err(format!("say in a few words what you do about it. {}", words.usage()));
    }
    Ok(Request::Acknowledge(Acknowledging { objects, comment: words.rest(), expiry, sticky, notify }))
}

pub(super) fn downtime(words: &mut Words<'_>) -> Reading {
    let objects = words.one()?;
    let (mut span, mut flexible) = (None, None);
    let (mut services, mut children) = (false, false);
    loop {
        if words.took("services") {
            services = true;
        } else if words.took("children") {
            children = true;
        } else if flexible.is_none() && words.took("flexible") {
            flexible = Some(parse_duration(&words.one()?).map_err(|error| error.to_string())?);
        } else if span.is_none()
            && let Some(taken) = words.span()?
        {
            span = Some(taken);
        } else {
            break;
        }
    }
    if span.is_some() && words.is_moment_after("from") {
        return Err(format!(
            "say when it begins before it ends, as in from 22:00 until 23:30. {}",
            words.usage()
        ));
    }
    let (start, end) = span.unwrap_or_else(|| (words.now(), later(words.now(), DOWNTIME_UNLESS_SAID)));
    if words.is_empty() {
        return Err(format!("say in a few words why. {}", words.usage()));
    }
    let comment = words.rest();
    Ok(Request::Downtime(Scheduling { objects, comment, start, end, flexible, services, children }))
}

pub(super) fn notify(words: &mut Words<'_>) -> Reading {
    let objects = words.one()?;
    if words.is_empty() {
        return Err(words.usage());
    }
    Ok(Request::Notify { objects, text: words.rest() })
}

pub(super) fn comment(words: &mut Words<'_>) -> Reading {
    let object = words.one()?;
    if words.is_empty() {
        return Err(words.usage());
    }
    Ok(Request::Comment { object, text: words.rest() })
}

pub(super) fn mute(words: &mut Words<'_>) -> Reading {
    let mut mute = MuteAsked { what: vec![words.one()?], ..MuteAsked::default() };
    while mute.what[0].contains('=') && words.peek().is_some_and(|word| word.contains('=')) {
        mute.what.push(words.one()?);
    }
    let stray = words.peek().filter(|word| word.contains('='));
    if let Some(stray) = stray {
        let usage = words.usage();
        return Err(format!("`{stray}` is a condition, and `{}` is none. {usage}", mute.what[0]));
    }
    loop {
        if words.took_both("until", "ok") {
            mute.until_ok = true;
        } else if words.took("mirror") {
            mute.mirror = true;
        } else if words.took("unused") {
            let length = parse_duration(&words.one()?);
            mute.unused = Some(length.map_err(|error| format!("{error}. {}", words.usage()))?);
        } else if words.took("every") {
            mute.every = Some(span(words)?);
        } else if mute.until.is_none()
            && let Some(moment) = words.time()?
        {
            mute.until = Some(moment);
        } else {
            break;
        }
    }
    mute.reason = words.rest();
    if mute.until.is_none() && !mute.until_ok && mute.every.is_none() && mute.unused.is_none() {
        mute.until = Some(later(words.now(), MUTE_UNLESS_SAID));
    }
    Ok(Request::Mute(mute))
}

/// The longest span of the week that stands next.
fn span(words: &mut Words<'_>) -> Result<String, String> {
    let left = words.left();
    let most = left.len().min(MOST_WORDS_OF_SPAN);
    let is_span = |used: &usize| Span::parse(&left[..*used].join(" ")).is_ok();
    match (1..=most).rev().find(is_span) {
        // Where its times are wrong, the whole day is not meant.
        Some(used) if left.get(used).is_some_and(|next| are_times(next)) => {
            let whole = Span::parse(&left[..=used].join(" "));
            Err(whole.err().map_or_else(|| words.usage(), |error| error.to_string()))
        }
        Some(used) => Ok(words.take(used).join(" ")),
        None if left.is_empty() => Err(words.usage()),
        None => Err(Span::parse(left[0]).err().map_or_else(|| words.usage(), |error| error.to_string())),
    }
}

/// Whether a word can be nothing but times, right or wrong: `25:00-26:00`, `9-17`.
fn are_times(word: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_digit() || matches!(letter, ':' | '-' | '.' | ',');
    word.chars().all(is_part) && word.contains(|letter: char| letter.is_ascii_digit())
}

pub(super) fn watch(words: &mut Words<'_>) -> Reading {
    Ok(words.optional().map_or(Request::Watching, |object| Request::Watch(object.to_owned())))
}

pub(super) fn quiet(words: &mut Words<'_>) -> Reading {
    if words.took("off") {
        return Ok(Request::Quiet(None));
    }
    match words.time()? {
        Some(until) => Ok(Request::Quiet(Some(until))),
        None => Err(words.usage()),
    }
}

/// `oncall [SCHEDULE] [at] fri 3:00`.
pub(super) fn oncall(words: &mut Words<'_>) -> Reading {
    let schedule = words.peek().filter(|word| *word != "at").map(str::to_owned);
    if schedule.is_some() {
        words.optional();
    }
    let at = words.moment_after("at")?;
    if words.is_empty() { Ok(Request::OnCall { schedule, at }) } else { Err(words.usage()) }
}

/// `override SCHEDULE PERSON [from fri 18:00] until mon 9:00 [REASON]`.
pub(super) fn override_turn(words: &mut Words<'_>) -> Reading {
    let (schedule, person) = (words.one()?, words.one()?);
    let from = words.moment_after("from")?;
    let begin = from.unwrap_or(words.now());
    let Some(until) = words.time_from(begin)? else {
        return Err(format!("say until when. {}", words.usage()));
    };
    Ok(Request::Override { schedule, person, from, until, reason: words.rest() })
}

/// `override cancel O3`.
pub(super) fn cancel_override(words: &mut Words<'_>) -> Reading {
    let word = words.one()?;
    let number = word.strip_prefix(['o', 'O']).unwrap_or(&word).parse();
    number
        .map(Request::CancelOverride)
        .map_err(|_| format!("`{word}` is no number of an override. {}", words.usage()))
}

/// `swap SCHEDULE PERSON PERSON [fri]`.
pub(super) fn swap(words: &mut Words<'_>) -> Reading {
    let (schedule, one, other) = (words.one()?, words.one()?, words.one()?);
    let near = if words.is_empty() { None } else { Some(words.moment()?) };
    if words.is_empty() { Ok(Request::Swap { schedule, one, other, near }) } else { Err(words.usage()) }
}

pub(super) fn page(words: &mut Words<'_>) -> Reading {
    let who = words.one()?;
    if words.is_empty() {
        return Err(words.usage());
    }
    Ok(Request::Page { who, text: words.rest() })
}

/// `drill OBJECT [STATE] [POLICY]`: a word that is no state and stands alone is a policy.
pub(super) fn drill(words: &mut Words<'_>) -> Reading {
    let object = words.one()?;
    let [first, second] = [words.optional(), words.optional()].map(|word| word.map(str::to_owned));
    if !words.is_empty() {
        return Err(words.usage());
    }
    let is_state = |word: &String| State::ALL.iter().any(|state| state.name().eq_ignore_ascii_case(word));
    let (state, policy) = match (first, second) {
        (Some(word), None) if !is_state(&word) => (None, Some(word)),
        both => both,
    };
    Ok(Request::Drill { object, state, policy })
}

pub(super) fn reload(words: &mut Words<'_>) -> Reading {
    let force = words.took("force");
    if words.is_empty() { Ok(Request::Reload { force }) } else { Err(words.usage()) }
}

pub(super) fn diff(words: &mut Words<'_>) -> Reading {
    let length = words.optional().map_or(Ok(COMPARED_UNLESS_SAID), parse_duration);
    length.map(Request::Diff).map_err(|error| format!("{error}. {}", words.usage()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;
    use crate::model::Timestamp;
    use jiff::tz::TimeZone;

    fn muted(line: &str) -> Result<MuteAsked, String> {
        let now = Timestamp::from_second(1_700_000_000).expect("a moment");
        match parse(line, now, &TimeZone::UTC)?.request {
            Request::Mute(mute) => Ok(mute),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn in_seconds(seconds: i64) -> Option<Timestamp> {
        Timestamp::from_second(1_700_000_000 + seconds).ok()
    }

    #[test]
    fn a_mute_says_what_and_what_ends_it_in_any_order() {
        let of = |what: &[&str]| MuteAsked {
            what: what.iter().map(|word| (*word).to_owned()).collect(),
            ..MuteAsked::default()
        };
        let hour = |what: &[&str]| MuteAsked { until: in_seconds(3600), ..of(what) };
        let reason = |text: &str, mute: MuteAsked| MuteAsked { reason: text.to_owned(), ..mute };
        let tuesday = |span: &str| MuteAsked { every: Some(span.to_owned()), ..of(&["db1"]) };
        for (line, wanted) in [
            ("mute host2", hour(&["host2"])),
            ("mute host2 1h flaky", reason("flaky", hour(&["host2"]))),
            ("mute host2 flaky disk=sda", reason("flaky disk=sda", hour(&["host2"]))),
            (
                "mute host.vars.team=shop state!=DOWN 1h moving",
                reason("moving", hour(&["host.vars.team=shop", "state!=DOWN"])),
            ),
            ("mute db1 until ok", MuteAsked { until_ok: true, ..of(&["db1"]) }),
            ("mute db1 Until OK", MuteAsked { until_ok: true, ..of(&["db1"]) }),
            (
                "mute db1 until ok for 1h known",
                reason("known", MuteAsked { until_ok: true, until: in_seconds(3600), ..of(&["db1"]) }),
            ),
            (
                "mute db1 every tue 02:00-04:00 Europe/Paris backups",
                reason("backups", tuesday("tue 02:00-04:00 Europe/Paris")),
            ),
            ("mute db1 every Sat,Sun", tuesday("Sat,Sun")),
            (
                "mute db1 unused 7d noise",
                reason("noise", MuteAsked { unused: Some(Duration::from_secs(7 * 86_400)), ..of(&["db1"]) }),
            ),
            ("mute db1 mirror 1h", MuteAsked { mirror: true, ..hour(&["db1"]) }),
        ] {
            assert_eq!(muted(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn what_ends_a_mute_and_cannot_be_read_is_answered() {
        for (line, words) in [
            ("mute", "write: mute OBJECT"),
            ("mute db1 every month", "is no span of the week"),
            ("mute db1 every", "write: mute OBJECT"),
            ("mute db1 every mon 25:00-26:00", "`mon 25:00-26:00` is no span of the week"),
            ("mute db1 every mon 9-17 backups", "`mon 9-17` is no span of the week"),
            ("mute db1 0m", "`0m` is not a time"),
            ("mute db1 -2h flaky", "`-2h` is not a time"),
            ("mute db1 2 months", "`2 months` is not a time"),
            ("mute db1 for", "a time is missing"),
            ("mute db1 unused soon", "`soon` is not a length of time"),
            ("mute db1 until ever", "is not a time"),
        ] {
            let answer = muted(line).expect_err(line);
            assert!(answer.contains(words), "{line}: {answer}");
        }
    }

    #[test]
    fn a_drill_takes_a_state_a_policy_or_both() {
        let read =
            |line: &str| parse(line, Timestamp::UNIX_EPOCH, &TimeZone::UTC).map(|command| command.request);
        let drill = |state: Option<&str>, policy: Option<&str>| {
            let [state, policy] = [state, policy].map(|word| word.map(str::to_owned));
            Ok(Request::Drill { object: "db1".to_owned(), state, policy })
        };
        assert_eq!(read("drill db1"), drill(None, None));
        assert_eq!(read("drill db1 down"), drill(Some("down"), None));
        assert_eq!(read("drill db1 dba"), drill(None, Some("dba")));
        assert_eq!(read("drill db1 DOWN dba"), drill(Some("DOWN"), Some("dba")));
        assert_eq!(read("drill db1 DWON dba"), drill(Some("DWON"), Some("dba")));
        for line in ["drill", "drill db1 DOWN dba now"] {
            assert!(read(line).is_err_and(|answer| answer.contains("write: drill OBJECT")), "{line}");
        }
    }

    #[test]
    fn quiet_takes_a_time_or_off() {
        let read = |line: &str| {
            let now = Timestamp::from_second(1_700_000_000).expect("a moment");
            parse(line, now, &TimeZone::UTC).map(|command| command.request)
        };
        assert_eq!(read("quiet 2h"), Ok(Request::Quiet(in_seconds(7200))));
        assert_eq!(read("quiet off"), Ok(Request::Quiet(None)));
        assert!(read("quiet").is_err_and(|answer| answer.contains("write: quiet 2h|off")));
        assert_eq!(read("watch"), Ok(Request::Watching));
        assert_eq!(read("watch #2"), Ok(Request::Watch("#2".to_owned())));
    }
}
