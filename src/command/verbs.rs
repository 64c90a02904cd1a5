//! The one table of built-in commands: name, form, help, and who may.

/// One built-in command, as `help` and the reference show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerbHelp {
    /// Its name.
    pub name: &'static str,
    /// What follows the name.
    pub form: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Whether it changes something, so that a verified operator is needed.
    pub changes: bool,
}

const fn reads(name: &'static str, form: &'static str, help: &'static str) -> VerbHelp {
    VerbHelp { name, form, help, changes: false }
}

const fn changes(name: &'static str, form: &'static str, help: &'static str) -> VerbHelp {
    VerbHelp { name, form, help, changes: true }
}

/// All built-in commands, in the order of `help`.
pub const VERBS: &[VerbHelp] = &[
    reads("help", "[COMMAND]", "the commands you may use, or one of them in full"),
    reads("ping", "", "answers at once"),
    reads("whoami", "", "who you are to Watchbell, and what you may do"),
    reads("i2status", "", "counts of hosts and services, what is not handled, and how Watchbell is"),
    reads("host", "HOST", "state of a host and its services in trouble"),
    reads("service", "HOST!SERVICE", "state of a service"),
    reads("problems", "[PART]", "what is broken now, worst first"),
    reads("mutes", "", "what is muted, by whom, why and until when"),
    reads("rules", "", "the rules in force"),
    reads("why", "OBJECT|#N|D12", "what was decided, by which rule, and who was told"),
    reads("why-not", "OBJECT TARGET", "why a target did not hear of the newest problem"),
    reads("dead", "[TARGET] | replay D12 ...", "what was given up; an operator has it sent after all"),
    changes("ack", "OBJECT [for 2h | until 18:00] [sticky] COMMENT", "acknowledge a problem in Icinga"),
    changes("unack", "OBJECT", "remove an acknowledgement"),
    changes("comment", "OBJECT TEXT", "add a comment in Icinga"),
    changes("recheck", "OBJECT", "check it now"),
    changes(
        "mute",
        "OBJECT|PATTERN [for] 1h | until 18:00 [REASON]",
        "hear nothing of it for a time; a host's services with it",
    ),
    changes("unmute", "M3|OBJECT", "hear of it again"),
    changes("reload", "[force]", "read rules and templates again now; by force, even if their tests fail"),
    changes("diff", "[24h]", "what the candidate rules would have told otherwise in this time"),
];

/// Finds a command by its name.
pub fn find(name: &str) -> Option<&'static VerbHelp> {
    VERBS.iter().find(|verb| verb.name == name)
}
