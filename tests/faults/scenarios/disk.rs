//! The disk under the database: full, or failing.

use crate::Campaign;
use crate::common::wait_for;
use crate::report::Verdict;
use crate::round::Round;
use crate::router::{DISK_FAILS, DISK_WORKS, Manner, NO_STRACE, can_trace};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// In MiB: full after seconds of load.
pub(super) const SMALL: u32 = 12;
/// Why a scenario that needs one does not run.
pub(super) const NO_DISK: &str = "a file system in memory may not be mounted";
/// In MiB: enough for all that the long campaign keeps. A disk that the load fills by itself has
/// no room again when the filler is gone.
const LARGE: u32 = 1024;
/// How long that may take: while it reads nothing of Icinga it writes nothing, and where it
/// hung up again and again that is for a minute.
const NOTICED: Duration = Duration::from_secs(180);

/// A small file system in memory, unmounted when this is dropped.
pub(super) struct Disk(PathBuf);

impl Disk {
    /// One of so many MiB; `None` where we may not mount.
    pub(super) fn mount(folder: &Path, mebibytes: u32) -> Option<Disk> {
        let place = folder.join("disk");
        fs::create_dir_all(&place).expect("the folder can be made");
        let mut mount = Command::new("mount");
        let size = format!("size={mebibytes}m");
        mount.args(["-t", "tmpfs", "-o", &size, "campaign"]).arg(&place).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Disk(place))
    }

    /// Where the database is to lie.
    pub(super) fn store(&self) -> PathBuf {
        self.0.join("watchbell.db")
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.0.join("filler"))
            .expect("there is room for a name");
        for size in [65536, 512] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Gives it back.
    pub(super) fn free(&self) {
        fs::remove_file(self.0.join("filler")).expect("it was made");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The disk is full for a while, then there is room again.
pub(crate) async fn full(campaign: &mut Campaign) -> Verdict {
    let (times, seconds) = (campaign.times, campaign.pick(3.0, 10.0));
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let folder = campaign.ground.folder().await;
    let Some(disk) = Disk::mount(&folder, campaign.pick(SMALL, LARGE)) else {
        return Verdict::Skipped(NO_DISK.to_owned());
    };
    let store = disk.store();
    let mut round = Round::begin_at(&mut campaign.ground, folder, store, rate, seed);
    for cycle in 1..=times {
        round.wait(1.0).await;
        fill_until_noticed(&disk, &round);
        round.wait(seconds).await;
        disk.free();
        let is_over = || (!round.router.disk_fails()).then_some(());
        wait_for("the disk to be written again", NOTICED, is_over);
        round.wait(2.0).await;
        campaign.progress.done(cycle, &mut round).await;
    }
    Verdict::of(round.end().await).and(format!("{times} times for {seconds} s"), Vec::new())
}

/// Fills it until Watchbell has said so: room that it finds itself is taken, too.
pub(super) fn fill_until_noticed(disk: &Disk, round: &Round<'_>) {
    let times = || round.router.logged().matches(DISK_FAILS).count();
    let before = times();
    wait_for("the full disk to be noticed", NOTICED, || {
        disk.fill();
        (times() > before).then_some(())
    });
}

/// `fsync` fails for a while, then works again; and Watchbell is killed after that.
pub(crate) async fn fsync_fails(campaign: &mut Campaign) -> Verdict {
    if !can_trace() {
        return Verdict::Skipped(NO_STRACE.to_owned());
    }
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let inject = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=8..12"];
    let mut faults = Vec::new();
    for cycle in 1..=times {
        round.kill();
        round.launch(&Manner { strace: inject.map(str::to_owned).to_vec(), ..Manner::default() });
        if !round.catch_up() {
            faults.push("it did not start".to_owned());
        }
        for words in [DISK_FAILS, DISK_WORKS] {
            wait_for(words, NOTICED, || round.router.logged().contains(words).then_some(()));
        }
        // What waited for the disk is told, and then it is killed.
        round.wait(8.0).await;
        round.kill_with_a_bad_disk();
        round.start();
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(0.5).await;
    Verdict::of(round.end().await).and(format!("{times} times"), faults)
}
