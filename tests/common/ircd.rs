//! IRC servers and people, for tests: ngircd (no accounts), InspIRCd with Atheme
//! (accounts), and a [`Client`] that plays a human over a plain socket.

use super::{Process, free_port, wait_for};
use base64::Engine;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take for anything; far more than it needs. A channel may be silent
/// for 20 s between two digests of a storm.
const PATIENCE: Duration = Duration::from_secs(60);

/// The user and group that servers run as which refuse to run as root: Debian's `nobody`.
const NOBODY: u32 = 65534;

fn start(program: &str, dir: &Path, command: &mut Command) -> Process {
    let log = fs::File::create(dir.join(format!("{program}.out"))).expect("the test's folder is writable");
    let errors = log.try_clone().expect("a file handle can be cloned");
    Process::start(program, command.stdin(Stdio::null()).stdout(log).stderr(errors))
}

fn wait_for_port(port: u16) {
    wait_for(&format!("port {port}"), PATIENCE, || TcpStream::connect(("127.0.0.1", port)).ok());
}

/// Who may kill and ban: [`Client::become_operator`].
const OPERATOR: &str = "[Operator]\nName = root\nPassword = operpw\n";

/// An ngircd: a server without accounts and capabilities.
pub(crate) struct Ngircd {
    /// For clients: plain, or TLS after [`Ngircd::start_tls`].
    pub(crate) port: u16,
    dir: PathBuf,
    process: Process,
}

impl Ngircd {
    /// Starts one on a free port; its files go to `dir`.
    pub(crate) fn start(dir: &Path) -> Ngircd {
        let port = free_port();
        Ngircd::start_with(dir, port, &format!("Ports = {port}"), OPERATOR)
    }

    /// Starts two that are one network. Clients of either see those of the other.
    pub(crate) fn start_linked(hub_dir: &Path, leaf_dir: &Path) -> (Ngircd, Ngircd) {
        let (hub_port, leaf_port) = (free_port(), free_port());
        let link = |name: &str, more: &str| {
            let names = format!("[Server]\nName = {name}\nMyPassword = labpw\nPeerPassword = labpw\n{more}");
            format!("{OPERATOR}{names}")
        };
        let accepts = link("leaf.lab.test", "Passive = yes\n");
        let connects = link("irc.lab.test", &format!("Host = 127.0.0.1\nPort = {hub_port}\nPassive = yes\n"));
        let hub = Ngircd::start_with(hub_dir, hub_port, &format!("Ports = {hub_port}"), &accepts);
        let ports = format!("Ports = {leaf_port}");
        let leaf = Ngircd::start_named("leaf.lab.test", leaf_dir, leaf_port, &ports, &connects);
        (hub, leaf)
    }

    /// Starts one that makes nobody wait who says much.
    pub(crate) fn start_unhurried(dir: &Path) -> Ngircd {
        let port = free_port();
        Ngircd::start_with(dir, port, &format!("Ports = {port}"), "[Limits]\nMaxPenaltyTime = 0\n")
    }

    /// Starts one that speaks TLS, with this certificate and key (PEM).
    pub(crate) fn start_tls(dir: &Path, certificate: &str, key: &str) -> Ngircd {
        fs::write(dir.join("cert.pem"), certificate).expect("the test's folder is writable");
        fs::write(dir.join("key.pem"), key).expect("the test's folder is writable");
        let (port, plain_port, dir_name) = (free_port(), free_port(), dir.display());
        let tls =
            format!("[SSL]\nCertFile = {dir_name}/cert.pem\nKeyFile = {dir_name}/key.pem\nPorts = {port}\n");
        Ngircd::start_with(dir, port, &format!("Ports = {plain_port}"), &tls)
    }

    fn start_with(dir: &Path, port: u16, ports: &str, more: &str) -> Ngircd {
        Ngircd::start_named("irc.lab.test", dir, port, ports, more)
    }

    fn start_named(name: &str, dir: &Path, port: u16, ports: &str, more: &str) -> Ngircd {
        let settings = format!(
            "[Global]\nName = {name}\nInfo = lab\nListen = 127.0.0.1\n{ports}\nMotdPhrase = hi\n\
             [Limits]\nMaxConnectionsIP = 0\nMaxNickLength = 20\nMaxJoins = 0\n\
             [Options]\nPAM = no\nDNS = no\nIdent = no\nIncludeDir = {}\n{more}",
            dir.join("none").display()
        );
        fs::create_dir_all(dir.join("none")).expect("the test's folder is writable");
        fs::write(dir.join("ngircd.conf"), settings).expect("the test's folder is writable");
        let process = Ngircd::launch(dir);
        wait_for_port(port);
        Ngircd { port, dir: dir.to_owned(), process }
    }

    fn launch(dir: &Path) -> Process {
        start("ngircd", dir, Command::new("ngircd").arg("-n").arg("-f").arg(dir.join("ngircd.conf")))
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it as it is, with all its connections open; [`Ngircd::resume`] lets it go on.
    pub(crate) fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Starts it again on the same port.
    pub(crate) fn restart(&mut self) {
        self.process = Ngircd::launch(&self.dir);
        wait_for_port(self.port);
    }
}

/// How an InspIRCd differs from the usual one.
pub(crate) struct InspircdOptions {
    /// Whether each line carries its speaker's account.
    pub(crate) account_tag: bool,
    /// How many commands above the rate end a connection, and the rate in
    /// commands per 1000 s.
    pub(crate) flood: (u32, u32),
}

impl Default for InspircdOptions {
    fn default() -> InspircdOptions {
        InspircdOptions { account_tag: true, flood: (1000, 100_000) }
    }
}

/// Where an InspIRCd listens.
#[derive(Clone, Copy)]
struct Ports {
    clients: u16,
    servers: u16,
}

impl Ports {
    fn free() -> Ports {
        Ports { clients: free_port(), servers: free_port() }
    }
}

const SERVER: &str = include_str!("../fixtures/irc/inspircd.conf");
const SERVICES: &str = include_str!("../fixtures/irc/atheme.conf");

/// A configuration with its gaps filled; `names`: of the server, its id, the other server
/// and the port of that one.
fn fill(text: &str, dir: &Path, options: &InspircdOptions, ports: Ports, names: [&str; 4]) -> String {
    let [name, id, peer, peer_port] = names;
    text.replace("@NAME@", name)
        .replace("@ID@", id)
        .replace("@PEER@", peer)
        .replace("@PEER_PORT@", peer_port)
        .replace("@PORT@", &ports.clients.to_string())
        .replace("@LINK_PORT@", &ports.servers.to_string())
        .replace("@SERVICES_PORT@", &free_port().to_string())
        .replace("@THRESHOLD@", &options.flood.0.to_string())
        .replace("@COMMAND_RATE@", &options.flood.1.to_string())
        .replace("@ACCOUNT_TAG@", if options.account_tag { "<module name=\"ircv3_accounttag\">" } else { "" })
        .replace("@DIR@", &dir.display().to_string())
}

/// An InspIRCd of the same network as an [`Inspircd`], once an operator connected them.
pub(crate) struct InspircdLeaf {
    /// For clients, plain.
    pub(crate) port: u16,
    _server: Process,
}

/// An InspIRCd with Atheme's services: accounts, SASL, capabilities.
pub(crate) struct Inspircd {
    /// For clients, plain.
    pub(crate) port: u16,
    /// For other servers.
    pub(crate) link_port: u16,
    dir: PathBuf,
    server: Process,
    services: Process,
}

impl Inspircd {
    /// Starts both on free ports, and waits until they are linked.
    pub(crate) fn start_with_services(dir: &Path) -> Inspircd {
        Inspircd::start_with(dir, &InspircdOptions::default())
    }

    /// As [`Inspircd::start_with_services`], with differences.
    pub(crate) fn start_with(dir: &Path, options: &InspircdOptions) -> Inspircd {
        let ports = Ports::free();
        // It waits for the leaf, so it needs no way there.
        let fill =
            |text: &str| fill(text, dir, options, ports, ["irc.lab.test", "001", "leaf.lab.test", "1"]);
        let server = Inspircd::start_server(dir, ports, &fill(SERVER));
        fs::create_dir_all(dir.join("services")).expect("the test's folder is writable");
        fs::write(dir.join("services/atheme.conf"), fill(SERVICES)).expect("the test's folder is writable");
        let services = Inspircd::launch_services(dir);
        Inspircd { port: ports.clients, link_port: ports.servers, dir: dir.to_owned(), server, services }
    }

    /// Starts another server of the network, without services, whose operators connect it to
    /// `irc.lab.test` by `CONNECT`, by this port.
    pub(crate) fn start_leaf(dir: &Path, options: &InspircdOptions, hub_port: u16) -> InspircdLeaf {
        let ports = Ports::free();
        let names = ["leaf.lab.test", "002", "irc.lab.test", &hub_port.to_string()];
        let server = Inspircd::start_server(dir, ports, &fill(SERVER, dir, options, ports, names));
        InspircdLeaf { port: ports.clients, _server: server }
    }

    fn start_server(dir: &Path, ports: Ports, settings: &str) -> Process {
        for folder in ["log", "run", "data"] {
            fs::create_dir_all(dir.join(folder)).expect("the test's folder is writable");
        }
        fs::write(dir.join("motd"), "hi\n").expect("the test's folder is writable");
        fs::write(dir.join("inspircd.conf"), settings).expect("the test's folder is writable");
        let server = Inspircd::launch_server(dir);
        wait_for_port(ports.clients);
        server
    }

    /// Ends the services; they keep their accounts.
    pub(crate) fn stop_services(&mut self) {
        self.services.signal("TERM");
        wait_for("the end of Atheme", PATIENCE, || (!self.services.runs()).then_some(()));
    }

    /// Starts the services again, and waits until they are linked.
    pub(crate) fn restart_services(&mut self) {
        fs::remove_file(self.dir.join("services/log/atheme.log")).expect("they had a log");
        self.services = Inspircd::launch_services(&self.dir);
    }

    /// Ends the server at once, as a crash would; the services wait for it.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts the server again on the same port.
    pub(crate) fn restart(&mut self) {
        self.server = Inspircd::launch_server(&self.dir);
        wait_for_port(self.port);
    }

    fn launch_server(dir: &Path) -> Process {
        let mut command = Command::new("inspircd");
        command.arg("--config").arg(dir.join("inspircd.conf")).arg("--nofork");
        if is_root() {
            command.arg("--runasroot");
        }
        start("inspircd", dir, &mut command)
    }

    fn launch_services(dir: &Path) -> Process {
        let home = dir.join("services");
        fs::create_dir_all(home.join("log")).expect("the test's folder is writable");
        fs::create_dir_all(home.join("etc")).expect("the test's folder is writable");
        let mut command = Command::new("atheme-services");
        command.arg("-n").arg("-c").arg(home.join("atheme.conf")).arg("-D").arg(&home);
        command.arg("-l").arg(home.join("log/atheme.log")).arg("-p").arg(home.join("atheme.pid"));
        if is_root() {
            // Atheme refuses to run as root.
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(dir, open).expect("the test's folder is ours");
            for path in [home.clone(), home.join("log"), home.join("etc"), home.join("atheme.conf")] {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        let process = start("atheme-services", dir, &mut command);
        let log = home.join("log/atheme.log");
        wait_for("Atheme to link", PATIENCE, || {
            fs::read_to_string(&log).ok().filter(|text| text.contains("finished synching"))
        });
        process
    }

    /// Makes an account.
    pub(crate) fn register(&self, account: &str, password: &str) {
        let mut client = Client::connect(self.port, account, None);
        client.say("NickServ", &format!("REGISTER {password} {account}@lab.test"));
        client.expect_line("now registered");
        client.quit();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A human in IRC.
pub(crate) struct Client {
    nick: String,
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects under this nick, logged in to an account if `sasl` (account and
    /// password) is given.
    pub(crate) fn connect(port: u16, nick: &str, sasl: Option<(&str, &str)>) -> Client {
        let writer = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        writer.set_read_timeout(Some(PATIENCE)).expect("the time is above zero");
        let reader = BufReader::new(writer.try_clone().expect("a socket can be cloned"));
        let mut client = Client { nick: nick.to_owned(), writer, reader };
        if sasl.is_some() {
            client.raw("CAP REQ :sasl");
        }
        client.raw(&format!("NICK {nick}"));
        client.raw(&format!("USER {nick} 0 * :{nick}"));
        if let Some((account, password)) = sasl {
            client.log_in(account, password);
        }
        client.expect_line(" 001 ");
        // The end of the message of the day, or that there is none.
        client.lines_until(|line| line.contains(" 376 ") || line.contains(" 422 "));
        client
    }

    fn log_in(&mut self, account: &str, password: &str) {
        self.expect_line(" ACK ");
        self.raw("AUTHENTICATE PLAIN");
        self.expect_line("AUTHENTICATE");
        let clear = format!("\0{account}\0{password}");
        self.raw(&format!("AUTHENTICATE {}", base64::engine::general_purpose::STANDARD.encode(clear)));
        self.expect_line(" 903 ");
        self.raw("CAP END");
    }

    /// Joins a channel and waits until that is done.
    pub(crate) fn join(&mut self, channel: &str) {
        self.raw(&format!("JOIN {channel}"));
        self.expect_line(" 366 ");
    }

    /// May kill and ban from now on.
    pub(crate) fn become_operator(&mut self) {
        self.raw("OPER root operpw");
        self.expect_line(" 381 ");
    }

    /// Waits until the server has done all that was said before.
    pub(crate) fn settle(&mut self) {
        self.raw("PING :settled");
        self.expect_line("settled");
    }

    /// Says something to a channel or nick.
    pub(crate) fn say(&mut self, target: &str, text: &str) {
        self.raw(&format!("PRIVMSG {target} :{text}"));
    }

    /// Sends a line as it is.
    pub(crate) fn raw(&mut self, line: &str) {
        self.raw_bytes(line.as_bytes());
    }

    /// Sends a line of any bytes.
    pub(crate) fn raw_bytes(&mut self, line: &[u8]) {
        self.writer.write_all(&[line, b"\r\n"].concat()).expect("the server takes what we write");
    }

    /// Leaves the network, and waits until that is done.
    pub(crate) fn quit(mut self) {
        self.raw("QUIT");
        while self.read_line().is_some() {}
    }

    /// The next line that contains this text; the lines before it are gone.
    #[track_caller]
    pub(crate) fn expect_line(&mut self, contains: &str) -> String {
        let mut lines = self.lines_until(|line| line.contains(contains));
        lines.pop().expect("it ends with what was waited for")
    }

    /// All lines up to the first that is `last`, this one included.
    #[track_caller]
    pub(crate) fn lines_until(&mut self, last: impl Fn(&str) -> bool) -> Vec<String> {
        let start = Instant::now();
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.read_line() else {
                panic!("{}: the server hung up or was silent after {lines:#?}", self.nick);
            };
            let is_last = last(&line);
            lines.push(line);
            if is_last {
                return lines;
            }
            assert!(start.elapsed() < PATIENCE, "{}: waited in vain; came: {lines:#?}", self.nick);
        }
    }

    /// The next line without its end; pings are answered on the way.
    fn read_line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let count = self.reader.read_until(b'\n', &mut bytes).ok()?;
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
        if let Some(token) = line.strip_prefix("PING ") {
            self.raw(&format!("PONG {token}"));
        }
        (count > 0).then_some(line)
    }
}
