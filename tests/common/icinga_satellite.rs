//! A real Icinga that is a master, and a second one below it, the satellite, which checks all
//! hosts and has what it finds replayed when it was cut off.

use crate::common::certificates::Authority;
use crate::common::free_port;
use crate::common::icinga::{Icinga, NODE};
use crate::common::proxy::Proxy;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use watchbell::model::Timestamp;

/// How long the two may take to find or to miss each other; Icinga looks every 10 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// The master `m1`, and the satellite `s1` with hosts `host0`, `host1`, ... and a service `svc`
/// on each; all checks are passive, one attempt makes a state hard, nothing is said to flap.
pub(crate) struct IcingaSatellite {
    pub(crate) master: Icinga,
    pub(crate) satellite: Icinga,
    /// What stands between them; the satellite is who connects.
    pub(crate) line: Proxy,
}

impl IcingaSatellite {
    /// Starts both in `dir`; ready, and connected to each other, when this returns.
    pub(crate) async fn start(dir: &Path, hosts: usize) -> IcingaSatellite {
        let authority = Authority::new(dir, "cluster");
        let ports = [free_port(), free_port()];
        let line = Proxy::to(ports[0]);
        // The master has no address of the satellite, and so does not connect.
        let addresses = [String::new(), format!("host = \"127.0.0.1\"; port = \"{}\"", line.port)];
        let start = |number: usize, name: &'static str| {
            let identity = authority.issue_for(name, &[name, NODE]);
            let file = |path: &Path| fs::read(path).expect("the authority wrote it");
            let files = [
                ("ca.crt".to_owned(), file(&authority.ca_file)),
                (format!("{name}.crt"), file(&identity.cert_file)),
                (format!("{name}.key"), file(&identity.key_file)),
            ];
            let folder = dir.join(name);
            let text = configuration(&folder, name, ports[number], &addresses[number], hosts);
            async move { Icinga::start_as(folder, name, ports[number], &text, &files).await }
        };
        let master = start(0, "m1").await;
        let satellite = start(1, "s1").await;
        let cluster = IcingaSatellite { master, satellite, line };
        cluster.connected(true).await;
        cluster
    }

    /// Cuts the satellite off; both know it when this returns.
    pub(crate) async fn cut(&self) {
        self.line.refuse();
        self.connected(false).await;
    }

    /// Waits until both say that they are connected to each other, or both that they are not.
    pub(crate) async fn connected(&self, wanted: bool) {
        let begun = Instant::now();
        for (icinga, other) in [(&self.master, "s1"), (&self.satellite, "m1")] {
            let path = format!("/v1/objects/endpoints/{other}");
            while attribute(icinga, &path, "connected").await != wanted {
                assert!(begun.elapsed() < PATIENCE, "connected to {other} is not {wanted}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// The state of a host or `host!service`, as the master has it.
    pub(crate) async fn state(&self, object: &str) -> u64 {
        let kind = if object.contains('!') { "services" } else { "hosts" };
        let state = attribute(&self.master, &format!("/v1/objects/{kind}/{object}"), "state").await;
        state.as_f64().expect("a number") as u64
    }
}

async fn attribute(icinga: &Icinga, path: &str, name: &str) -> Value {
    let answer = icinga.call(reqwest::Method::GET, path, json!({"attrs": [name]})).await;
    answer["results"][0]["attrs"][name].clone()
}

/// Submits the result of a check that began and ended then.
pub(crate) async fn found(
    icinga: &Icinga,
    object: &str,
    exit_status: i64,
    began: Timestamp,
    ended: Timestamp,
) {
    let kind = if object.contains('!') { "service" } else { "host" };
    let body = json!({
        kind: object, "exit_status": exit_status, "plugin_output": format!("{exit_status}, as wanted"),
        "execution_start": began.as_second(), "execution_end": ended.as_second(),
    });
    icinga.api("/v1/actions/process-check-result", body).await;
}

fn configuration(dir: &Path, name: &str, port: u16, address: &str, hosts: usize) -> String {
    let settings = r#"check_command = "passive"; enable_active_checks = false; max_check_attempts = 1; enable_flapping = false; zone = "below""#;
    format!(
        r#"
const NodeName = "{name}"
const ZoneName = "{zone}"
include <itl>
object Endpoint "m1" {{ {address} }}
object Endpoint "s1" {{ }}
object Zone "top" {{ endpoints = [ "m1" ] }}
object Zone "below" {{ endpoints = [ "s1" ]; parent = "top" }}
object CheckerComponent "checker" {{ }}
object ApiListener "api" {{ bind_host = "127.0.0.1"; bind_port = "{port}"; accept_commands = true }}
object ApiUser "bot" {{ password = "botpw"; permissions = [ "*" ] }}
object FileLogger "main" {{ severity = "information"; path = "{log}" }}
for (i in range({hosts})) {{
  object Host "host" + i {{ {settings} }}
}}
apply Service "svc" {{ {settings}; assign where true }}
"#,
        zone = if name == "m1" { "top" } else { "below" },
        log = dir.join("log/icinga2.log").display(),
    )
}
