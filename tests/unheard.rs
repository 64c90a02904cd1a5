//! What was given up or answered is told, also when Watchbell ends in between.

use crate::common::deliveries::{attempt, deliveries, delivery, second};
use crate::common::place::Place;
use crate::common::watchbell::Site;
use rusqlite::Connection;
use watchbell::model::{
    Action, ActionKind, ActionResult, Attempt, AttemptResult, Delivery, Input, ObjectKey,
};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Store};

fn dead() -> AttemptResult {
    AttemptResult::Dead("no such room".to_owned())
}

fn commit(store: &SqliteStore, batch: &Batch) {
    store.commit(batch).expect("it is kept");
}

/// Keeps a delivery and its end.
fn give_up(store: &SqliteStore, delivery: Delivery) {
    let number = delivery.id;
    commit(store, &deliveries([delivery.clone()]));
    commit(store, &attempt(&Delivery { id: number, ..delivery }, second(5), dead()));
}

/// Keeps an acknowledgement that alice asked for, and Icinga's answer.
fn answer(store: &SqliteStore, outcome: Result<String, String>) -> ActionResult {
    let action = Action {
        id: 0,
        object: ObjectKey::from_name(&"main".into(), "db1!postgres"),
        author: "alice".to_owned(),
        kind: ActionKind::AddComment { comment: "looking".to_owned() },
        reply_to: Some(("terminal".to_owned(), String::new())),
        asked_by: "alice".to_owned(),
        thread: Vec::new(),
        is_one_of_many: false,
    };
    commit(store, &Batch { actions: vec![action], ..Batch::default() });
    let action = store.pending_actions().expect("actions").remove(0);
    let result = ActionResult { action, outcome };
    commit(store, &Batch { action_results: vec![result.clone()], ..Batch::default() });
    result
}

#[test]
fn what_the_engine_has_not_taken_in_is_handed_out_until_it_has() {
    let place = Place::new();
    let store = place.open();
    let first = Delivery { id: 1, at: second(0), ..delivery("a1", "db1") };
    give_up(&store, first.clone());
    let second_one = Delivery { id: 2, at: second(0), ..delivery("a2", "db1") };
    commit(&store, &deliveries([second_one.clone()]));
    let (done, failed) =
        (answer(&store, Ok("done".to_owned())), answer(&store, Err("no such object".to_owned())));

    let given_up = Attempt { delivery: Delivery { attempts: 1, ..first }, at: second(5), result: dead() };
    let results = [Input::ActionResult(done.clone()), Input::ActionResult(failed.clone())];
    let unheard = store.unheard().expect("it can be read");
    assert_eq!(unheard, [&[Input::GivenUp(given_up)], &results[..]].concat());

    commit(&store, &Batch { heard: vec![1], answered: vec![done.action.id], ..Batch::default() });
    assert_eq!(store.unheard().expect("it can be read"), [Input::ActionResult(failed)]);

    // Sent again by hand, and given up again: that is news.
    place.operator().execute("UPDATE deliveries SET status = 'pending' WHERE id = 1", []).expect("revived");
    assert_eq!(store.unheard().expect("it can be read").len(), 1);
    commit(&store, &attempt(&Delivery { id: 1, ..delivery("a1", "db1") }, second(6), dead()));
    assert_eq!(store.unheard().expect("it can be read").len(), 2);
}

/// A Watchbell with a console and an Icinga that is not there.
fn site(place: &Place) -> Site {
    let site = Site::new(place.folder.path());
    site.secret("icinga.password", "x");
    let icinga = "[[icinga]]\nname = \"main\"\nurls = [\"https://127.0.0.1:1\"]\nuser = \"bot\"\n\
                  password_file = \"icinga.password\"\n";
    site.configure(&[icinga.to_owned(), "[store]\npath = \"watchbell.db\"\n".to_owned(), site.console()]);
    site
}

#[test]
fn a_crash_between_the_end_of_a_delivery_and_the_engine_hides_nothing() {
    let place = Place::new();
    let site = site(&place);
    let store = SqliteStore::open(&site.path("watchbell.db")).expect("the store opens");
    // As a crash leaves it: the end is on the disk, the engine has not heard of it.
    give_up(&store, Delivery { id: 1, ..delivery("a1", "db1!postgres") });
    answer(&store, Ok("the comment is there".to_owned()));
    drop(store);

    let mut watchbell = site.start();
    watchbell.out.expect("could not tell ops (by irc to #ops): no such room");
    watchbell.out.expect("alice: the comment stands on db1!postgres");
    watchbell.terminate();
    let mut again = site.start();
    again.log.expect("127.0.0.1:1");
    again.terminate();

    let database = Connection::open(site.path("watchbell.db")).expect("the file opens");
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let told = count("SELECT count(*) FROM deliveries WHERE event = 'DeliveryFailed'");
    assert_eq!(told, 1, "told again at the second start");
    assert_eq!(count("SELECT count(*) FROM deliveries WHERE event = 'Reply'"), 1);
}
