//! `watchbell backup`: whole, checked, never over another file, also while it is written.

use crate::common::cli::{installation, put, watchbell};
use crate::common::deliveries::{deliveries, delivery, state};
use crate::common::place::{Place, values};
use crate::common::small_disk::SmallDisk;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use watchbell::store::sqlite::{SqliteReader, SqliteStore};
use watchbell::store::{Batch, Store, StoreError};

#[test]
fn a_backup_is_whole_private_and_can_take_the_place_of_the_database() {
    let folder = installation();
    let store = SqliteStore::open(&folder.path().join("watchbell.db")).expect("a database");
    store.commit(&state("a", Some("1"))).expect("kept");
    store.commit(&deliveries([delivery("k", "db1")])).expect("kept");
    let said = watchbell(folder.path(), &["backup", "copy.db"]).fine();
    assert!(said.starts_with("copy.db is a copy of watchbell.db: "), "{said}");
    store.commit(&state("a", Some("2"))).expect("it goes on");
    drop(store);

    let copy = folder.path().join("copy.db");
    assert_eq!(fs::metadata(&copy).expect("it is there").permissions().mode() & 0o777, 0o600);
    fs::rename(&copy, folder.path().join("watchbell.db")).expect("put back");
    let store = SqliteStore::open(&folder.path().join("watchbell.db")).expect("it opens");
    assert_eq!(values(&store), [("a".to_owned(), "1".to_owned())]);
    assert_eq!(store.deliveries("db1", 9).expect("deliveries").len(), 1);
    assert!(watchbell(folder.path(), &["why", "db1"]).fine().contains("text of k"));
}

#[test]
fn a_backup_overwrites_nothing_and_says_what_is_wrong() {
    let folder = installation();
    let refused = |to: &str| watchbell(folder.path(), &["backup", to]).refused();
    assert!(refused("copy.db").contains("cannot open watchbell.db"), "there is none yet");
    drop(SqliteStore::open(&folder.path().join("watchbell.db")).expect("a database"));
    put(folder.path(), "copy.db", "mine");
    assert!(refused("copy.db").contains("copy.db is there already"));
    assert_eq!(fs::read_to_string(folder.path().join("copy.db")).expect("it is there"), "mine");
    assert!(refused("nowhere/copy.db").contains("the folder must exist"));
    assert!(refused("watchbell.db").contains("is there already"));
}

#[test]
fn a_backup_of_a_damaged_database_is_not_made() {
    let folder = installation();
    let database = folder.path().join("watchbell.db");
    let store = SqliteStore::open(&database).expect("a database");
    store.commit(&deliveries((0..500).map(|number| delivery(&format!("k{number}"), "db1")))).expect("kept");
    drop(store);
    let mut bytes = fs::read(&database).expect("it is read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40_000].fill(0xa5);
    fs::write(&database, bytes).expect("damaged");
    watchbell(folder.path(), &["backup", "copy.db"]).refused();
    let names: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("copy.db")), "{names:?}");
}

#[test]
fn a_backup_without_room_leaves_nothing_behind() {
    let place = Place::new();
    let store = place.open();
    store.commit(&deliveries((0..2000).map(|number| delivery(&format!("k{number}"), "db1")))).expect("kept");
    let disk = SmallDisk::new(1);
    disk.fill_but(64 << 10);
    let error = SqliteReader::back_up(&place.database(), &disk.path().join("copy.db")).expect_err("no room");
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
    let left: Vec<_> =
        fs::read_dir(disk.path()).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(left, ["filler"]);
}

/// Each batch writes the same number under two keys: no copy may hold two numbers.
#[test]
fn a_backup_made_while_batches_are_kept_is_of_one_moment() {
    let place = Place::new();
    let store = place.open();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                let number = format!("{number:0>2000}");
                let mut batch: Batch = state("a", Some(&number));
                batch.state.extend(state("b", Some(&number)).state);
                store.commit(&batch).expect("kept");
            }
        });
        for number in 0..20 {
            let copy = place.folder.path().join(format!("copy-{number}.db"));
            SqliteReader::back_up(&place.database(), &copy).expect("a copy");
            let kept = values_of(&copy);
            assert!(kept.windows(2).all(|pair| pair[0] == pair[1]), "{kept:?}");
        }
        ended.store(true, Ordering::Release);
    });
}

fn values_of(copy: &Path) -> Vec<String> {
    let reader = SqliteReader::open(copy).expect("it opens");
    reader.load_state().expect("state").into_iter().map(|(_, _, value)| value).collect()
}
