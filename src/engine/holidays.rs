//! Calendars of holidays, as rule files declare them.
//!
//! Owns: which days are holidays. Never: knows a zone; a day is one of the wall clock.

use jiff::civil::Date;
use std::collections::BTreeSet;

/// Days on which other hours hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calendar {
    once: BTreeSet<Date>,
    /// Month and day, every year. The 29th of February comes in leap years only.
    yearly: BTreeSet<(i8, i8)>,
}

impl Calendar {
    /// Adds a day: a date like `2026-12-25`, or month and day for every year, like
    /// `12-25`. The error says what is wrong.
    pub fn add(&mut self, day: &str) -> Result<(), String> {
        let wrong = || {
            format!("`{day}` is no day of the calendar; write it like 2026-12-25, or 12-25 for every year")
        };
        let is_like = |form: &str| {
            day.len() == form.len()
                && day.bytes().zip(form.bytes()).all(|(byte, sign)| match sign {
                    b'-' => byte == b'-',
                    _ => byte.is_ascii_digit(),
                })
        };
        if is_like("yyyy-mm-dd") {
            self.once.insert(day.parse().map_err(|_| wrong())?);
            return Ok(());
        }
        if !is_like("mm-dd") {
            return Err(wrong());
        }
        // Whether there is such a day is asked of a leap year.
        let date: Date = format!("2028-{day}").parse().map_err(|_| wrong())?;
        self.yearly.insert((date.month(), date.day()));
        Ok(())
    }

    /// Whether this day is one of its days.
    pub fn holds(&self, date: Date) -> bool {
        self.once.contains(&date) || self.yearly.contains(&(date.month(), date.day()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_holds_its_days_and_no_other() {
        let mut calendar = Calendar::default();
        for day in ["2026-04-03", "12-25", "02-29"] {
            calendar.add(day).expect("a day");
        }
        for (date, expected) in [
            ("2026-04-03", true),
            ("2027-04-03", false),
            ("2026-12-25", true),
            ("1999-12-25", true),
            ("2028-02-29", true),
            ("2027-03-01", false),
            ("2027-02-28", false),
        ] {
            assert_eq!(calendar.holds(date.parse().expect("a date")), expected, "{date}");
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for day in
            ["", "25.12.", "2026-02-29", "02-30", "13-01", "2026-12-25T10:00", "26-12-25", "1-1", "ab-cd"]
        {
            let error = Calendar::default().add(day).expect_err(day);
            assert!(error.contains("write it like 2026-12-25, or 12-25"), "{error}");
        }
    }
}
