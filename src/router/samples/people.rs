//! What people do in Icinga.

use super::Sample;
use super::stage::{at, bare_scene, host_scene, in_state, sample, service_scene, told, with_incident};
use crate::model::event::{Acknowledgement, AcknowledgementEnd, Comment, Downtime};
use crate::model::{Detail, State};

pub(super) fn acknowledgements_and_comments() -> Vec<Sample> {
    let set = Acknowledgement {
        author: "alice".to_owned(),
        comment: "looking into it".to_owned(),
        state: State::Critical,
        hard: true,
        sticky: true,
        notify: true,
        persistent: false,
        expiry: Some(at(6 * 3600 + 840)),
    };
    let bare = Acknowledgement { author: String::new(), comment: String::new(), expiry: None, ..set.clone() };
    let cleared = |state| Detail::AcknowledgementCleared(AcknowledgementEnd { state, hard: true });
    let comment = Comment {
        name: "host1!svc0!4a9f".to_owned(),
        author: "bob".to_owned(),
        text: "the vendor is told, ticket 4711".to_owned(),
        entry_time: Some(at(-5)),
        entry_type: 1,
        expire_time: None,
    };
    let brief = Comment { expire_time: Some(at(3 * 86_400)), entry_time: None, ..comment.clone() };
    let broken = |detail| with_incident(in_state(service_scene(detail), State::Critical, 300), 300, false);
    vec![
        sample("a problem is acknowledged", broken(Detail::AcknowledgementSet(set))),
        sample("an acknowledgement by nobody knows whom", bare_scene(Detail::AcknowledgementSet(bare))),
        sample("an acknowledgement is taken back", broken(cleared(State::Critical))),
        sample("an acknowledgement ends with its problem", bare_scene(cleared(State::Ok))),
        sample("a comment", broken(Detail::CommentAdded(comment.clone()))),
        sample("a comment that expires", bare_scene(Detail::CommentAdded(brief))),
        sample("a comment is removed", broken(Detail::CommentRemoved(comment.clone()))),
        sample("a removed comment of which little is known", bare_scene(Detail::CommentRemoved(comment))),
    ]
}

pub(super) fn downtimes() -> Vec<Sample> {
    let fixed = Downtime {
        name: "dbcow22!77c2".to_owned(),
        author: "dbadmin".to_owned(),
        comment: "DB Tablespace Maintenance".to_owned(),
        entry_time: Some(at(0)),
        start_time: at(0),
        end_time: at(2 * 86_400 + 3600),
        fixed: true,
        duration_seconds: 0.0,
        trigger_time: None,
        remove_time: None,
        parent: String::new(),
        config_owner: String::new(),
    };
    let flexible = Downtime {
        name: "host1!svc0!91be".to_owned(),
        start_time: at(8 * 3600),
        end_time: at(14 * 3600),
        fixed: false,
        duration_seconds: 7200.0,
        ..fixed.clone()
    };
    let running = Downtime { trigger_time: Some(at(0)), ..fixed.clone() };
    let triggered = Downtime { trigger_time: Some(at(0)), start_time: at(-60), ..flexible.clone() };
    let cancelled = Downtime { remove_time: Some(at(0)), ..running.clone() };
    let bare = Downtime { author: String::new(), comment: String::new(), entry_time: None, ..fixed.clone() };
    let on_host = |detail| host_scene("dbcow22", detail);
    let on_broken = |detail| in_state(on_host(detail), State::Down, 600);
    vec![
        sample("a downtime is scheduled", on_host(Detail::DowntimeAdded(fixed))),
        sample("a flexible downtime is scheduled", service_scene(Detail::DowntimeAdded(flexible))),
        sample("a downtime of which little is known", bare_scene(Detail::DowntimeAdded(bare.clone()))),
        sample("a downtime starts", on_host(Detail::DowntimeStarted(running.clone()))),
        sample("a start of which little is known", bare_scene(Detail::DowntimeStarted(bare.clone()))),
        sample("a downtime takes effect", on_host(Detail::DowntimeTriggered(running.clone()))),
        sample("a flexible downtime takes effect", service_scene(Detail::DowntimeTriggered(triggered))),
        sample("an effect of which little is known", bare_scene(Detail::DowntimeTriggered(bare.clone()))),
        sample("a downtime ends", told(on_broken(Detail::DowntimeRemoved(running.clone())), State::Down)),
        sample("a downtime ends over an untold problem", on_broken(Detail::DowntimeRemoved(running))),
        sample("a downtime is cancelled", on_host(Detail::DowntimeRemoved(cancelled))),
        sample("an end of which little is known", bare_scene(Detail::DowntimeRemoved(bare))),
    ]
}
