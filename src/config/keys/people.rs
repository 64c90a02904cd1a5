//! The keys of `[person.NAME]` and `[role.NAME]`: who may command, and what.

use super::{Key, Presence, Table, default, optional, required, table};

/// `[person.NAME]`.
pub(in crate::config) const PERSON: Table = Table {
    header: "[person.NAME]",
    meaning: "Somebody who may be told, or may command; see [people](people.md).",
    keys: &[
        optional(
            "icinga_author",
            r#""alice""#,
            "Under this name Icinga hears of them; their name where left out.",
        ),
        optional(
            "irc",
            r#"{ libera = "alice", oftc = "al" }"#,
            "Their account on IRC, as the network verifies it: one for all networks, or a table with one for each, by the name of the sink.",
        ),
        optional("mail", r#""alice@example.org""#, "Their mail address."),
        Key {
            name: "roles",
            presence: Presence::Default("[]"),
            example: r#"["operator"]"#,
            meaning: "`operator` may change things, `admin` may do all; others are `[role.NAME]`.",
        },
        optional(
            "code_file",
            r#""alice.code""#,
            "File that holds the secret of their one-time codes (TOTP, RFC 6238), in base32; for networks without accounts.",
        ),
        optional("code_env", r#""ALICE_CODE""#, "Environment variable that holds that secret."),
        optional(
            "token_file",
            r#""alice.token""#,
            "File that holds the token they post commands with, sent as `Authorization: Bearer`; see [commands by HTTP](api.md).",
        ),
        optional("token_env", r#""ALICE_TOKEN""#, "Environment variable that holds that token."),
        optional(
            "quiet",
            r#""22:00-07:00""#,
            "Hours in which escalations call them for grave problems only; what is less grave waits for their end.",
        ),
        default(
            "quiet_floor",
            r#""CRITICAL""#,
            "What is grave: this state and worse, in the order `WARNING`, `UNKNOWN`, `CRITICAL`, `DOWN`.",
        ),
        optional("zone", r#""Europe/Berlin""#, "Time zone of `quiet`; that of `[defaults]` where left out."),
    ],
    tables: &["way"],
};

/// `[role.NAME]`.
pub(in crate::config) const ROLE: Table = table(
    "[role.NAME]",
    "What whoever has the role may do. `operator` and `admin` are built in and cannot be changed. Reading needs no role.",
    &[
        required(
            "commands",
            r#"["ack", "mute"]"#,
            "Names of commands, of rule files too; `\"*\"` is all of them.",
        ),
        optional(
            "rooms",
            r##"["#dba", "private"]"##,
            "Where it holds: channels, or `private` for what is said to Watchbell alone or posted; everywhere where left out.",
        ),
        optional(
            "objects",
            r#"{ "host.vars.role" = "db" }"#,
            "Which objects it holds for: fields as rules match them, all of which must hold; a text with `*` or `?` is a pattern, a list means one of them. All objects where left out.",
        ),
        optional(
            "longest",
            r#""8h""#,
            "How long an ack, a mute, a downtime, an override or a traded turn may last.",
        ),
        optional(
            "most_objects",
            "20",
            "How many objects one command may touch, and how many a `page` may call.",
        ),
    ],
);
