//! A real Icinga 2 on loopback: own CA, certificates, folders and configuration.

use super::{Process, free_port, wait_for};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use watchbell::config::{IcingaSettings, Login};

/// The name in Icinga's certificate.
pub(crate) const NODE: &str = "lab";
/// CN of a client certificate that logs in as the user `bycert`.
const CLIENT: &str = "watchbell";
/// How long Icinga may take to start: with thousands of objects, on a busy machine.
const START: Duration = Duration::from_secs(240);

/// A running Icinga with hosts `host0`, `host1`, ... and services `svc0`, ... on each.
///
/// All checks are passive and three attempts make a state hard. Hosts have the vars
/// `role` (`db` where the number is even, else `web`; also a group), `team` and `idx`,
/// services `n` and `tier`; `host7` depends on `host0`. Users: `bot` may do all,
/// `narrow` may read `StateChange` and query hosts, `partial` may query services and
/// the status as well, `bycert` logs in by certificate, and `watchbell` is the one of the
/// README, with its rights and its password `change-me`.
pub(crate) struct Icinga {
    /// Of its API, on 127.0.0.1.
    pub(crate) port: u16,
    /// Its CA, PEM.
    pub(crate) ca_file: PathBuf,
    dir: PathBuf,
    /// The name in its certificate.
    node: String,
    http: reqwest::Client,
    process: Option<Process>,
}

impl Icinga {
    /// Starts one in `dir`, which must exist; ready when this returns.
    pub(crate) async fn start(dir: &Path, hosts: usize, services: usize) -> Icinga {
        let (dir, port) = (dir.join("icinga"), free_port());
        let text = configuration(&dir, port, hosts, services);
        Icinga::start_as(dir, NODE, port, &text, &certificates().files).await
    }

    /// The same, but one attempt makes a state hard, and nothing is said to flap.
    pub(crate) async fn start_hard(dir: &Path, hosts: usize, services: usize) -> Icinga {
        let (dir, port) = (dir.join("icinga"), free_port());
        let text = hard(&configuration(&dir, port, hosts, services));
        Icinga::start_as(dir, NODE, port, &text, &certificates().files).await
    }

    /// The same, but with these objects, written as in a configuration, and with none but these;
    /// they may import `lab-host` and `lab-service`. One attempt makes a state hard, and nothing
    /// is said to flap.
    pub(crate) async fn start_with(dir: &Path, objects: &str) -> Icinga {
        let (dir, port) = (dir.join("icinga"), free_port());
        let text = hard(&base(&dir, port)) + objects;
        Icinga::start_as(dir, NODE, port, &text, &certificates().files).await
    }

    /// Starts one with this configuration and these files among its certificates, `ca.crt`
    /// being one of them; the others hold a certificate for `node`.
    pub(crate) async fn start_as(
        dir: PathBuf,
        node: &str,
        port: u16,
        configuration: &str,
        certificates: &[(String, Vec<u8>)],
    ) -> Icinga {
        for folder in ["etc", "lib/certs", "cache", "log", "spool", "run"] {
            fs::create_dir_all(dir.join(folder)).expect("a temporary folder can be written");
        }
        fs::set_permissions(dir.parent().expect("it was joined"), fs::Permissions::from_mode(0o755))
            .expect("a temporary folder is ours");
        fs::write(dir.join("etc/icinga2.conf"), configuration).expect("the configuration can be written");
        for (name, text) in certificates {
            fs::write(dir.join("lib/certs").join(name), text).expect("a certificate can be written");
        }
        give_away(&dir);
        let ca_file = dir.join("lib/certs/ca.crt");
        let mut icinga = Icinga {
            port,
            http: http(&ca_file, node, port),
            ca_file,
            dir,
            node: node.to_owned(),
            process: None,
        };
        icinga.restart().await;
        icinga
    }

    /// Settings of the user `bot`.
    pub(crate) fn settings(&self) -> IcingaSettings {
        self.settings_of("bot", "botpw")
    }

    /// Settings of a user with a password.
    pub(crate) fn settings_of(&self, user: &str, password: &str) -> IcingaSettings {
        IcingaSettings {
            name: "lab".to_owned(),
            urls: vec![format!("https://127.0.0.1:{}", self.port).parse().expect("a URL")],
            login: Login::Password { user: user.to_owned(), password: SecretString::from(password) },
            ca_file: Some(self.ca_file.clone()),
            server_names: vec![self.node.clone()],
            silence: Duration::from_secs(30),
            canary: None,
        }
    }

    /// Settings of the user `bot`, through what listens on this port of loopback.
    pub(crate) fn settings_through(&self, port: u16) -> IcingaSettings {
        let url = format!("https://127.0.0.1:{port}").parse().expect("a URL");
        IcingaSettings { urls: vec![url], ..self.settings() }
    }

    /// Settings of the user `bycert`, who has no password.
    pub(crate) fn settings_by_certificate(&self) -> IcingaSettings {
        let certs = self.dir.join("lib/certs");
        let login = Login::Certificate {
            cert_file: certs.join(format!("{CLIENT}.crt")),
            key_file: certs.join(format!("{CLIENT}.key")),
        };
        IcingaSettings { login, ..self.settings() }
    }

    /// Posts to the API as `bot`; panics unless Icinga says yes.
    pub(crate) async fn api(&self, path: &str, body: Value) -> Value {
        self.call(reqwest::Method::POST, path, body).await
    }

    /// Calls the API as `bot`; panics unless Icinga says yes.
    pub(crate) async fn call(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, body).await.expect("Icinga answers");
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// Submits a passive check result for a host or `host!service`.
    pub(crate) async fn check_result(&self, object: &str, exit_status: i64, output: &str) {
        let kind = if object.contains('!') { "service" } else { "host" };
        let body = json!({kind: object, "exit_status": exit_status, "plugin_output": output});
        self.api("/v1/actions/process-check-result", body).await;
    }

    /// Has it read its configuration again; returns at once.
    pub(crate) fn reload(&self) {
        run(Command::new("kill").args(["-HUP", &self.process_id().to_string()]));
    }

    /// Has it read its configuration again: returns when its API answers as a new one.
    pub(crate) async fn reload_and_wait(&self) {
        let before = self.begun_at().await.expect("Icinga answers");
        self.reload();
        let asked = Instant::now();
        while self.begun_at().await.is_none_or(|begun| begun <= before) {
            assert!(asked.elapsed() < START, "icinga2 does not come back from a reload");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it at once, with all its children; its port is free when this returns.
    pub(crate) fn kill(&mut self) {
        // The children of a killed Icinga live on; all are in the group it leads.
        let group = format!("-{}", self.process_id());
        run(Command::new("kill").args(["-KILL", "--", &group]));
        self.process.take().expect("it runs").kill();
        wait_for("the end of all of icinga2", START, || {
            TcpStream::connect(("127.0.0.1", self.port)).is_err().then_some(())
        });
    }

    /// Starts it again on the same port, after [`Icinga::kill`]; ready when this returns.
    pub(crate) async fn restart(&mut self) {
        let log = fs::File::create(self.dir.join("log/start.log")).expect("the log can be written");
        let errors = log.try_clone().expect("a file can be cloned");
        let mut command = icinga2(&self.dir, &["daemon"]);
        command.arg("-c").arg(self.dir.join("etc/icinga2.conf"));
        command.stdout(log).stderr(errors).process_group(0);
        self.process = Some(Process::start("icinga2", &mut command));
        let begun = Instant::now();
        while !self.is_ready().await {
            let log = || fs::read_to_string(self.dir.join("log/start.log")).unwrap_or_default();
            assert!(begun.elapsed() < START, "icinga2 does not start: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        self.begun_at().await.is_some()
    }

    /// When it began or was reloaded last, by its own clock; `None` while it does not answer.
    async fn begun_at(&self) -> Option<f64> {
        let asked = self.ask(reqwest::Method::GET, "/v1/status/IcingaApplication", Value::Null).await;
        let (_, answer) = asked.ok().filter(|(status, _)| *status == 200)?;
        answer["results"][0]["status"]["icingaapplication"]["app"]["program_start"].as_f64()
    }

    /// The process id of the one that was started; all others are in the group it leads.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// A client of its API that asks as `bot`, also while it is away.
    pub(crate) fn asker(&self) -> Asker {
        Asker { http: self.http.clone(), node: self.node.clone(), port: self.port }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Value) -> reqwest::Result<(u16, Value)> {
        self.asker().ask(method, path, body).await
    }
}

/// A client of an Icinga's API that outlives it.
pub(crate) struct Asker {
    http: reqwest::Client,
    node: String,
    port: u16,
}

impl Asker {
    /// Calls the API as `bot`: HTTP status and answer.
    pub(crate) async fn ask(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Value,
    ) -> reqwest::Result<(u16, Value)> {
        let url = format!("https://{}:{}{path}", self.node, self.port);
        let request = self.http.request(method, url).basic_auth("bot", Some("botpw"));
        let request = request.header("Accept", "application/json").json(&body);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
    }
}

impl Drop for Icinga {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

fn http(ca_file: &Path, node: &str, port: u16) -> reqwest::Client {
    let tls = watchbell::tls::client_config(Some(ca_file)).expect("the CA can be read");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .resolve(node, address)
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client can be built")
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
}

/// A call of icinga2 that keeps everything inside `dir`.
fn icinga2(dir: &Path, subcommand: &[&str]) -> Command {
    let mut command = Command::new("icinga2");
    command.args(subcommand);
    for (name, folder) in [
        ("DataDir", "lib"),
        ("CacheDir", "cache"),
        ("LogDir", "log"),
        ("SpoolDir", "spool"),
        ("InitRunDir", "run"),
        ("ConfigDir", "etc"),
        ("PidPath", "run/icinga2.pid"),
    ] {
        command.arg("-D").arg(format!("{name}={}", dir.join(folder).display()));
    }
    let [user, group] = account();
    command.arg("-D").arg(format!("RunAsUser={user}")).arg("-D").arg(format!("RunAsGroup={group}"));
    command
}

/// The user and group Icinga runs as: root's tests give it Debian's `nagios`, for it
/// refuses to be root; anybody else's run it as themselves.
fn account() -> [&'static str; 2] {
    static ONCE: OnceLock<[String; 2]> = OnceLock::new();
    let [user, group] = ONCE.get_or_init(|| {
        let [user, group] = ["-un", "-gn"].map(|option| {
            let output = Command::new("id").arg(option).output().expect("`id` is there");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        });
        if user == "root" { ["nagios", "nagios"].map(str::to_owned) } else { [user, group] }
    });
    [user, group]
}

/// Makes Icinga's user the owner of all in `dir`; where that is us, it is ours already.
fn give_away(dir: &Path) {
    let [user, group] = account();
    run(Command::new("chown").arg("-R").arg(format!("{user}:{group}")).arg(dir));
}

/// What Icinga's own PKI made, once for all tests of this process: it takes seconds.
struct Certificates {
    files: Vec<(String, Vec<u8>)>,
}

fn certificates() -> &'static Certificates {
    static ONCE: OnceLock<Certificates> = OnceLock::new();
    ONCE.get_or_init(Certificates::make)
}

impl Certificates {
    fn make() -> Certificates {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let certs = dir.path().join("lib/certs");
        for folder in ["lib/ca", "lib/certs"] {
            fs::create_dir_all(dir.path().join(folder)).expect("a temporary folder can be written");
        }
        give_away(dir.path());
        run(&mut icinga2(dir.path(), &["pki", "new-ca"]));
        let mut names = vec!["ca.crt".to_owned()];
        for name in [NODE, CLIENT] {
            let file = |ending: &str| certs.join(format!("{name}.{ending}"));
            let mut new = icinga2(dir.path(), &["pki", "new-cert", "--cn", name]);
            run(new.arg("--key").arg(file("key")).arg("--csr").arg(file("csr")));
            let mut sign = icinga2(dir.path(), &["pki", "sign-csr"]);
            run(sign.arg("--csr").arg(file("csr")).arg("--cert").arg(file("crt")));
            names.extend([format!("{name}.key"), format!("{name}.crt")]);
        }
        fs::copy(dir.path().join("lib/ca/ca.crt"), certs.join("ca.crt")).expect("the CA can be copied");
        let read = |name: String| {
            let text = fs::read(certs.join(&name)).expect("icinga2 wrote it");
            (name, text)
        };
        Certificates { files: names.into_iter().map(read).collect() }
    }
}

/// The block of the README that makes the user.
fn user_of_the_readme() -> &'static str {
    let block = include_str!("../../README.md").split("```icinga2\n").nth(1);
    block.and_then(|rest| rest.split("```").next()).expect("README.md shows an ApiUser")
}

/// A configuration in which one attempt makes a state hard, and nothing is said to flap.
fn hard(configuration: &str) -> String {
    let hard = configuration.replace("max_check_attempts = 3", "max_check_attempts = 1");
    hard.replace("enable_flapping = true", "enable_flapping = false")
}

/// A configuration without hosts: what they are made of, and who may ask.
fn base(dir: &Path, port: u16) -> String {
    let log = dir.join("log/icinga2.log");
    format!(
        r#"
const NodeName = "{NODE}"
const ZoneName = NodeName
const PluginDir = "/usr/lib/nagios/plugins"
include <itl>
object Endpoint NodeName {{ host = "127.0.0.1" }}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object CheckerComponent "checker" {{ }}
object NotificationComponent "notification" {{ }}
object ApiListener "api" {{ bind_host = "127.0.0.1"; bind_port = "{port}" }}
object ApiUser "bot" {{ password = "botpw"; permissions = [ "*" ] }}
object ApiUser "narrow" {{ password = "narrowpw"; permissions = [ "events/StateChange", "objects/query/Host" ] }}
object ApiUser "partial" {{ password = "partialpw"; permissions = [ "status/query", "events/StateChange", "events/ObjectCreated", "objects/query/Host", "objects/query/Service" ] }}
object ApiUser "remover" {{ password = "removerpw"; permissions = [ "status/query", "events/*", "objects/query/*", "actions/remove-acknowledgement" ] }}
object ApiUser "bycert" {{ client_cn = "{CLIENT}"; permissions = [ "*" ] }}
{}
object FileLogger "main" {{ severity = "information"; path = "{}" }}
object User "oncall" {{ email = "oncall@localhost" }}
object NotificationCommand "lab-notify" {{ command = [ "/bin/true" ] }}
template Host "lab-host" {{ max_check_attempts = 3; check_interval = 1m; retry_interval = 10s; check_command = "passive"; enable_active_checks = false; enable_flapping = true }}
template Service "lab-service" {{ max_check_attempts = 3; check_interval = 1m; retry_interval = 10s; check_command = "passive"; enable_active_checks = false; enable_flapping = true }}
"#,
        user_of_the_readme(),
        log.display()
    )
}

fn configuration(dir: &Path, port: u16, hosts: usize, services: usize) -> String {
    let objects = format!(
        r#"
object HostGroup "db" {{ assign where host.vars.role == "db" }}
object HostGroup "web" {{ assign where host.vars.role == "web" }}
for (i in range({hosts})) {{
  object Host "host" + i use (i) {{ import "lab-host"; address = "127.0.0.1"; display_name = "Host number " + i; vars.role = if (i % 2 == 0) {{ "db" }} else {{ "web" }}; vars.team = "team" + (i % 5); vars.idx = i; notes_url = "https://wiki.example/" + name }}
}}
for (j in range({services})) {{
  apply Service "svc" + j use (j) {{ import "lab-service"; vars.n = j; vars.tier = if (j == 0) {{ "gold" }} else {{ "bronze" }}; assign where host.vars.idx >= 0 }}
}}
apply Notification "mail" to Host {{ command = "lab-notify"; users = [ "oncall" ]; interval = 0; assign where host.vars.idx >= 0 }}
apply Notification "mail" to Service {{ command = "lab-notify"; users = [ "oncall" ]; interval = 0; assign where host.vars.idx >= 0 }}
apply Dependency "parent" to Host {{ parent_host_name = "host0"; disable_checks = false; disable_notifications = true; assign where host.vars.idx == 7 }}
"#
    );
    base(dir, port) + &objects
}
