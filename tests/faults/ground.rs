//! All that stands while the campaign runs: Icinga and the far side of each sink. The
//! Watchbell of each round is new.

use crate::common::icinga::Icinga;
use crate::common::ircd::Ngircd;
use crate::common::proxy::Proxy;
use crate::common::watchbell::Site;
use crate::ears::Ears;
use crate::far_side::{CHANNEL, Chat, Hook, Ircd, Mail};
use crate::judge::Sink;
use crate::load::Field;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tempfile::TempDir;

const HOSTS: usize = 30;
/// On each host. The first is told to chat too, the second by mail too.
const SERVICES: usize = 10;

/// After so long Watchbell asks an Icinga that is silent whether it lives, and then waits 10 s.
const SILENCE: &str = "5s";

/// All changes go to the service, some to the channel and by mail as well.
const RULES: &str = r#"
rule("the service hears all", #{ on: "StateChange", hard: true }, |e| e.notify("hook"));
rule("the channel", #{ on: "StateChange", hard: true, "service.vars.n": 0 }, |e| e.notify("ops"));
rule("by mail", #{ on: "StateChange", hard: true, "service.vars.n": 1 }, |e| e.notify("mail"));
"#;

/// Whether a sink is to tell of an object: what [`RULES`] say.
pub(crate) fn tells(sink: Sink, object: &str) -> bool {
    match sink {
        Sink::Chat => object.ends_with("!svc0"),
        Sink::Mail => object.ends_with("!svc1"),
        Sink::Hook => true,
    }
}

/// Icinga and the far side.
pub(crate) struct Ground {
    pub(crate) icinga: Icinga,
    /// Watchbell's way to Icinga; the load has its own.
    pub(crate) line: Proxy,
    pub(crate) chat: Chat,
    pub(crate) mail: Mail,
    pub(crate) hook: Hook,
    pub(crate) ears: Arc<Ears>,
    numbers: Arc<AtomicU64>,
    rounds: usize,
    dir: TempDir,
}

impl Ground {
    /// Starts all.
    pub(crate) async fn start() -> Ground {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let ears = Ears::new();
        let icinga = Icinga::start_hard(dir.path(), HOSTS, SERVICES).await;
        Ground {
            line: Proxy::to(icinga.port),
            icinga,
            chat: Chat::start(Ircd::Ngircd(Ngircd::start_unhurried(dir.path())), ears.clone()).await,
            mail: Mail::start(dir.path(), ears.clone()),
            hook: Hook::start(ears.clone()).await,
            ears,
            numbers: Arc::default(),
            rounds: 0,
            dir,
        }
    }

    /// A folder for a round. Every object is OK from here on.
    pub(crate) async fn folder(&mut self) -> PathBuf {
        for (kind, status) in [("Host", 0), ("Service", 0)] {
            let body =
                json!({"type": kind, "filter": "true", "exit_status": status, "plugin_output": "at first"});
            self.icinga.api("/v1/actions/process-check-result", body).await;
        }
        self.rounds += 1;
        let folder = self.dir.path().join(format!("round-{}", self.rounds));
        fs::create_dir_all(&folder).expect("the folder can be made");
        folder
    }

    /// An installation in a round's folder, with its database at `store`.
    pub(crate) fn install(&self, folder: &Path, store: &Path) -> Site {
        let site = Site::new(folder);
        for shipped in ["10-filter", "20-dedup", "30-flap", "40-mute", "50-route"] {
            fs::remove_file(site.path(&format!("rules/{shipped}.rhai"))).expect("it was copied");
        }
        fs::remove_dir_all(site.path("rules/cookbook")).expect("it was copied");
        site.write("rules/campaign.rhai", RULES);
        let (chat, mail, hook) = (self.chat.gate.port, self.mail.port, self.hook.port);
        let ways_out = format!(
            "[store]\npath = \"{}\"\n\
             [sink.irc.chat]\nserver = \"127.0.0.1:{chat}\"\ntls = false\nnick = \"watchbell\"\n\
             lines_per_second = 1000\nburst = 1000\n\
             [target.ops]\nsink = \"chat\"\nto = \"{CHANNEL}\"\nper_minute = 1000000\n\
             [sink.email.mail]\nserver = \"smtp://127.0.0.1:{mail}\"\ntls = \"off\"\n\
             from = \"watchbell@lab.test\"\n[target.mail]\nsink = \"mail\"\nto = \"ops@lab.test\"\nper_minute = 1000000\n\
             [sink.webhook.hook]\nurl = \"http://127.0.0.1:{hook}/\"\n[target.hook]\nsink = \"hook\"\n\
             [person.oracle]\nirc = \"oracle\"\nroles = [\"operator\"]\n",
            store.display()
        );
        let icinga = site.icinga_of(&self.icinga.settings_through(self.line.port), "botpw");
        site.configure(&[format!("{icinga}silence = \"{SILENCE}\"\n"), ways_out]);
        site
    }

    /// The field of a load with this rate.
    pub(crate) fn field(&self, rate: f64) -> Field {
        let service = |number| format!("host{}!svc{}", number / SERVICES, number % SERVICES);
        Field { objects: (0..HOSTS * SERVICES).map(service).collect(), rate, numbers: self.numbers.clone() }
    }
}
