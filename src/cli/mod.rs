//! The command line: verbs, their options, and what they print.
//!
//! Owns: exit codes. 0: all is well; 1: something is wrong, and it was said;
//! 2: the command line itself was wrong; 3: `route` found that nobody would be told.
//! `diff` has its own.

mod audit;
mod backup;
mod check;
mod dead;
mod demo;
mod diff;
mod oncall;
mod print;
mod replay;
mod route;
mod run;
mod schedules;
mod test;
mod why;

use crate::config::{self, Config};
use crate::model::time::parse_duration;
use clap::{Args, Parser, Subcommand, ValueEnum};
use print::{err, styled_errors};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Watchbell routes what Icinga 2 reports to the people who should hear of it, by
/// rules that you edit while it runs.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Arguments {
    /// The configuration [default: watchbell.toml; replay and demo go without].
    #[arg(long, short, global = true, env = "WATCHBELL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

/// The configuration read where none is named.
const CONFIG: &str = "watchbell.toml";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Listen to Icinga and tell people, until told to stop.
    Run {
        /// Take rules and templates even if their tests fail, now and at each reload.
        #[arg(long)]
        force: bool,
    },
    /// Check configuration, rules and templates, and run the tests of the rules;
    /// start nothing. Exit 1 if anything is wrong.
    Check {
        /// Name the rules that no test touched.
        #[arg(long)]
        coverage: bool,
    },
    /// Run the tests that stand in rule files. Needs no network and no database.
    /// Exit 1 if one fails.
    Test(TestArguments),
    /// Play a recorded event stream through the rules and show what would be told.
    /// Needs no network, and no database but for --journal.
    Replay(ReplayArguments),
    /// Compare other rules with those in force on what came in: what would be told more,
    /// less, elsewhere or at another time. Exit 0: no difference, 1: a difference, 2:
    /// trouble.
    Diff(DiffArguments),
    /// Say what came, what was decided by which rule, and who was told, newest first.
    Why {
        /// A host or HOST!SERVICE, or a part of the name that only one has; an incident,
        /// such as #42; a delivery, such as d123.
        #[arg(value_name = "OBJECT")]
        what: String,
        /// How many decisions to show, newest first.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// List the messages that were given up, newest first, or have them sent after all.
    Dead(DeadArguments),
    /// List the commands that people wrote, oldest first, with what came of each. Works
    /// beside `run`.
    Audit(AuditArguments),
    /// Say why a target did not hear of the newest problem of a host or service.
    WhyNot {
        /// A host or HOST!SERVICE, or a part of the name that only one has; or #42.
        object: String,
        /// The target, as watchbell.toml calls it.
        target: String,
    },
    /// Say who would be told if a host or service had a state, by the rules and what is
    /// known now, and what would follow by itself. Changes and sends nothing. Exit 0 if
    /// anybody would be told, 3 if nobody.
    Route(RouteArguments),
    /// Say who is on call, and whose turn comes when, overrides and all. Exit 3 if nobody is
    /// on call by one of the schedules.
    Oncall(OncallArguments),
    /// Copy the database, also while Watchbell runs: whole, checked, for its owner only.
    Backup {
        /// The file to make; one that is there is not overwritten.
        file: PathBuf,
    },
    /// See it work: a recorded Icinga plays through the shipped rules into this
    /// terminal, where you can type commands and edit the rules meanwhile.
    Demo,
}

/// What `test` takes.
#[derive(Debug, Args)]
struct TestArguments {
    /// Only tests with one of these in their names.
    #[arg(value_name = "NAME-PART")]
    names: Vec<String>,
    /// The rules to test [default: those of the configuration]. Without --config they
    /// may name any target, and times are UTC.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The templates to render with [default: those of the configuration, or the shipped
    /// ones].
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

/// What `replay` takes.
#[derive(Debug, Args)]
struct ReplayArguments {
    /// A recording: lines of Icinga's /v1/events, plain or gzipped; - for standard
    /// input.
    #[arg(required_unless_present = "journal", conflicts_with = "since")]
    file: Option<PathBuf>,
    /// Play what this Watchbell took in itself instead, from its database.
    #[arg(long, conflicts_with_all = ["file", "objects"])]
    journal: bool,
    /// How far back to begin with --journal; what was before is played silently.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_duration)]
    since: Duration,
    /// The rules to play it through [default: those of --config, or the shipped ones].
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The templates to render with [default: those of --config, or the shipped ones].
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Answers of Icinga's /v1/objects/hosts and /services, for vars and groups.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    objects: Vec<PathBuf>,
    /// At full speed, or at the pace of the recording.
    #[arg(long, value_enum, default_value_t = Pace::Max)]
    speed: Pace,
    /// Lines to read, or one JSON object for each delivery.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What `dead` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct DeadArguments {
    #[command(subcommand)]
    action: Option<DeadAction>,
    #[command(flatten)]
    choice: DeadChoice,
    /// How many to show, newest first.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Lines to read, or one JSON object for each message.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum DeadAction {
    /// Show all of one message.
    Show {
        /// Its number, such as d123.
        number: String,
    },
    /// Have messages sent after all, also while `run` goes on. Each says that it is late,
    /// and from when. Exit 1 if one of them is not dead.
    Replay {
        /// Their numbers, such as d123.
        #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with_all = ["all", "target", "since"])]
        numbers: Vec<String>,
        /// All that are listed.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        choice: DeadChoice,
    },
}

/// Which dead messages are meant.
#[derive(Debug, Args)]
struct DeadChoice {
    /// Only those for this target.
    #[arg(long)]
    target: Option<String>,
    /// Only those given up in the last 15m, 2h or 1d.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    since: Option<Duration>,
}

/// What `audit` takes.
#[derive(Debug, Args)]
struct AuditArguments {
    /// Only those of the last 15m, 2h or 1d.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_duration)]
    since: Duration,
    /// Only those of this person, as watchbell.toml calls them.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Only those about this object, by its full name; a host's services with it.
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// One JSON object for each command.
    #[arg(long)]
    json: bool,
}

/// What `oncall` takes.
#[derive(Debug, Args)]
struct OncallArguments {
    /// Which schedule [default: all].
    schedule: Option<String>,
    /// When: 3:00, "fri 3:00", 2h, "2026-11-24 3:00" [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How many days to show.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// As a calendar (iCalendar), to be imported elsewhere.
    #[arg(long)]
    ical: bool,
}

/// What `route` takes.
#[derive(Debug, Args)]
struct RouteArguments {
    /// A host or HOST!SERVICE, by its full name; Icinga need not know it.
    object: String,
    /// UP or DOWN; OK, WARNING, CRITICAL or UNKNOWN.
    state: String,
    /// When: 3:00, "fri 3:00", 2h, "2026-11-24 3:00" [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The state is soft: Icinga is still trying.
    #[arg(long)]
    soft: bool,
    /// What the check writes.
    #[arg(long, value_name = "TEXT")]
    output: Option<String>,
    /// The rules to try [default: those of the configuration, or the shipped ones].
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// A variable to try, such as host.vars.role=db; may be given several times.
    #[arg(long = "var", value_name = "PATH=VALUE")]
    vars: Vec<String>,
    /// How far to look ahead.
    #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = parse_duration)]
    lasting: Duration,
}

/// What `diff` takes.
#[derive(Debug, Args)]
struct DiffArguments {
    /// The rules that may take the place of those in force.
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// Templates that go with them; only checked, texts are not compared [default: those
    /// in force].
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// How far back to compare; what was before is played silently.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_duration)]
    since: Duration,
    /// A recording to compare on instead of the journal: lines of Icinga's /v1/events,
    /// plain or gzipped; - for standard input.
    #[arg(conflicts_with = "since")]
    file: Option<PathBuf>,
    /// Answers of Icinga's /v1/objects/hosts and /services, for vars and groups; with a
    /// recording.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "file")]
    objects: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Pace {
    Max,
    Real,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Does what the arguments say.
pub fn main(arguments: Arguments) -> ExitCode {
    crate::tls::install_provider();
    let config = arguments.config.as_deref();
    let result = match &arguments.verb {
        Verb::Run { force } => run::run(&named(config), *force),
        Verb::Check { coverage } => check::check(&named(config), *coverage),
        Verb::Test(options) => test::test(config, options),
        Verb::Replay(options) => replay::replay(config, options),
        Verb::Why { what, limit } => why::why(&named(config), what, *limit),
        Verb::Dead(options) => dead::dead(&named(config), options),
        Verb::Audit(options) => audit::audit(&named(config), options),
        Verb::WhyNot { object, target } => why::why_not(&named(config), object, target),
        Verb::Route(options) => route::route(config, options),
        Verb::Diff(options) => Ok(diff::diff(config, options)),
        Verb::Oncall(options) => oncall::oncall(&named(config), options),
        Verb::Backup { file } => backup::backup(&named(config), file),
        Verb::Demo => demo::demo(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            err(&format!("error: {}", in_words(&error)));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes; a cause that the words before it name already is not
/// said again.
fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |words, cause| match words.as_str() {
        "" => cause,
        said if said.contains(&cause) => words,
        said => format!("{said}: {cause}"),
    })
}

fn named(config: Option<&Path>) -> PathBuf {
    config.unwrap_or(Path::new(CONFIG)).to_owned()
}

/// Reads the configuration; says all its faults and gives the exit code if it has any.
fn load(path: &Path) -> Result<Config, ExitCode> {
    config::load(path).map_err(|faults| {
        err(faults.render(styled_errors()).trim_end());
        ExitCode::FAILURE
    })
}

/// Sets the log up: to standard error, as RUST_LOG says or else from `info` on.
fn log(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    // At `trace` it writes each line to the server, the password among them.
    let filter = filter.add_directive("async_imap::imap_stream=info".parse().expect("it is written right"));
    let colour = styled_errors();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
