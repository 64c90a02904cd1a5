//! The disk under the database: full, or failing.

use crate::Campaign;
use crate::common::wait_for;
use crate::report::Verdict;
use crate::round::Round;
use crate::router::{Manner, NO_STRACE, can_trace};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const DISK: &str = "size=12m";
/// What Watchbell says of it, and how long that may take.
const FULL: &str = "cannot write the database";
const NOTICED: Duration = Duration::from_secs(60);

/// A small file system in memory, unmounted when this is dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` where we may not mount.
    fn mount(folder: &Path) -> Option<Disk> {
        let place = folder.join("disk");
        fs::create_dir_all(&place).expect("the folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "campaign"]).arg(&place).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Disk(place))
    }

    /// Takes all room that is left; how many bytes that was.
    fn fill(&self) -> usize {
        let mut file = fs::File::create(self.0.join("filler")).expect("there is room for a name");
        let mut bytes = 0;
        for size in [65536, 512] {
            while file.write_all(&vec![0; size]).is_ok() {
                bytes += size;
            }
        }
        bytes
    }

    fn free(&self) {
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
    let (times, seconds) = (campaign.pick(1, 20), campaign.pick(3.0, 10.0));
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let folder = campaign.ground.folder().await;
    let Some(disk) = Disk::mount(&folder) else {
        return Verdict::Skipped("a file system in memory may not be mounted".to_owned());
    };
    let store = disk.0.join("watchbell.db");
    let round = Round::begin_at(&mut campaign.ground, folder, store, rate, seed);
    for _ in 0..times {
        round.wait(1.0).await;
        let before = round.router.logged().matches(FULL).count();
        disk.fill();
        // What SQLite has already is used up first.
        wait_for("the full disk to be noticed", NOTICED, || {
            (round.router.logged().matches(FULL).count() > before).then_some(())
        });
        round.wait(seconds).await;
        disk.free();
        round.wait(2.0).await;
    }
    Verdict::of(round.end().await).and(format!("{times} times for {seconds} s"), Vec::new())
}

/// `fsync` fails for a while, then works again; and Watchbell is killed after that.
pub(crate) async fn fsync_fails(campaign: &mut Campaign) -> Verdict {
    if !can_trace() {
        return Verdict::Skipped(NO_STRACE.to_owned());
    }
    let times = campaign.pick(1, 20);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let inject = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=8..12"];
    let mut faults = Vec::new();
    for _ in 0..times {
        round.kill();
        round.launch(&Manner { strace: inject.map(str::to_owned).to_vec(), ..Manner::default() });
        if !round.catch_up() {
            faults.push("it did not start".to_owned());
        }
        for words in [FULL, "can be written again"] {
            wait_for(words, NOTICED, || round.router.logged().contains(words).then_some(()));
        }
        // What waited for the disk is told, and then it is killed.
        round.wait(8.0).await;
        round.kill();
        round.start();
    }
    round.wait(0.5).await;
    Verdict::of(round.end().await).and(format!("{times} times"), faults)
}
