//! A database that is damaged, cut, emptied or not ours: Watchbell says so and, where
//! that loses nothing more, begins with an empty one; never in silence.

use crate::common::cli;
use crate::common::closed_port;
use crate::common::watchbell::{Site, Watchbell};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use watchbell::store::Store;
use watchbell::store::sqlite::SqliteStore;

/// A user and a group that own nothing.
const NOBODY: u32 = 65534;

/// A Watchbell that tells on its standard output, and whose Icinga never answers.
struct Lonely {
    site: Site,
    folder: TempDir,
    _port: TcpSocket,
}

impl Lonely {
    /// One whose database is there, closed in order.
    fn with_database() -> Lonely {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = closed_port();
        let address = port.local_addr().expect("it is bound");
        let site = Site::new(folder.path());
        site.secret("icinga.password", "secret");
        let icinga = format!(
            "[[icinga]]\nname = \"main\"\nurls = [\"https://{address}\"]\nuser = \"bot\"\n\
             password_file = \"icinga.password\"\n"
        );
        site.configure(&[icinga, site.console()]);
        let lonely = Lonely { site, folder, _port: port };
        assert!(lonely.started().terminate().success());
        lonely
    }

    fn started(&self) -> Watchbell {
        let mut watchbell = self.site.start();
        watchbell.log.expect(" starts");
        watchbell.wait_for_thread("engine");
        watchbell
    }

    /// One that ends at a point of its own work, as `kill -9` would.
    fn dying_at(&self, point: &str) -> Watchbell {
        self.site.start_so(|command| {
            command.env("FAILPOINTS", point);
        })
    }

    /// It starts and ends, and says nothing of its database.
    fn assert_starts_without_alarm(&self, after: &str) {
        let mut watchbell = self.started();
        assert!(watchbell.terminate().success());
        let said = [watchbell.log.rest().join("\n"), watchbell.out.rest().join("\n")].join("\n");
        assert!(!said.contains("the database") && !said.contains("-wal"), "{after}: {said}");
    }

    fn database(&self) -> PathBuf {
        self.site.path("watchbell.db")
    }

    /// The files that were set aside.
    fn aside(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.site.path("")).expect("the folder is read");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.display().to_string().contains(".damaged-")).collect()
    }

    /// It starts with an empty database, says so in the log and to people, and has set
    /// this aside, byte for byte.
    fn assert_set_aside(&self, damaged: &[u8]) {
        let refused = cli::watchbell(&self.site.path(""), &["why", "db1"]);
        assert_eq!(refused.code, Some(1), "verbs that read refuse it: {}", refused.out);
        let mut watchbell = self.site.start();
        let logged = watchbell.log.expect("is set aside as");
        let told = watchbell.out.expect("Watchbell: the database was damaged");
        let aside = self.aside();
        let [kept] = aside.as_slice() else { panic!("one file is set aside: {aside:?}") };
        assert!(fs::read(kept).expect("it is read") == damaged, "it is as it was");
        for said in [logged, told] {
            assert!(said.contains(&*kept.file_name().expect("a name").to_string_lossy()), "{said}");
        }
        assert!(watchbell.terminate().success());
        SqliteStore::open(&self.database()).expect("the new one is sound");
    }

    /// Starts it as somebody who is not root, with the files of `watchbell.db*` as they are.
    fn refused_to_somebody(&self) -> String {
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
        command.arg("run").current_dir(self.site.path(""));
        if rustix::process::getuid().is_root() {
            chown(self.site.path("icinga.password"), Some(NOBODY), Some(NOBODY)).expect("root may");
            command.uid(NOBODY).gid(NOBODY);
        }
        let ended = command.output().expect("the program can be started");
        assert_eq!(ended.status.code(), Some(1));
        String::from_utf8(ended.stderr).expect("UTF-8")
    }
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).expect("the file opens");
    file.seek(SeekFrom::Start(at)).expect("a place in it");
    file.write_all(bytes).expect("written");
}

#[test]
fn a_damaged_page_sets_the_database_aside() {
    let lonely = Lonely::with_database();
    let middle = fs::metadata(lonely.database()).expect("it is there").len() / 2;
    overwrite(&lonely.database(), middle, &[0xa5; 8192]);
    lonely.assert_set_aside(&fs::read(lonely.database()).expect("it is read"));
}

#[test]
fn a_cut_database_is_set_aside() {
    let lonely = Lonely::with_database();
    let file = OpenOptions::new().write(true).open(lonely.database()).expect("the file opens");
    file.set_len(file.metadata().expect("it is there").len() / 2 + 100).expect("cut");
    lonely.assert_set_aside(&fs::read(lonely.database()).expect("it is read"));
}

#[test]
fn a_file_that_is_no_database_is_set_aside() {
    let lonely = Lonely::with_database();
    let text = "no database at all ".repeat(1000);
    fs::write(lonely.database(), &text).expect("written");
    lonely.assert_set_aside(text.as_bytes());
}

#[test]
fn an_emptied_or_missing_database_is_no_silent_start() {
    for empty in [true, false] {
        let lonely = Lonely::with_database();
        match empty {
            true => fs::write(lonely.database(), "").expect("emptied"),
            false => fs::remove_file(lonely.database()).expect("removed"),
        }
        let mut watchbell = lonely.site.start();
        watchbell.log.expect("is gone or empty");
        watchbell.out.expect("is gone or empty");
        assert!(watchbell.terminate().success());
        let mut again = lonely.started();
        assert!(again.terminate().success());
        let said = [again.log.seen.join("\n"), again.out.seen.join("\n")].join("\n");
        assert!(!said.contains("is gone or empty"), "once is enough: {said}");
    }
}

#[test]
fn a_wal_that_was_removed_after_a_crash_is_told() {
    for emptied in [true, false] {
        let lonely = Lonely::with_database();
        lonely.started().kill();
        let wal = lonely.site.path("watchbell.db-wal");
        assert!(fs::metadata(&wal).expect("a crash leaves it").len() > 0);
        match emptied {
            true => fs::write(&wal, "").expect("emptied"),
            false => fs::remove_file(&wal).expect("removed"),
        }
        let mut watchbell = lonely.site.start();
        watchbell.log.expect("watchbell.db-wal is gone");
        watchbell.out.expect("watchbell.db-wal is gone");
        assert!(watchbell.terminate().success());
    }
}

#[test]
fn a_crash_alone_alarms_nobody() {
    let lonely = Lonely::with_database();
    lonely.started().kill();
    lonely.assert_starts_without_alarm("a crash");
}

/// All of it is in the file then, and the WAL is empty or about to be.
#[test]
fn a_crash_while_the_wal_is_folded_alarms_nobody() {
    for point in ["fold.noted", "fold.emptied"] {
        let lonely = Lonely::with_database();
        lonely.started().kill();
        let dies_at_the_start = lonely.dying_at(&format!("{point}=return")).wait();
        assert!(!dies_at_the_start.success());
        lonely.assert_starts_without_alarm(point);
        let mut dies_at_the_end = lonely.dying_at(&format!("{point}=1*off->return"));
        dies_at_the_end.log.expect(" starts");
        dies_at_the_end.wait_for_thread("engine");
        assert!(!dies_at_the_end.terminate().success());
        lonely.assert_starts_without_alarm(point);
    }
}

#[test]
fn a_verb_that_writes_after_a_crash_takes_no_wal_away() {
    let lonely = Lonely::with_database();
    lonely.started().kill();
    assert!(lonely.site.call(&["dead"]).status.success());
    lonely.assert_starts_without_alarm("`dead` after a crash");
}

#[test]
fn a_database_that_may_not_be_written_is_refused() {
    let lonely = Lonely::with_database();
    let folder = fs::Permissions::from_mode(0o777);
    fs::set_permissions(lonely.site.path(""), folder).expect("ours");
    fs::set_permissions(lonely.site.path("watchbell.db.lock"), fs::Permissions::from_mode(0o666))
        .expect("ours");
    fs::set_permissions(lonely.database(), fs::Permissions::from_mode(0o444)).expect("ours");
    let before = fs::read(lonely.database()).expect("it is read");
    let said = lonely.refused_to_somebody();
    assert!(said.contains("watchbell.db") && said.contains("Permission denied"), "{said}");
    assert!(fs::read(lonely.database()).expect("it is read") == before && lonely.aside().is_empty());
}

#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    let lonely = Lonely::with_database();
    fs::set_permissions(lonely.site.path("watchbell.db.lock"), fs::Permissions::from_mode(0o444))
        .expect("ours");
    let said = lonely.refused_to_somebody();
    assert!(said.contains("watchbell.db.lock") && said.contains("Permission denied"), "{said}");
    assert!(lonely.aside().is_empty());
}

#[test]
fn a_second_watchbell_on_the_same_database_is_refused_and_the_first_goes_on() {
    let lonely = Lonely::with_database();
    let mut first = lonely.started();
    let second = lonely.site.call(&["run"]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("is in use by another Watchbell"), "{said}");
    assert!(first.runs());
    assert!(first.terminate().success());
}

#[test]
fn a_newer_schema_is_refused_by_the_program_and_left_alone() {
    let lonely = Lonely::with_database();
    let newer = rusqlite::Connection::open(lonely.database()).expect("it opens");
    newer.pragma_update(None, "user_version", 99).expect("the version is set");
    drop(newer);
    let before = fs::read(lonely.database()).expect("it is read");
    let refused = lonely.site.call(&["run"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("schema 99"), "{refused:?}");
    assert!(fs::read(lonely.database()).expect("it is read") == before && lonely.aside().is_empty());
}

#[test]
fn what_was_set_aside_twice_has_two_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = folder.path().join("watchbell.db");
    let now = "2026-03-01T12:34:56Z".parse().expect("a moment");
    for text in ["one ", "two "] {
        fs::write(&database, text.repeat(999)).expect("written");
        let (store, alarm) = SqliteStore::open_or_replace(&database, now).expect("it is replaced");
        assert!(alarm.is_some());
        assert!(store.load_state().expect("state").is_empty());
    }
    let read = |name| fs::read_to_string(folder.path().join(name)).expect("it is kept");
    assert!(read("watchbell.db.damaged-20260301T123456Z").starts_with("one"));
    assert!(read("watchbell.db.damaged-20260301T123456Z-2").starts_with("two"));
}
