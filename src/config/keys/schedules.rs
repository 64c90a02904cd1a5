//! The keys of `[schedule.NAME]` and of its layers.

use super::{Key, Table, default, optional, required};

/// `[schedule.NAME]`.
pub(in crate::config) const SCHEDULE: Table = Table {
    header: "[schedule.NAME]",
    meaning: "Who is on call when: layers of persons who take turns, or a calendar; see [on call](oncall.md).",
    keys: &[
        optional(
            "zone",
            r#""Europe/Berlin""#,
            "Time zone whose clocks hand-overs go by; that of `[defaults]` where left out.",
        ),
        optional(
            "ical_file",
            r#""dba.ics""#,
            "A calendar (iCalendar, RFC 5545) instead of layers: who is named by an event is on call while it lasts, by mail address (`ATTENDEE`, `ORGANIZER`) or by a name in `SUMMARY`.",
        ),
        ICAL_URL,
        optional(
            "ical_url_file",
            r#""dba.url""#,
            "A file that holds such an address, readable by nobody else.",
        ),
        optional("ical_url_env", r#""DBA_CALENDAR""#, "An environment variable that holds it."),
        optional(
            "ical_ca_file",
            r#""ca.crt""#,
            "PEM of the CA that signed the certificate of that server; the system's CAs where left out.",
        ),
        default(
            "gaps",
            r#""told""#,
            "What hours without anybody on call are: `\"told\"` a day before they come, and by `watchbell check`; or `\"meant\"`, as for office hours.",
        ),
    ],
    tables: &["layer"],
};

const ICAL_URL: Key = optional(
    "ical_url",
    r#""https://cloud.example.org/dba.ics""#,
    "The same from a server, `https` only, read at the start and every hour. An address that holds a token is kept with `ical_url_file` or `ical_url_env`. It is shown nowhere.",
);

/// `[[schedule.NAME.layer]]`.
pub(in crate::config) const LAYER: Table = Table {
    header: "[[schedule.NAME.layer]]",
    meaning: "Persons who take turns. May stand several times; a later one stands above those before it: whoever it names is on call, and where it names nobody the ones below count.",
    keys: &[
        required("persons", r#"["alice", "bob"]"#, "Names of `[person.NAME]`, in turn; one may stand twice."),
        required(
            "rotate",
            r#""1w""#,
            "How long a turn is: hours (`12h`), days (`1d`) or weeks (`1w`), one of them. Days and weeks are those of the calendar, so that hand-over stays at its time when clocks change; hours are hours that pass.",
        ),
        required(
            "handover",
            r#""mon 09:00""#,
            "When turns change: a time, with a day of the week before it where the first turn is to begin on that. A time that the clocks skip comes as much later as they skip; one that they show twice is meant the first time.",
        ),
        required(
            "from",
            r#""2026-01-05""#,
            "The first turn begins at the first hand-over on this day or after it.",
        ),
        optional("until", r#""2026-12-31""#, "The last day of the layer."),
        optional(
            "during",
            r#""Mon-Fri 09:00-17:00""#,
            "Only then is the layer in force, as in `during` of [rules](rules.md): days, times, and a zone if it is to be another.",
        ),
    ],
    tables: &[],
};
