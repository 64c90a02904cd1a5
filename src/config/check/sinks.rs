//! `[sink.<kind>.<name>]`: the ways out.

use super::{check_name, mail, webhook};
use crate::config::keys::{SINK, SINKS};
use crate::config::raw::Section;
use crate::config::reader::Written;
use crate::config::{ConsoleSettings, ExecSettings, IrcSettings, Sasl, SinkKind, SinkSettings};
use crate::model::API;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// All sinks that are right, and the kind of each name that is written.
pub(super) fn sinks(root: &Section<'_>) -> (BTreeMap<String, SinkSettings>, BTreeMap<String, &'static str>) {
    let mut sinks = BTreeMap::new();
    let mut kinds: BTreeMap<String, &'static str> = BTreeMap::new();
    let Some(table) = root.section("sink", &SINK) else { return (sinks, kinds) };
    for (kind, known) in SINKS {
        for (name, section) in table.named(kind, known) {
            check_name(&section, &name);
            if name.value == API {
                let message = "has the name that stands for the listening socket in the audit";
                section.reader.fault(
                    &name.spot,
                    message,
                    "give it another name, and name that in its targets",
                );
            }
            if let Some(other) = kinds.insert(name.value.clone(), kind) {
                let message = format!("has the name of another sink, `sink.{other}.{}`", name.value);
                section.reader.fault(
                    &name.spot,
                    message,
                    "targets name sinks without their kind: rename one of the two",
                );
            }
            if let Some(kind) = settings(kind, &section) {
                sinks.insert(name.value.clone(), SinkSettings { name: name.value, kind });
            }
        }
    }
    (sinks, kinds)
}

fn settings(kind: &str, section: &Section<'_>) -> Option<SinkKind> {
    match kind {
        "irc" => irc(section).map(SinkKind::Irc),
        "email" => mail::email(section).map(SinkKind::Email),
        "webhook" => webhook::webhook(section).map(SinkKind::Webhook),
        "exec" => exec(section).map(SinkKind::Exec),
        // Its zone is known when all sections are read.
        _ => Some(SinkKind::Console(ConsoleSettings { zone: TimeZone::UTC })),
    }
}

fn irc(section: &Section<'_>) -> Option<IrcSettings> {
    let tls = section.flag("tls");
    let default_port = if tls == Some(false) { 6667 } else { 6697 };
    let written = section.text("server");
    let server = written.as_ref().and_then(|written| section.server(written, &written.value, default_port));
    if let (Some(false), Some(server), Some(written)) = (tls, &server, &written)
        && !server.is_loopback()
    {
        let help = "remove `tls = false`; without TLS anybody on the way can read and give orders";
        section.reader.fault(&written.spot, "is not this machine, and `tls` is off", help);
    }
    let nick = section.text("nick");
    if let Some(Written { value: nick, spot }) = &nick
        && !is_nick(nick)
    {
        section.reader.fault(
            spot,
            "is no nick",
            "letters, digits and -_[]\\`^{|}, not beginning with a digit or `-`",
        );
    }
    let sasl = sasl(section, nick.as_ref());
    let ca_file = section.certificate_file("ca_file");
    let server_name = section.server_name();
    let codes = section.flag("codes");
    let lines_per_second = section.number("lines_per_second", 0.01..=1000.0);
    let burst = section.integer("burst", 1..=1000);
    let server = server?;
    Some(IrcSettings {
        host: server.host,
        port: server.port,
        tls: tls?,
        ca_file,
        server_name,
        nick: nick?.value,
        sasl,
        codes: codes?,
        lines_per_second: lines_per_second?,
        burst: burst?,
    })
}

fn sasl(section: &Section<'_>, nick: Option<&Written<String>>) -> Option<Sasl> {
    let user = section.text("sasl_user");
    let has_password =
        ["sasl_password", "sasl_password_file", "sasl_password_env"].iter().any(|key| section.has(key));
    if user.is_none() && !has_password {
        return None;
    }
    let password = section.required_secret("sasl_password")?;
    let user = user.as_ref().or(nick)?;
    Some(Sasl { user: user.value.clone(), password })
}

/// RFC 2812, section 2.3.1, without its limit of nine characters.
pub(super) fn is_nick(text: &str) -> bool {
    let special = |character: char| "[]\\`_^{|}".contains(character);
    let first = |character: char| character.is_ascii_alphabetic() || special(character);
    let later = |character: char| first(character) || character.is_ascii_digit() || character == '-';
    text.starts_with(first) && text.chars().all(later) && text.len() <= 64
}

fn exec(section: &Section<'_>) -> Option<ExecSettings> {
    let command = section.texts("command");
    let timeout = section.duration("timeout");
    let command = command?;
    let Some(program) = command.value.first() else {
        section.reader.fault(
            &command.spot,
            "is empty",
            "write the program and its arguments, each in quotes",
        );
        return None;
    };
    let path = find_program(&section.reader.folder, &program.value);
    let Some(path) = path else {
        let message = format!("names the program `{}`, which is not there or may not be run", program.value);
        section.reader.fault(
            &program.spot,
            message,
            "write its whole path; arguments are texts of their own; `chmod +x` it if it is yours",
        );
        return None;
    };
    let arguments = command.value.iter().skip(1).map(|argument| argument.value.clone());
    Some(ExecSettings { command: [path].into_iter().chain(arguments).collect(), timeout: timeout? })
}

/// A name without a slash is looked for in `PATH`, another starts at the folder
/// of the configuration.
fn find_program(folder: &Path, name: &str) -> Option<String> {
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![folder.join(name)]
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(name)).collect()
    };
    let runs = |path: &&PathBuf| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    candidates.iter().find(runs)?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nicks_are_as_irc_has_them() {
        for (text, expected) in [
            ("alice", true),
            ("[alice]_2", true),
            ("a-b", true),
            ("2alice", false),
            ("-alice", false),
            ("ali ce", false),
            ("älice", false),
            ("#ops", false),
            ("", false),
        ] {
            assert_eq!(is_nick(text), expected, "{text}");
        }
    }

    #[test]
    fn programs_are_found_by_path_and_by_name() {
        let here = Path::new("/bin");
        assert_eq!(find_program(here, "./sh").as_deref(), Some("/bin/./sh"));
        assert!(find_program(here, "sh").is_some_and(|path| path.ends_with("/sh")));
        assert_eq!(find_program(here, "/etc/passwd"), None);
        assert_eq!(find_program(here, "/bin"), None);
        assert_eq!(find_program(here, "no-such-program"), None);
    }
}
