//! The keys of what calls people: their ways, and escalations.

use super::{Key, Presence, Table, default, optional, required, table};

/// `[[person.NAME.way]]`.
pub(in crate::config) const WAY: Table = table(
    "[[person.NAME.way]]",
    "One way to reach this person, in the order of trying. For rules each is a target as well, by person and sink: `alice/libera`.",
    &[
        required("sink", r#""libera""#, "Name of the sink it goes through."),
        optional(
            "to",
            r#""+49 30 1234""#,
            "The address there. Where left out: for IRC whoever is there under the person's account (`irc`), for mail their address (`mail`).",
        ),
        default(
            "after",
            r#""0s""#,
            "How long after the call it is tried, if nobody has acknowledged until then; at once if all ways before it have failed, such as when the person is not on IRC.",
        ),
    ],
);

/// `[escalation.NAME]`.
pub(in crate::config) const ESCALATION: Table = Table {
    header: "[escalation.NAME]",
    meaning: "Who is called, one after the other, until somebody acknowledges a problem or it ends. A rule begins it: `e.escalate(\"NAME\")`. It survives a restart.",
    keys: &[
        default("repeat", "0", "How often all steps are gone through once more, up to 100 times."),
        default("repeat_after", r#""30m""#, "How long after the last step that is."),
        default(
            "fallback",
            r#""default""#,
            "The target that is told where a step reaches nobody, such as when nobody is on call.",
        ),
        default("acks", "1", "How many people must acknowledge before nobody else is called."),
        optional(
            "ack_remind",
            r#""1h""#,
            "After this time, and again and again, whoever acknowledged is reminded that it is still broken.",
        ),
        optional(
            "ack_timeout",
            r#""4h""#,
            "After this time an acknowledgement is taken back in Icinga, and the escalation goes on.",
        ),
    ],
    tables: &["step"],
};

/// `[[escalation.NAME.step]]`.
pub(in crate::config) const STEP: Table = table(
    "[[escalation.NAME.step]]",
    "One step of it, in the order of the file.",
    &[
        Key {
            name: "to",
            presence: Presence::Required,
            example: r#"["person:alice", "ops"]"#,
            meaning: "Who is called: `person:NAME`, `schedule:NAME` (whoever is on call), `role:NAME` (everybody who has it), or a target.",
        },
        default(
            "after",
            r#""0s""#,
            "How long after the step before, or after the beginning; sooner if everybody whom the step before called could not be reached.",
        ),
    ],
);
