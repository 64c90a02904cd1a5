//! A file system of a few MiB that can really be full: a tmpfs, mounted for one test.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A mounted file system; unmounted when this value is dropped.
pub(crate) struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of this many MiB. It takes root; a test that needs it fails loudly
    /// without, so that nobody believes it was proved.
    pub(crate) fn new(mebibytes: usize) -> SmallDisk {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "watchbell-test"])
            .arg(folder.path())
            .output()
            .expect("mount runs");
        let why = String::from_utf8_lossy(&mounted.stderr);
        assert!(
            mounted.status.success(),
            "this test mounts a small tmpfs, which takes root (or `unshare -rm tests/run`): {why}"
        );
        SmallDisk { folder }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte but these, rounded down to whole pages; whatever else
    /// writes to it meanwhile.
    pub(crate) fn fill_but(&self, free: usize) {
        let file = self.filler();
        let room = Command::new("df").args(["--output=avail", "-B1"]).arg(self.path()).output();
        let room = String::from_utf8(room.expect("df runs").stdout).expect("it prints numbers");
        let room: usize = room.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
        if let Err(error) = fs::write(file, vec![0; room.saturating_sub(free)]) {
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        }
    }

    /// Frees what filled it.
    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still runs on it ends by itself; the mount goes with its last user.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
