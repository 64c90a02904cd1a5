//! One layer of a schedule: persons who take turns.
//!
//! Promises: a day's or week's hand-over is at its time of the clock on the wall, on each
//! side of a change of the clocks; hours are hours that pass.

use crate::config::{Handover, LayerSettings, Rotation};
use crate::model::Timestamp;
use crate::span::Span;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, ToSpan};

/// Persons who take turns.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    persons: Vec<String>,
    rotate: Rotation,
    /// The first hand-over, on the wall.
    first: DateTime,
    /// The first moment after it; `None` if it has no end.
    end: Option<Timestamp>,
    /// When it is in force, and by which clocks; `None` if always.
    during: Option<(Span, TimeZone)>,
    zone: TimeZone,
}

impl Layer {
    /// The layer that the configuration means, in the zone of its schedule.
    pub(super) fn of(settings: &LayerSettings, zone: &TimeZone) -> Layer {
        let during = settings.during.clone().map(|span| {
            let own = span.zone().cloned();
            (span, own.unwrap_or_else(|| zone.clone()))
        });
        let after_last = settings.until.and_then(|last| last.tomorrow().ok());
        Layer {
            persons: settings.persons.clone(),
            rotate: settings.rotate,
            first: first(settings.handover, settings.from),
            end: after_last.and_then(|day| moment(day.at(0, 0, 0, 0), zone)),
            during,
            zone: zone.clone(),
        }
    }

    /// Who takes turns.
    pub(super) fn persons(&self) -> &[String] {
        &self.persons
    }

    /// Who has the turn at a moment; `None` where it is not in force.
    pub(super) fn holder(&self, at: Timestamp) -> Option<&str> {
        if self.start(0).is_none_or(|start| at < start) || self.end.is_some_and(|end| at >= end) {
            return None;
        }
        if let Some((span, zone)) = &self.during
            && !span.covers(zone.to_datetime(at), |_| false)
        {
            return None;
        }
        let person = self.turn_at(at).rem_euclid(self.persons.len() as i64);
        self.persons.get(person as usize).map(String::as_str)
    }

    /// The moments between two others at which it may name somebody else; more than those,
    /// perhaps, and in no order.
    pub(super) fn edges(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let first_turn = self.turn_at(from);
        let handovers = (first_turn..).map_while(|turn| self.start(turn)).take_while(|start| *start < to);
        let mut edges: Vec<Timestamp> = handovers.chain(self.end).collect();
        if let Some((span, zone)) = &self.during {
            edges.extend(span_edges(span, zone, from, to));
        }
        edges
    }

    /// When a turn begins, counted from 0; `None` past the end of time.
    fn start(&self, turn: i64) -> Option<Timestamp> {
        match self.rotate {
            Rotation::Hours(hours) => {
                let passed = SignedDuration::try_from_hours(turn.checked_mul(hours.into())?)?;
                moment(self.first, &self.zone)?.checked_add(passed).ok()
            }
            Rotation::Days(days) => {
                let days = turn.checked_mul(days.into())?;
                moment(self.first.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?, &self.zone)
            }
        }
    }

    /// The turn that a moment lies in, counted from 0, which also stands for what is before it.
    fn turn_at(&self, at: Timestamp) -> i64 {
        let near = match self.rotate {
            Rotation::Hours(hours) => {
                self.start(0).map_or(0, |first| at.duration_since(first).as_hours().div_euclid(hours.into()))
            }
            // By the calendar, which clocks that change may put off by one.
            Rotation::Days(days) => {
                let passed = self.zone.to_datetime(at).date().duration_since(self.first.date());
                passed.as_hours().div_euclid(24).div_euclid(days.into()) - 1
            }
        };
        let mut turn = near.max(0);
        while turn > 0 && self.start(turn).is_none_or(|start| start > at) {
            turn -= 1;
        }
        while self.start(turn + 1).is_some_and(|next| next <= at) {
            turn += 1;
        }
        turn
    }
}

/// The first hand-over on a day or after it.
fn first(handover: Handover, from: Date) -> DateTime {
    let ahead = handover.day.map_or(0, |day| from.weekday().until(day));
    let date = from.checked_add(i64::from(ahead).days()).unwrap_or(from);
    date.to_datetime(handover.time)
}

/// The moment at which the clocks show this; as much later as they skip where they do not,
/// and the first where they do twice. `None` outside of time.
fn moment(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(wall).compatible().ok()
}

/// Where a span of the week may begin or end between two moments: at its times, each time
/// that the clocks show them, and where the clocks change.
fn span_edges(span: &Span, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut edges: Vec<Timestamp> =
        zone.following(from).map(|change| change.timestamp()).take_while(|change| *change < to).collect();
    let last = zone.to_datetime(to).date();
    let mut date = zone.to_datetime(from).date().yesterday().ok();
    while let Some(day) = date.filter(|day| *day <= last) {
        edges.extend(span.edges(day).flat_map(|wall| moments(wall, zone)));
        date = day.tomorrow().ok();
    }
    edges
}

/// All moments at which the clocks show this: none, one or two.
fn moments(wall: DateTime, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let offsets = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
        AmbiguousOffset::Gap { .. } => [None, None],
        AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
    };
    offsets.into_iter().flatten().filter_map(move |offset| offset.to_timestamp(wall).ok())
}
