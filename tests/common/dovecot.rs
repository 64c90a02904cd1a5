//! A real mail server that is read by IMAP: Debian's Dovecot, with the one mailbox `bell`.

use super::certificates::Authority;
use super::{Process, free_port, wait_for};
use secrecy::SecretString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use watchbell::config::{MailboxSettings, Sasl};

/// How long it may take for anything; far more than it needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The password of `bell`.
pub(crate) const PASSWORD: &str = "b3ll-p4ssw0rd";
/// Who it runs as where root starts it: Debian's `nobody`. It reads no mail as root.
const NOBODY: u32 = 65534;

/// A running Dovecot: IMAP with TLS, and LMTP, on 127.0.0.1.
pub(crate) struct Dovecot {
    /// IMAP with TLS from the first byte.
    pub(crate) port: u16,
    /// Where mails are handed in.
    pub(crate) lmtp_port: u16,
    /// The PEM of the CA that signed its certificate, for `localhost`.
    pub(crate) ca_file: PathBuf,
    dir: PathBuf,
    process: Process,
}

impl Dovecot {
    /// Starts it in a folder of its own inside `dir`.
    pub(crate) fn start(dir: &Path) -> Dovecot {
        Dovecot::start_with(dir, "")
    }

    /// The same with more in its configuration.
    pub(crate) fn start_with(dir: &Path, more: &str) -> Dovecot {
        let dir = dir.join("dovecot");
        for folder in ["run", "state", "mail/cur", "mail/new", "mail/tmp"] {
            fs::create_dir_all(dir.join(folder)).expect("the test's folder is writable");
        }
        let parent = dir.parent().expect("it was joined");
        fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let authority = Authority::new(&dir, "dovecot");
        let identity = authority.issue("localhost");
        let (port, lmtp_port) = (free_port(), free_port());
        let owner = owner(&dir);
        for folder in ["mail", "mail/cur", "mail/new", "mail/tmp"] {
            // Where that fails we are not root, and they are ours already.
            let _ = chown(dir.join(folder), Some(owner), Some(owner));
        }
        fs::write(dir.join("users"), format!("bell:{{PLAIN}}{PASSWORD}\n")).expect("it is writable");
        let files = (identity.cert_file.as_path(), identity.key_file.as_path());
        let usual = configuration(&dir, owner, port, lmtp_port, files);
        fs::write(dir.join("dovecot.conf"), format!("{usual}{more}")).expect("it is writable");
        let process = launch(&dir);
        let dovecot = Dovecot { port, lmtp_port, ca_file: authority.ca_file, dir, process };
        dovecot.wait_until_ready();
        dovecot
    }

    fn wait_until_ready(&self) {
        for port in [self.port, self.lmtp_port] {
            wait_for(&format!("Dovecot on port {port}"), PATIENCE, || {
                TcpStream::connect(("127.0.0.1", port)).ok()
            });
        }
    }

    /// Ends it and starts it again, on the same ports.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.process = launch(&self.dir);
        self.wait_until_ready();
    }

    /// Ends it, in order: its own children end with it.
    pub(crate) fn stop(&mut self) {
        self.process.signal("TERM");
        wait_for("the end of Dovecot", PATIENCE, || (!self.process.runs()).then_some(()));
    }

    /// Settings that fit.
    pub(crate) fn settings(&self) -> MailboxSettings {
        MailboxSettings {
            name: "bell".to_owned(),
            host: "localhost".to_owned(),
            port: self.port,
            tls: true,
            ca_file: Some(self.ca_file.clone()),
            server_name: None,
            login: Sasl { user: "bell".to_owned(), password: SecretString::from(PASSWORD) },
            folder: "INBOX".to_owned(),
            done_folder: None,
            every: Duration::from_secs(5),
            sinks: vec!["mail".to_owned()],
        }
    }

    /// Hands a mail in by LMTP, as a mail server does that took it from `sender`; empty for
    /// a bounce.
    pub(crate) fn deliver(&self, sender: &str, mail: &[u8]) {
        let stream = TcpStream::connect(("127.0.0.1", self.lmtp_port)).expect("it listens");
        let mut writer = stream.try_clone().expect("a socket can be cloned");
        let mut answers = BufReader::new(stream);
        let mut converse = |line: &[u8], code: &str| {
            writer.write_all(line).expect("it takes lines");
            loop {
                let mut answer = String::new();
                answers.read_line(&mut answer).expect("it answers");
                assert!(answer.starts_with(code), "{answer}");
                if answer.as_bytes().get(3) == Some(&b' ') {
                    return;
                }
            }
        };
        converse(b"", "220");
        converse(b"LHLO localhost\r\n", "250");
        converse(format!("MAIL FROM:<{sender}>\r\n").as_bytes(), "250");
        converse(b"RCPT TO:<bell>\r\n", "250");
        converse(b"DATA\r\n", "354");
        let mut data = Vec::with_capacity(mail.len() + 100);
        for line in mail.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                data.push(b'.');
            }
            data.extend_from_slice(line);
        }
        if !data.ends_with(b"\n") {
            data.extend_from_slice(b"\r\n");
        }
        data.extend_from_slice(b".\r\n");
        converse(&data, "250");
        converse(b"QUIT\r\n", "221");
    }

    /// Puts many mails into the mailbox at once, past the server.
    pub(crate) fn flood(&self, mails: impl Iterator<Item = String>) {
        let owner = owner(&self.dir);
        for (number, mail) in mails.enumerate() {
            let name = format!("{}.{number:06}.flood", 1_600_000_000 + number);
            let path = self.dir.join("mail/tmp").join(&name);
            fs::write(&path, mail).expect("it is writable");
            let _ = chown(&path, Some(owner), Some(owner));
            fs::rename(&path, self.dir.join("mail/new").join(&name)).expect("one file system");
        }
    }

    /// How many mails of a folder (`""` for the inbox) are marked as read, and how many not.
    pub(crate) fn seen_and_unseen(&self, folder: &str) -> (usize, usize) {
        let root =
            self.dir.join("mail").join(if folder.is_empty() { String::new() } else { format!(".{folder}") });
        let names = |part: &str| -> Vec<String> {
            let entries = fs::read_dir(root.join(part)).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        let (cur, new) = (names("cur"), names("new"));
        let seen = cur
            .iter()
            .filter(|name| name.split(":2,").nth(1).is_some_and(|flags| flags.contains('S')))
            .count();
        (seen, cur.len() - seen + new.len())
    }

    /// Waits until so many mails of the inbox are read and none is not.
    pub(crate) fn wait_until_seen(&self, count: usize) {
        wait_for(&format!("{count} mails to be dealt with"), PATIENCE * 2, || {
            (self.seen_and_unseen("") == (count, 0)).then_some(())
        });
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if self.process.runs() {
            self.stop();
        }
    }
}

/// Who the mails belong to.
fn owner(dir: &Path) -> u32 {
    match fs::metadata(dir).expect("the folder is there").uid() {
        0 => NOBODY,
        other => other,
    }
}

fn launch(dir: &Path) -> Process {
    let out = fs::File::create(dir.join("out")).expect("the test's folder is writable");
    let errors = out.try_clone().expect("a file handle can be cloned");
    let mut command = Command::new("/usr/sbin/dovecot");
    command.arg("-F").arg("-c").arg(dir.join("dovecot.conf"));
    Process::start("dovecot", command.stdin(Stdio::null()).stdout(out).stderr(errors))
}

fn configuration(
    dir: &Path,
    owner: u32,
    port: u16,
    lmtp_port: u16,
    (certificate, key): (&Path, &Path),
) -> String {
    let (folder, certificate, key) = (dir.display(), certificate.display(), key.display());
    // Without root there is nobody else to be.
    let users = if owner == NOBODY {
        ""
    } else {
        "default_internal_user = $ENV:USER\ndefault_login_user = $ENV:USER\n"
    };
    format!(
        "base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = {folder}/log\n\
         protocols = imap lmtp\nlisten = 127.0.0.1\nssl = required\nssl_cert = <{certificate}\nssl_key = <{key}\n\
         {users}first_valid_uid = 0\nfirst_valid_gid = 0\nmail_location = maildir:{folder}/mail\nmail_fsync = never\n\
         mail_uid = {owner}\nmail_gid = {owner}\nmail_max_userip_connections = 100\n\
         postmaster_address = postmaster@example.org\n\
         passdb {{\n  driver = passwd-file\n  args = {folder}/users\n}}\n\
         userdb {{\n  driver = static\n  args = home={folder}/mail\n}}\n\
         service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = 0\n  }}\n  \
         inet_listener imaps {{\n    address = 127.0.0.1\n    port = {port}\n    ssl = yes\n  }}\n}}\n\
         service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {lmtp_port}\n  }}\n}}\n"
    )
}
