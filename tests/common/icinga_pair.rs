//! Two real Icingas that are the masters of one zone.

use crate::common::certificates::Authority;
use crate::common::free_port;
use crate::common::icinga::Icinga;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use watchbell::config::IcingaSettings;

/// How long a change may take from one master to the other.
const PATIENCE: Duration = Duration::from_secs(60);

/// The masters `m1` and `m2`, each with a certificate for its own name alone, with hosts `host0`, `host1`, ... and a service `svc` on each;
/// all checks are passive, and two attempts make a state hard.
pub(crate) struct IcingaPair {
    pub(crate) masters: [Icinga; 2],
}

impl IcingaPair {
    /// Starts both in `dir`; ready, and connected to each other, when this returns.
    pub(crate) async fn start(dir: &Path, hosts: usize) -> IcingaPair {
        let authority = Authority::new(dir, "zone");
        let ports = [free_port(), free_port()];
        let start = |number: usize| {
            let name = format!("m{}", number + 1);
            let identity = authority.issue(&name);
            let file = |path: &Path| fs::read(path).expect("the authority wrote it");
            let files = [
                ("ca.crt".to_owned(), file(&authority.ca_file)),
                (format!("{name}.crt"), file(&identity.cert_file)),
                (format!("{name}.key"), file(&identity.key_file)),
            ];
            let folder = dir.join(&name);
            async move {
                let text = configuration(&folder, &name, ports[number], ports, hosts);
                Icinga::start_as(folder, &name, ports[number], &text, &files).await
            }
        };
        let (first, second) = tokio::join!(start(0), start(1));
        let pair = IcingaPair { masters: [first, second] };
        pair.agrees("host0", 0, "they are connected").await;
        pair
    }

    /// Settings that name both.
    pub(crate) fn settings(&self) -> IcingaSettings {
        let [first, second] = self.masters.each_ref().map(Icinga::settings);
        let server_names = [first.server_names, second.server_names].concat();
        IcingaSettings { urls: [first.urls, second.urls].concat(), server_names, ..first }
    }

    /// Submits a check result of a host to the first master, until the second has it too.
    pub(crate) async fn agrees(&self, host: &str, exit_status: i64, output: &str) {
        let [first, second] = &self.masters;
        let begun = Instant::now();
        loop {
            first.check_result(host, exit_status, output).await;
            let path = format!("/v1/objects/hosts/{host}");
            let body = json!({"attrs": ["last_check_result"]});
            let answer = second.call(reqwest::Method::GET, &path, body).await;
            if answer["results"][0]["attrs"]["last_check_result"]["output"] == output {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the masters do not find each other");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn configuration(dir: &Path, name: &str, port: u16, ports: [u16; 2], hosts: usize) -> String {
    format!(
        r#"
const NodeName = "{name}"
const ZoneName = "master"
include <itl>
object Endpoint "m1" {{ host = "127.0.0.1"; port = "{}" }}
object Endpoint "m2" {{ host = "127.0.0.1"; port = "{}" }}
object Zone "master" {{ endpoints = [ "m1", "m2" ] }}
object CheckerComponent "checker" {{ }}
object NotificationComponent "notification" {{ }}
object ApiListener "api" {{ bind_host = "127.0.0.1"; bind_port = "{port}"; accept_commands = true; accept_config = true }}
object ApiUser "bot" {{ password = "botpw"; permissions = [ "*" ] }}
object FileLogger "main" {{ severity = "information"; path = "{}" }}
object User "oncall" {{ email = "oncall@localhost" }}
object NotificationCommand "lab-notify" {{ command = [ "/bin/true" ] }}
for (i in range({hosts})) {{
  object Host "host" + i {{ check_command = "passive"; enable_active_checks = false; max_check_attempts = 2 }}
}}
apply Service "svc" {{ check_command = "passive"; enable_active_checks = false; max_check_attempts = 2; assign where true }}
apply Notification "mail" to Service {{ command = "lab-notify"; users = [ "oncall" ]; interval = 0; assign where true }}
"#,
        ports[0],
        ports[1],
        dir.join("log/icinga2.log").display()
    )
}
