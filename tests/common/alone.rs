//! A Watchbell alone: webhooks in, a program out, and an Icinga that is never there.
//!
//! For what is about the process itself: its end, its limits, its clock.

use super::watchbell::{Site, Watchbell};
use super::{free_port, wait_for};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Appends the one line that it is given to `told`; asks for another try while there is
/// a file `broken`.
const PROGRAM: &str =
    "#!/bin/sh\n[ ! -e broken ] || exit 75\nread -r line || exit 75\nprintf '%s\\n' \"$line\" >> told\n";

/// Where it lives.
pub(crate) struct Alone {
    pub(crate) site: Site,
    /// Where it takes webhooks.
    pub(crate) port: u16,
}

impl Alone {
    /// A folder inside `dir`; `sections` stand behind its own.
    pub(crate) fn new(dir: &Path, sections: &[&str]) -> Alone {
        let (site, port) = (Site::new(dir), free_port());
        site.secret("token", "s3cret");
        site.secret("icinga.password", "none");
        site.write("tell.sh", PROGRAM);
        site.write("told", "");
        let own = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\n[webhook.test]\ntoken_file = \"token\"\n\
             [[icinga]]\nname = \"away\"\nurls = [\"https://127.0.0.1:{}\"]\nuser = \"bot\"\n\
             password_file = \"icinga.password\"\n\
             [sink.exec.program]\ncommand = [\"/bin/sh\", \"tell.sh\"]\n[target.ops]\nsink = \"program\"\n",
            free_port()
        );
        let sections: Vec<String> =
            std::iter::once(own).chain(sections.iter().map(|text| (*text).to_owned())).collect();
        site.configure(&sections);
        Alone { site, port }
    }

    /// Waits until it takes webhooks.
    pub(crate) fn wait_until_it_listens(&self, watchbell: &mut Watchbell) {
        watchbell.log.expect("webhooks are taken");
    }

    /// Sends a webhook with this text. Whether it was taken.
    pub(crate) fn send(&self, text: &str) -> bool {
        self.try_send(text).unwrap_or(false)
    }

    fn try_send(&self, text: &str) -> std::io::Result<bool> {
        Ok(self.post(text, "")?.starts_with("HTTP/1.1 202 "))
    }

    /// Sends a webhook with this text and these further lines of the head, each with its end;
    /// the whole answer.
    pub(crate) fn post(&self, text: &str, head: &str) -> std::io::Result<String> {
        let body = serde_json::json!({ "text": text }).to_string();
        let mut stream = self.connect()?;
        write!(
            stream,
            "POST /webhook/test HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\r\n{head}\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// A connection to where it takes webhooks.
    pub(crate) fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// The texts that were told, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        let lines = self.site.read("told");
        // The last line may be under way.
        let whole = lines.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| text_of(line.trim_end())).collect()
    }

    /// Waits until a text is told that contains this.
    pub(crate) fn wait_for_told(&self, contains: &str) -> String {
        wait_for(&format!("`{contains}` to be told"), PATIENCE, || {
            self.told().into_iter().find(|text| text.contains(contains))
        })
    }

    /// How many texts were told that contain this.
    pub(crate) fn count_told(&self, contains: &str) -> usize {
        self.told().iter().filter(|text| text.contains(contains)).count()
    }
}

fn text_of(line: &str) -> String {
    let delivery: serde_json::Value = serde_json::from_str(line).expect("one line of JSON");
    delivery["text"].as_str().expect("it has a text").to_owned()
}
