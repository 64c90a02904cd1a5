//! Posts that were taken in lately, so that one that is sent again does not count twice.
//!
//! Owns: how long a post is known, and how many are. Promises: known over a restart; moments
//! are those at which posts came in, so that waiting for the disk makes nothing new.
//! Never: lets two senders share a name.

use super::World;
use super::durable::Entry;
use crate::engine::bounds;
use crate::model::event::{PostId, Webhook};
use crate::model::identity::digest;
use crate::model::{MailAnswer, PostedCommand, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// For how long a post is known by the name that its sender gave it.
const KEY_LASTS: Duration = Duration::from_secs(24 * 3600);
/// For how long an answer by mail is known: longer than a mail can be answered.
const MAIL_LASTS: Duration = Duration::from_secs(8 * 86_400);
/// For how long it is known by what was sent.
const CONTENT_LASTS: Duration = Duration::from_secs(60);

/// The posts that are known, by the digest of what makes each the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Posts {
    until: HashMap<String, Timestamp>,
    by_end: BTreeSet<(Timestamp, String)>,
}

/// It was taken in before.
struct AlreadyKnown;

impl Posts {
    pub(super) fn until(&self, post: &str) -> Option<&Timestamp> {
        self.until.get(post)
    }

    pub(super) fn put(&mut self, post: &str, until: Timestamp) {
        self.until.insert(post.to_owned(), until);
        self.by_end.insert((until, post.to_owned()));
    }

    /// Takes out the one that is known for the shortest time from now.
    fn pop(&mut self) -> Option<String> {
        let (_, post) = self.by_end.pop_first()?;
        self.until.remove(&post);
        Some(post)
    }

    fn next_end(&self) -> Option<Timestamp> {
        self.by_end.first().map(|(until, _)| *until)
    }
}

impl World {
    /// Takes in a post that came in at `at`. Why it does not count, where it came before and
    /// was sent again.
    pub fn take_post(&mut self, webhook: &Webhook, at: Timestamp) -> Result<(), String> {
        let Some(id) = &webhook.id else { return Ok(()) };
        self.forget_posts(at);
        let (post, lasts) = match id {
            PostId::Key(key) => (digest(&[&webhook.name, "key", key]), KEY_LASTS),
            PostId::Content => {
                (digest(&[&webhook.name, "content", &webhook.body.to_string()]), CONTENT_LASTS)
            }
        };
        self.take(post, at, lasts).map_err(|AlreadyKnown| repeated(id))
    }

    /// Takes in an answer by mail. Why it does not count, where it was read before.
    pub fn take_mail(&mut self, mail: &MailAnswer) -> Result<(), String> {
        self.forget_posts(mail.at);
        // Four parts: no webhook has the same.
        let post = digest(&["mail", &mail.mailbox, "id", &mail.id]);
        self.take(post, mail.at, MAIL_LASTS)
            .map_err(|AlreadyKnown| "it was read before: a mail of its id has counted".to_owned())
    }

    /// Whether a command of this key was done before.
    pub fn knows_command(&mut self, posted: &PostedCommand) -> bool {
        self.forget_posts(posted.at);
        command(posted).is_some_and(|post| self.posts.until(&post).is_some())
    }

    /// Notes that a command was done, so that it is not done again under its key.
    pub fn take_command(&mut self, posted: &PostedCommand) {
        self.forget_posts(posted.at);
        if let Some(post) = command(posted) {
            // That it was noted before is all the same.
            let _ = self.take(post, posted.at, KEY_LASTS);
        }
    }

    fn take(&mut self, post: String, at: Timestamp, lasts: Duration) -> Result<(), AlreadyKnown> {
        if self.posts.until(&post).is_some() {
            return Err(AlreadyKnown);
        }
        if self.posts.until.len() >= bounds::POSTS {
            self.forget_post();
            self.forgotten.posts += 1;
        }
        self.posts.put(&post, at.checked_add(lasts).unwrap_or(Timestamp::MAX));
        self.change(|| Entry::Post(post));
        Ok(())
    }

    fn forget_posts(&mut self, now: Timestamp) {
        while self.posts.next_end().is_some_and(|until| until <= now) {
            self.forget_post();
        }
    }

    fn forget_post(&mut self) {
        if let Some(post) = self.posts.pop() {
            self.change(|| Entry::Post(post));
        }
    }

    pub(super) fn set_back_posts(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        for (post, until) in std::mem::take(&mut self.posts).until {
            self.posts.put(&post, back(until));
            self.change(|| Entry::Post(post));
        }
    }
}

/// What makes a command the same one; `None` where its sender gave it no key.
fn command(posted: &PostedCommand) -> Option<String> {
    // Five parts: no webhook and no mail has the same.
    Some(digest(&["command", "of", &posted.person, "key", posted.key.as_ref()?]))
}

fn repeated(id: &PostId) -> String {
    match id {
        PostId::Key(key) => format!("it was sent again: its key `{key}` came within 24 hours before"),
        PostId::Content => {
            "it was sent again: the same came within a minute before, without a key".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::from_unix_seconds;

    const DAY: f64 = 24.0 * 3600.0;

    fn at(seconds: f64) -> Timestamp {
        from_unix_seconds(seconds).expect("a moment of our days")
    }

    fn post(name: &str, key: Option<&str>, body: &str) -> Webhook {
        let id = key.map_or(PostId::Content, |key| PostId::Key(key.to_owned()));
        Webhook { name: name.to_owned(), body: serde_json::json!(body), id: Some(id) }
    }

    /// What the next start finds after what was written.
    fn restarted(world: &mut World, disk: &mut HashMap<String, String>) -> World {
        for write in world.take_writes() {
            assert_eq!(write.kind, "post");
            let key = write.key.text().into_owned();
            match write.value {
                Some(value) => disk.insert(key, value.json().expect("JSON").into_owned()),
                None => disk.remove(&key),
            };
        }
        let entries = disk.iter().map(|(key, value)| ("post".to_owned(), key.clone(), value.clone()));
        World::restore(entries).expect("it reads what it wrote")
    }

    #[test]
    fn a_post_counts_once_by_its_key_for_a_day_and_by_what_it_says_for_a_minute() {
        let first = [(0.0, post("a", Some("1"), "x"), true), (0.0, post("a", None, "x"), true)];
        let cases = [
            (1.0, post("a", Some("1"), "x"), false),
            (1.0, post("a", Some("1"), "another text"), false),
            (1.0, post("a", Some("2"), "x"), true),
            (1.0, post("b", Some("1"), "x"), true),
            (1.0, post("b", None, "x"), true),
            (59.0, post("a", None, "x"), false),
            (59.0, post("a", None, "y"), true),
            // From the first on, or who says the same every half a minute is heard once.
            (60.0, post("a", None, "x"), true),
            (DAY - 1.0, post("a", Some("1"), "x"), false),
            (DAY, post("a", Some("1"), "x"), true),
        ];
        for restarts in [false, true] {
            let (mut world, mut disk) = (World::new(true), HashMap::new());
            for (seconds, post, counts) in first.iter().chain(&cases) {
                assert_eq!(world.take_post(post, at(*seconds)).is_ok(), *counts, "{seconds} {post:?}");
                if restarts {
                    world = restarted(&mut world, &mut disk);
                }
            }
        }
    }

    #[test]
    fn no_key_is_another_senders_nor_somebodys_content() {
        let content = serde_json::json!("x").to_string();
        let mut world = World::new(true);
        for post in [
            post("a", None, "x"),
            post("a", Some(&content), ""),
            post("ab", Some("c"), ""),
            post("a", Some("bc"), ""),
        ] {
            assert_eq!(world.take_post(&post, at(0.0)), Ok(()));
        }
    }

    #[test]
    fn a_mail_counts_once_as_long_as_it_can_be_answered() {
        let mail = |mailbox: &str, id: &str, seconds: f64| MailAnswer {
            mailbox: mailbox.to_owned(),
            id: id.to_owned(),
            at: at(seconds),
            from: String::new(),
            sink: String::new(),
            subject: crate::model::Subject { incident: None, object: None },
            text: Ok(String::new()),
            thread: Vec::new(),
        };
        let (mut world, mut disk) = (World::new(true), HashMap::new());
        for (seconds, mailbox, id, counts) in [
            (0.0, "a", "1", true),
            (1.0, "a", "1", false),
            (1.0, "a", "2", true),
            (1.0, "b", "1", true),
            (8.0 * DAY - 1.0, "a", "1", false),
            (8.0 * DAY, "a", "1", true),
        ] {
            assert_eq!(
                world.take_mail(&mail(mailbox, id, seconds)).is_ok(),
                counts,
                "{seconds} {mailbox} {id}"
            );
            world = restarted(&mut world, &mut disk);
        }
    }

    #[test]
    fn what_has_no_name_counts_each_time() {
        let (mut world, unnamed) = (World::new(true), Webhook { id: None, ..post("a", None, "x") });
        assert_eq!(world.take_post(&unnamed, at(0.0)), Ok(()));
        assert_eq!(world.take_post(&unnamed, at(0.0)), Ok(()));
    }

    #[test]
    fn there_is_a_bound_and_the_newest_stay_known() {
        let mut world = World::new(true);
        let mut take = |number: usize| {
            let post = post("a", Some(&number.to_string()), "");
            world.take_post(&post, at(number as f64 / 100.0)).is_ok()
        };
        assert!((0..=bounds::POSTS).all(&mut take));
        assert!(!take(bounds::POSTS) && take(0));
        assert_eq!(world.forgotten().posts, 2);
        assert_eq!(world.posts.until.len(), bounds::POSTS);
        assert_eq!(world.posts.by_end.len(), bounds::POSTS);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_minute_longer() {
        let mut world = World::new(true);
        assert!(world.take_post(&post("a", None, "x"), at(7200.0)).is_ok());
        world.set_back(Duration::from_secs(7200), at(0.0));
        assert!(world.take_post(&post("a", None, "x"), at(59.0)).is_err());
        assert!(world.take_post(&post("a", None, "x"), at(60.0)).is_ok());
    }
}
