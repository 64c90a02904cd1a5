//! What the engine makes of an answer that was proved.

use crate::common::engine::World;
use watchbell::model::{ActionKind, CommandEnd, Input, MailAnswer, MailRefused, Reply, Subject, Verdict};

/// Says nothing to anybody.
const QUIET: &str = "rule(\"all\", #{on: \"StateChange\"}, |e| e.drop(\"quiet\"));\n";

/// An answer from this address to the mail about an incident.
fn answer(world: &World, id: &str, from: &str, incident: Option<u64>, text: &str) -> MailAnswer {
    MailAnswer {
        mailbox: "bell".to_owned(),
        id: id.to_owned(),
        at: world.now,
        from: from.to_owned(),
        sink: "mail".to_owned(),
        subject: Subject { incident, object: None },
        text: Ok(text.to_owned()),
        thread: vec!["<w1.x@example.org>".to_owned(), format!("<{id}>")],
    }
}

fn step(world: &mut World, mail: MailAnswer) -> Vec<Reply> {
    world.step(Input::MailAnswer(mail))
}

/// Alice answers the mail about `#1`: what she hears at once, and what is asked of Icinga.
fn alice(world: &mut World, id: &str, text: &str) -> (Vec<String>, Vec<ActionKind>) {
    let mail = answer(world, id, "alice@example.org", Some(1), text);
    let before = world.actions.len();
    let replies = step(world, mail);
    let of_mail = |reply: &Reply| {
        reply.sink == "mail"
            && reply.room == "alice@example.org"
            && reply.thread.last() == Some(&format!("<{id}>"))
    };
    assert!(replies.iter().all(of_mail), "{replies:?}");
    let actions = world.actions[before..].iter();
    let kinds = actions.map(|action| {
        assert_eq!((action.object.name(), action.author.as_str()), ("db1", "alice@icinga"));
        assert_eq!(action.reply_to, Some(("mail".to_owned(), "alice@example.org".to_owned())));
        assert_eq!(action.thread.last(), Some(&format!("<{id}>")));
        action.kind.clone()
    });
    (replies.into_iter().map(|reply| reply.text).collect(), kinds.collect())
}

fn trouble() -> World {
    let mut world = World::new(QUIET);
    world.object("db1", |_| {});
    world.object("db2", |_| {});
    world.state("db1", "DOWN");
    world.state("db2", "DOWN");
    world
}

fn dropped(world: &World) -> &str {
    match world.decisions.last().map(|decision| &decision.verdict) {
        Some(Verdict::Dropped(reason)) => reason,
        other => panic!("not dropped: {other:?}"),
    }
}

#[test]
fn what_people_write_acknowledges_comments_or_rechecks_what_the_mail_was_about() {
    let ack = |comment: &str| ActionKind::Acknowledge {
        comment: comment.to_owned(),
        expiry: None,
        sticky: false,
        notify: true,
    };
    let comment = |text: &str| ActionKind::AddComment { comment: text.to_owned() };
    for (text, wanted) in [
        ("ack looking into it", ack("looking into it")),
        ("!ack looking into it", ack("looking into it")),
        ("Ack looking", ack("looking")),
        ("ack", ack("by mail")),
        ("acked, on it", ack("acked, on it")),
        ("ACK!", ack("ACK!")),
        ("acknowledge", ack("by mail")),
        ("acknowledged", ack("acknowledged")),
        ("comment moved to rack 7", comment("moved to rack 7")),
        ("The fan is broken.", comment("The fan is broken.")),
        ("acknowledgement of receipt", comment("acknowledgement of receipt")),
        ("help me, ack nothing", comment("help me, ack nothing")),
        ("recheck", ActionKind::RescheduleCheck),
        ("recheck it, please", ActionKind::RescheduleCheck),
    ] {
        let mut world = trouble();
        let (said, asked) = alice(&mut world, "1@her.host", text);
        // The answer comes with Icinga's.
        assert_eq!((said, asked), (Vec::new(), vec![wanted]), "{text}");
    }
    let mut world = trouble();
    let (_, asked) = alice(&mut world, "1@her.host", "ack for 2h looking");
    let expiry = Some(world.now + std::time::Duration::from_secs(7200));
    let [ActionKind::Acknowledge { expiry: asked, comment, .. }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((*asked, comment.as_str()), (expiry, "looking"));
}

#[test]
fn what_cannot_be_done_is_answered_with_the_reason() {
    let mut world = trouble();
    for (id, text, contains) in [
        ("1@h", "unack", "is not acknowledged"),
        ("2@h", "ack for ever looking", "is not a time"),
        ("3@h", "comment", "write: comment"),
    ] {
        let (said, asked) = alice(&mut world, id, text);
        assert!(said.len() == 1 && said[0].contains(contains) && asked.is_empty(), "{text}: {said:?}");
    }
    let unread = MailAnswer {
        text: Err("your mail has no line of your own".to_owned()),
        ..answer(&world, "4@h", "alice@example.org", Some(1), "")
    };
    let replies = step(&mut world, unread);
    assert_eq!(replies[0].text, "nothing was done: your mail has no line of your own");
    let about_nothing = answer(&world, "5@h", "alice@example.org", None, "ack");
    let replies = step(&mut world, about_nothing);
    assert!(replies[0].text.contains("about no single host or service"), "{replies:?}");
    world.state("db1", "UP");
    let (said, asked) = alice(&mut world, "6@h", "ack late");
    assert!(said[0].contains("#1 is over") && asked.is_empty(), "{said:?}");
    let (said, asked) = alice(&mut world, "7@h", "it was the fan");
    assert_eq!((said.len(), asked.len()), (0, 1), "what is over can be commented on: {said:?}");
}

#[test]
fn only_a_person_with_the_role_is_obeyed_and_a_stranger_is_not_even_answered() {
    let mut world = trouble();
    let bob = answer(&world, "1@h", "bob@example.org", Some(1), "ack looking");
    let replies = step(&mut world, bob);
    assert!(replies.len() == 1 && replies[0].text.contains("operator"), "{replies:?}");
    for (id, from) in [
        ("2@h", "mallory@example.org"),
        ("3@h", "ALICE@example.org"),
        ("4@h", "alice@example.org.evil"),
        ("5@h", "alice"),
        ("6@h", ""),
    ] {
        let mail = answer(&world, id, from, Some(1), "ack looking");
        assert_eq!(step(&mut world, mail), [], "{from}");
        assert!(dropped(&world).contains("no [person]"), "{}", dropped(&world));
    }
    assert_eq!(world.actions, []);
    let alice = answer(&world, "7@h", "alice@EXAMPLE.org", Some(1), "ack looking");
    step(&mut world, alice);
    assert_eq!(world.actions.len(), 1, "a domain has no case");
}

#[test]
fn a_mail_counts_once_also_after_a_restart_and_a_strangers_mail_takes_no_id() {
    let mut world = trouble();
    let stranger = answer(&world, "1@h", "mallory@example.org", Some(1), "ack mine");
    step(&mut world, stranger);
    let (_, asked) = alice(&mut world, "1@h", "ack looking");
    assert_eq!(asked.len(), 1, "the id was not taken by a stranger");
    for _ in 0..2 {
        let (said, asked) = alice(&mut world, "1@h", "ack looking");
        assert_eq!((said.len(), asked.len()), (0, 0));
        assert!(dropped(&world).contains("read before"), "{}", dropped(&world));
        world.restart();
        world.wait("7d");
    }
}

#[test]
fn no_text_reaches_another_object_than_the_mails() {
    for text in [
        "ack #2 looking",
        "ack db2",
        "comment db2 looking",
        "recheck db2",
        "unack db2",
        "#2",
        "ack db1,db2 x",
    ] {
        let mut world = trouble();
        let mail = answer(&world, "1@h", "alice@example.org", Some(1), text);
        step(&mut world, mail);
        assert!(
            world.actions.iter().all(|action| action.object.name() == "db1"),
            "{text}: {:?}",
            world.actions
        );
    }
}

#[test]
fn what_was_refused_is_in_the_audit_and_has_no_effect() {
    let mut world = trouble();
    let refused = MailRefused {
        mailbox: "bell".to_owned(),
        at: world.now,
        from: "mallory@evil.org".to_owned(),
        reason: "it answers no mail of Watchbell".to_owned(),
    };
    assert_eq!(world.step(Input::MailRefused(refused)), []);
    assert_eq!(dropped(&world), "it answers no mail of Watchbell");
    assert_eq!(world.decisions.last().map(|d| d.summary.as_str()), Some("from `mallory@evil.org` to bell"));
    assert_eq!(world.actions, []);
}

#[test]
fn each_mail_that_is_too_many_is_answered_and_in_the_audit() {
    let mut world = trouble();
    world.restart_with(|settings| settings.bounds_commands = true);
    for number in 0..20 {
        let (said, asked) = alice(&mut world, &format!("{number}@her.host"), "recheck");
        assert_eq!((said.len(), asked.len()), (0, 1), "{said:?}");
    }
    for number in 20..25 {
        let (said, asked) = alice(&mut world, &format!("{number}@her.host"), "recheck");
        assert_eq!(said, ["too many commands; wait 20 s"]);
        assert_eq!(asked, []);
    }
    assert_eq!(world.commands.len(), 25);
    let end = &world.commands[24].end;
    assert_eq!(*end, CommandEnd::Refused("too many commands; wait 20 s".to_owned()));
}
