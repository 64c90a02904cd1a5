//! The edge of the process: arguments in, exit code out.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    watchbell::cli::main(watchbell::cli::Arguments::parse())
}
