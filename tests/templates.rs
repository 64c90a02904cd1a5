//! Templates: what people read, for every event and every kind of sink.

use crate::common::scenes::{numbered, poisoned};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::{Arc, LazyLock};
use watchbell::diagnostic::{self, Diagnostic};
use watchbell::model::scene::Path as FieldPath;
use watchbell::model::{EventType, Message, Scene};
use watchbell::router::samples::{self, Sample};
use watchbell::router::{Templates, plain_line};

const KINDS: [&str; 5] = ["console", "irc", "email", "webhook", "exec"];

/// What a stranger may try: other lines, IRC commands and colours, terminal codes,
/// template code, HTML, a turned reading direction, NUL.
const HOSTILE: &str = "A\r\nPRIVMSG #x :B\n\u{3}04C\u{2}D\0E{{7*7}}{% if x %}<script>alert(1)</script>\u{202e}F\u{1b}[31m\"'>G\" onload=\"H\u{2028}I\u{85}J";

static BUILT_IN: LazyLock<Templates> = LazyLock::new(|| accepted(Templates::built_in()));

fn accepted(loaded: Result<Templates, Vec<Diagnostic>>) -> Templates {
    loaded.unwrap_or_else(|faults| panic!("{}", shown(&faults)))
}

fn shown(faults: &[Diagnostic]) -> String {
    diagnostic::render(faults, false)
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("the zone data is part of the program")
}

fn render(scene: &Arc<Scene>, kind: &str) -> Message {
    BUILT_IN.render(scene, "some sink", kind, &berlin())
}

fn sample(name: &str) -> Sample {
    samples::all().into_iter().find(|sample| sample.name == name).expect("a sample of this name")
}

fn set(files: &[(&str, &str)]) -> Result<Templates, Vec<Diagnostic>> {
    Templates::from_files(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

/// All samples through one kind of sink, one after the other, for a snapshot.
fn all(kind: &str, part: impl Fn(Message) -> String) -> String {
    let mut page = String::new();
    for sample in samples::all() {
        let event_type = sample.scene.event.event_type();
        let _ = writeln!(page, "== {event_type}: {}\n{}\n", sample.name, part(render(&sample.scene, kind)));
    }
    page
}

#[test]
fn chat_and_console_get_these_lines() {
    insta::assert_snapshot!("lines", all("irc", |message| message.text));
    for sample in samples::all() {
        for kind in ["console", "exec", "some kind"] {
            assert_eq!(
                render(&sample.scene, kind).text,
                render(&sample.scene, "irc").text,
                "{}",
                sample.name
            );
        }
    }
}

#[test]
fn mails_get_these_subjects_and_texts() {
    let mail = |message: Message| format!("{}\n\n{}", message.subject.unwrap_or_default(), message.text);
    insta::assert_snapshot!("mails", all("email", mail));
}

#[test]
fn mails_show_these_words_in_html() {
    insta::assert_snapshot!("html_words", all("email", |message| words(&message.html.unwrap_or_default())));
    let worse = render(&sample("a problem gets worse").scene, "email");
    insta::assert_snapshot!("html_whole", worse.html.unwrap_or_default());
}

#[test]
fn webhooks_get_these_documents() {
    let document = |message: Message| {
        let json: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&message.json.expect("a webhook gets JSON")).expect("valid JSON");
        let lines = json.iter().filter(|(_, value)| !value.is_null());
        lines.map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("documents", all("webhook", document));
}

/// What a reader sees of an HTML document: a line for each cell, and links with
/// their addresses.
fn words(html: &str) -> String {
    let body = html.split_once("<body").map_or(html, |(_, body)| body);
    let mut text = String::new();
    for piece in body.split('<').skip(1) {
        let (tag, words) = piece.split_once('>').expect("every tag is closed");
        if let Some((_, address)) = tag.split_once("href=\"") {
            let _ = write!(text, "[{}] ", address.split('"').next().unwrap_or_default());
        }
        if !words.trim().is_empty() {
            text.push_str(words);
        }
        match tag {
            "/th" => text.push_str(": "),
            "/td" | "/div" | "/h1" | "/p" | "/pre" | "/a" => text.push('\n'),
            _ => {}
        }
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "&nbsp;");
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn parts_belong_to_kinds_and_messages_of_one_incident_together() {
    for sample in samples::all() {
        for kind in KINDS {
            let message = render(&sample.scene, kind);
            assert!(!message.text.contains(" failed: "), "{}: {}", sample.name, message.text);
            assert!(!message.text.is_empty(), "{}", sample.name);
            assert_eq!(message.subject.is_some(), kind == "email");
            assert_eq!(message.html.is_some(), kind == "email");
            assert_eq!(message.json.is_some(), kind == "webhook");
            let expected =
                sample.scene.incident.as_ref().map(|incident| format!("incident-{}", incident.id.0));
            assert!(expected.is_none() || message.thread == expected, "{:?}", message.thread);
        }
    }
}

#[test]
fn severity_is_the_problems_and_nothing_else() {
    for (name, severity) in [
        ("a service becomes CRITICAL", 3),
        ("a problem eases", 1),
        ("a host goes down", 4),
        ("a service recovers", 0),
        ("a problem is acknowledged", 0),
        ("a downtime ends", 0),
        ("Icinga was out of reach", 0),
        ("a delivery was given up", 3),
        ("new rules are refused", 1),
    ] {
        assert_eq!(render(&sample(name).scene, "irc").severity, severity, "{name}");
    }
}

/// A text may have these many lines for a sample, whatever is in the event.
fn lines_of_ours(sample: &Sample) -> usize {
    render(&sample.scene, "irc").text.lines().count()
}

fn acts(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202e}' | '\u{2028}')
}

#[test]
fn hostile_text_is_text_in_a_line() {
    for sample in samples::all() {
        let scene = poisoned(&sample.scene, HOSTILE);
        for kind in ["irc", "console", "exec"] {
            let text = render(&scene, kind).text;
            assert!(!text.chars().any(|character| character != '\n' && acts(character)), "{text:?}");
            assert!(!text.contains("49"), "template code in an event ran: {text}");
            if sample.scene.event.event_type() != EventType::RulesetChanged {
                assert_eq!(text.lines().count(), lines_of_ours(&sample), "{}: {text}", sample.name);
            }
        }
        let plain = plain_line(&scene);
        assert!(!plain.chars().any(acts), "{plain:?}");
    }
}

#[test]
fn hostile_text_is_inert_in_a_mail() {
    let ours: BTreeSet<String> = samples::all()
        .iter()
        .flat_map(|sample| tags(&render(&sample.scene, "email").html.unwrap_or_default()))
        .collect();
    for sample in samples::all() {
        let message = render(&poisoned(&sample.scene, HOSTILE), "email");
        let subject = message.subject.expect("a mail has a subject");
        assert!(!subject.chars().any(acts), "{subject:?}");
        let html = message.html.unwrap_or_else(|| panic!("{}", message.text));
        assert!(!html.chars().any(|character| character != '\n' && acts(character)));
        assert!(!html.to_lowercase().contains("javascript:"), "a link runs code");
        for tag in tags(&html) {
            let link = tag.starts_with("a class=\"link\" href=\"https:") && tag.matches('"').count() == 6;
            assert!(link || ours.contains(&tag), "<{tag}>");
        }
        for line in message.text.lines().filter(|line| line.contains("PRIVMSG")) {
            assert!(!line.starts_with("PRIVMSG"), "a foreign line poses as ours: {line}");
        }
    }
}

fn tags(html: &str) -> Vec<String> {
    let inside = |piece: &str| piece.split_once('>').map(|(tag, _)| tag.to_owned());
    html.split('<').skip(1).map(|piece| inside(piece).expect("every tag is closed")).collect()
}

#[test]
fn hostile_text_arrives_whole_in_json() {
    for sample in samples::all() {
        let scene = poisoned(&sample.scene, HOSTILE);
        let json = render(&scene, "webhook").json.expect("a webhook gets JSON");
        let json: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
        if scene.event.report().is_some() {
            assert_eq!(json["output"], HOSTILE);
        }
        assert_eq!(json["type"], scene.event.event_type().name());
    }
}

#[test]
fn a_million_characters_stay_below_the_limit() {
    for filler in ["<", "ä\n", "👩‍👩‍👧 "] {
        let huge = filler.repeat(1_000_000 / filler.chars().count());
        for sample in samples::all().iter().step_by(7) {
            let scene = poisoned(&sample.scene, &huge);
            for kind in KINDS {
                let message = render(&scene, kind);
                let parts = [Some(message.text), message.subject, message.html, message.json.clone()];
                assert!(parts.iter().flatten().all(|part| part.len() <= 70_000), "{} {kind}", sample.name);
                if let Some(json) = &message.json {
                    serde_json::from_str::<serde_json::Value>(json).expect("valid JSON");
                }
            }
        }
    }
}

/// Templates that are fine for every sample and fail for incident 666.
fn failing(body: &str) -> String {
    format!("{{% if incident == 666 %}}{body}{{% endif %}}fine")
}

#[test]
fn a_template_that_fails_is_replaced_and_named() {
    let scene = numbered(&sample("a service becomes CRITICAL").scene, 666);
    for (body, reason) in [
        ("{{ output|round }}", "irc/StateChange.text failed: "),
        ("{% set n = now %}{{ n.nothing() }}", "irc/StateChange.text failed: "),
        ("{% include output %}", "irc/StateChange.text failed: "),
        ("{% include '_self.text' %}", "irc/StateChange.text failed: "),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "engine ran out of fuel",
        ),
    ] {
        let templates = accepted(set(&[
            ("irc/StateChange.text", &failing(body)),
            ("irc/_self.text", "{% include '_self.text' %}"),
        ]));
        let text = templates.render(&scene, "libera", "irc", &berlin()).text;
        assert!(text.starts_with(&plain_line(&scene)), "{text}");
        assert!(text.contains(" [template irc/StateChange.text failed: "), "{text}");
        assert!(text.contains(reason) && text.ends_with(']'), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn a_failing_part_leaves_the_others_whole() {
    let scene = numbered(&sample("a service becomes CRITICAL").scene, 666);
    let templates = accepted(set(&[
        ("default/StateChange.text", "all is well"),
        ("email/StateChange.subject", &failing("{{ output|round }}")),
        ("email/StateChange.html", &failing("{% for i in range(9999) %}{{ host.name }} is gone{% endfor %}")),
        ("webhook/StateChange.json", &failing("x").replace("fine", "1")),
    ]));
    let mail = templates.render(&scene, "m", "email", &berlin());
    assert!(
        mail.text.starts_with("all is well [template email/StateChange.subject failed: "),
        "{}",
        mail.text
    );
    assert!(
        mail.text.contains("[template email/StateChange.html failed: longer than 65536 bytes]"),
        "{}",
        mail.text
    );
    assert_eq!((mail.subject, mail.html), (Some(plain_line(&scene)), None));
    let hook = templates.render(&scene, "h", "webhook", &berlin());
    let json: serde_json::Value = serde_json::from_str(&hook.json.expect("JSON")).expect("valid JSON");
    assert!(json["text"].as_str().is_some_and(|text| text.contains("is no JSON")), "{json}");
}

#[test]
fn a_text_that_is_too_long_is_cut() {
    let scene = numbered(&sample("a service becomes CRITICAL").scene, 666);
    let long = failing("{% for i in range(9999) %}0123456789{% endfor %}");
    let templates = accepted(set(&[("irc/StateChange.text", &long)]));
    let text = templates.render(&scene, "libera", "irc", &berlin()).text;
    assert!(text.starts_with("0123456789") && text.ends_with('…'), "{}", &text[..100]);
    assert_eq!(text.len(), 64 * 1024 + '…'.len_utf8());
}

#[test]
fn the_sinks_name_goes_before_its_kind_and_that_before_default() {
    let scene = sample("a service becomes CRITICAL").scene;
    let templates = accepted(set(&[
        ("default/StateChange.text", "default"),
        ("irc/StateChange.text", "kind"),
        ("libera/StateChange.text", "name"),
    ]));
    for (name, kind, expected) in
        [("libera", "irc", "name"), ("oftc", "irc", "kind"), ("screen", "console", "default")]
    {
        assert_eq!(templates.render(&scene, name, kind, &berlin()).text, expected);
    }
    let gap = sample("Icinga was out of reach").scene;
    assert_eq!(templates.render(&gap, "oftc", "irc", &berlin()).text, plain_line(&gap));
}

#[test]
fn a_template_that_a_rule_names_is_found_like_the_others() {
    let scene = sample("a service becomes CRITICAL").scene;
    let templates = accepted(set(&[
        ("default/StateChange.text", "type"),
        ("email/StateChange.subject", "the type's subject"),
        ("email/StateChange.html", "<p>type</p>"),
        ("webhook/StateChange.json", "{\"say\": {{ text }}}"),
        ("default/short.text", "default"),
        ("irc/short.text", "kind"),
        ("libera/short.text", "name"),
        ("email/long.text", "letter"),
        ("email/long.html", "<p>letter</p>"),
    ]));
    let told =
        |name: &str, sink: &str, kind: &str| templates.render_as(Some(name), &scene, sink, kind, &berlin());
    assert_eq!(told("short", "libera", "irc").text, "name");
    assert_eq!(told("short", "oftc", "irc").text, "kind");
    assert_eq!(told("short", "screen", "console").text, "default");
    let mail = told("short", "m", "email");
    assert_eq!(
        (mail.text.as_str(), mail.subject.as_deref(), mail.html),
        ("default", Some("the type's subject"), None)
    );
    assert_eq!(told("long", "m", "email").html.as_deref(), Some("<p>letter</p>"));
    assert_eq!(told("short", "h", "webhook").json.as_deref(), Some("{\"say\": \"default\"}"));
    assert_eq!(told("long", "libera", "irc").text, "type", "no sink of this kind looks there");
    assert_eq!(told("shrot", "libera", "irc").text, "type");
    assert_eq!(templates.named("libera", "irc").into_iter().collect::<Vec<_>>(), ["short"]);
    assert_eq!(templates.named("m", "email").into_iter().collect::<Vec<_>>(), ["long", "short"]);
}

#[test]
fn a_template_that_a_rule_names_and_that_fails_is_replaced_by_the_types() {
    let scene = numbered(&sample("a service becomes CRITICAL").scene, 666);
    let templates = accepted(set(&[
        ("default/StateChange.text", "type"),
        ("default/bad.text", &failing("{{ output|round }}")),
        ("default/gaps.text", "{{ gap.reason }}"),
    ]));
    let told = |name: &str| templates.render_as(Some(name), &scene, "libera", "irc", &berlin()).text;
    assert!(told("bad").starts_with("type [template default/bad.text failed: "), "{}", told("bad"));
    assert!(
        told("gaps").starts_with("type [template default/gaps.text failed: it says nothing"),
        "{}",
        told("gaps")
    );
}

#[test]
fn a_template_that_a_rule_names_is_tried_with_every_sample() {
    let faults = set(&[("default/short.text", "{{ attempt|upper|round }}"), ("irc/statechange.text", "x")]);
    let faults = shown(&faults.expect_err("the filter takes numbers only"));
    assert!(
        faults.contains("irc/statechange.text: `statechange` is no event type; did you mean `StateChange`?"),
        "{faults}"
    );
    let faults =
        shown(&set(&[("default/short.text", "{{ output|uper }}")]).expect_err("there is no such filter"));
    assert!(faults.contains("default/short.text:1:11"), "{faults}");
}

#[test]
fn faults_name_file_line_and_place() {
    let faults = set(&[
        ("irc/Statechange.text", "x"),
        ("irc/StateChange.txt", "x"),
        ("irc/Gap.text", "all is\nwell {% if %}"),
        ("irc/MuteEnding.text", "{% if mute.removed_by == 'nobody ever' %}\n  {{ mute.whta }}{% endif %}x"),
        ("irc/CheckResult.text", "{{ sttate }}"),
        ("default/_lines.html", "x"),
    ])
    .expect_err("all of them are wrong");
    insta::assert_snapshot!("faults_found_by_reading", shown(&faults));

    let faults = set(&[
        ("default/_who.text", "on\n{{ author|round }}"),
        ("irc/CommentAdded.text", "{% include 'default/_who.text' %}"),
        ("irc/Gap.text", "{% if gap.since %}x{% endif %}"),
        ("irc/StateChange.text", "{% set h = host %}{{ h.addres }}"),
        ("irc/CheckResult.text", "{{ output|uper }}"),
        ("irc/Flapping.text", "{% include 'nowhere.text' %}"),
        ("email/StateChange.html", "{% include 'irc/StateChange.text' %}"),
        ("webhook/StateChange.json", "{\"state\": \"{{ state }}\"}"),
    ])
    .expect_err("all of them are wrong");
    insta::assert_snapshot!("faults_found_by_trying", shown(&faults));
}

#[test]
fn a_folder_lies_above_the_shipped_templates() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = accepted(Templates::load(&folder.path().join("none")));
    assert_eq!(missing.hash(), BUILT_IN.hash());

    fs::create_dir(folder.path().join("irc")).expect("a folder inside");
    fs::write(folder.path().join("irc/StateChange.text"), "mine: {{ object }}").expect("a file inside");
    fs::write(folder.path().join("irc/StateChange.text~"), "{{ broken").expect("a leftover inside");
    let mine = accepted(Templates::load(folder.path()));
    let scene = sample("a service becomes CRITICAL").scene;
    assert_eq!(mine.render(&scene, "libera", "irc", &berlin()).text, "mine: host1!svc0");
    assert_eq!(mine.render(&scene, "screen", "console", &berlin()), render(&scene, "console"));
    assert_ne!(mine.hash(), BUILT_IN.hash());

    fs::write(folder.path().join("irc/Gap.text"), b"\xff").expect("a file that is no text");
    fs::write(folder.path().join("irc/StateChange.text"), "{{ broken").expect("a broken file");
    let faults = Templates::load(folder.path()).expect_err("two files are wrong");
    let files: Vec<&str> = faults.iter().map(|fault| &*fault.file).collect();
    assert_eq!(files, ["irc/Gap.text", "irc/StateChange.text"]);
}

#[test]
fn every_field_renders_for_every_event_in_every_part() {
    let names: Vec<String> = FieldPath::names().collect();
    let all: String = names.iter().map(|name| format!("{name}={{{{ {name} }}}}\n")).collect();
    let json: Vec<String> = names.iter().map(|name| format!("{{{{ {name} }}}}")).collect();
    let mut files = BTreeMap::new();
    for event_type in EventType::ALL {
        for part in ["text", "subject", "html"] {
            files.insert(format!("default/{event_type}.{part}"), all.clone());
        }
        files.insert(format!("default/{event_type}.json"), format!("[{}]", json.join(",")));
    }
    let templates = accepted(Templates::from_files(files));
    let text = templates.render(&sample("a service becomes CRITICAL").scene, "x", "irc", &berlin()).text;
    assert!(text.contains("\nstate=CRITICAL\n") && text.contains("\nhost.address=192.0.2.17\n"), "{text}");
}

#[test]
fn custom_variables_and_missing_things_need_no_if() {
    let text = "{{ host.vars.role }}/{{ host.vars.none.deeper }}/{{ service.vars.tier }}/{{ downtime.name }}/\
                {{ downtime.start_time|time }}/{{ expiry|ago }}/{% if service %}yes{% endif %}/\
                {% for key, value in host.vars|items %}{{ key }}={{ value }} {% endfor %}";
    let templates = accepted(set(&[("irc/StateChange.text", text)]));
    let told = |name| templates.render(&sample(name).scene, "x", "irc", &berlin()).text;
    assert_eq!(told("a service becomes CRITICAL"), "web//gold////yes/role=web team=shop");
    assert_eq!(told("a change of which little is known"), "///////");
}

#[test]
fn times_are_the_readers() {
    let text =
        "{{ now|time }} {{ (now + 86400)|time }} {{ incident_opened|ago }} {{ now|rfc3339 }} {{ zone }}";
    let templates = accepted(set(&[("irc/StateChange.text", text)]));
    let scene = sample("a problem gets worse").scene;
    let told = |zone: &TimeZone| templates.render(&scene, "x", "irc", zone).text;
    assert_eq!(told(&berlin()), "12:46 2026-11-23 12:46 4m 2026-11-22T11:46:00.000Z Europe/Berlin");
    assert!(told(&TimeZone::UTC).starts_with("11:46 2026-11-23 11:46"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_output_breaks_a_message(output in any::<String>(), index in 0_usize..40) {
        let samples = samples::all();
        let scene = poisoned(&samples[index % samples.len()].scene, &output);
        for kind in KINDS {
            let message = render(&scene, kind);
            prop_assert!(!message.text.trim().is_empty());
            prop_assert!(!message.text.contains(['\r', '\0']));
            if let Some(subject) = &message.subject {
                prop_assert!(!subject.is_empty() && !subject.contains(['\r', '\n', '\0']));
            }
            if let Some(json) = &message.json {
                prop_assert!(serde_json::from_str::<serde_json::Value>(json).is_ok());
            }
        }
    }
}
