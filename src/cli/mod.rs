//! The command line: verbs, their options, and what they print.
//!
//! Owns: exit codes. 0: all is well; 1: something is wrong, and it was said;
//! 2: the command line itself was wrong. `diff` has its own.

mod check;
mod demo;
mod diff;
mod print;
mod replay;
mod run;
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
    Run,
    /// Check configuration, rules and templates; start nothing. Exit 1 if anything
    /// is wrong.
    Check,
    /// Play a recorded event stream through the rules and show what would be told.
    /// Needs no network, and no database but for --journal.
    Replay(ReplayArguments),
    /// Compare other rules with those in force on what came in: what would be told more,
    /// less, elsewhere or at another time. Exit 0: no difference, 1: a difference, 2:
    /// trouble.
    Diff(DiffArguments),
    /// Say what was decided about a host or service, and why.
    Why {
        /// Icinga's full name: HOST or HOST!SERVICE.
        object: String,
        /// How many decisions to show, newest first.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// See it work: a recorded Icinga plays through the shipped rules into this
    /// terminal, where you can type commands and edit the rules meanwhile.
    Demo,
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
        Verb::Run => run::run(&named(config)),
        Verb::Check => check::check(&named(config)),
        Verb::Replay(options) => replay::replay(config, options),
        Verb::Diff(options) => Ok(diff::diff(config, options)),
        Verb::Why { object, limit } => why::why(&named(config), object, *limit),
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
    let colour = styled_errors();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
