//! The processes of a real Icinga: frozen, thawed and weighed; and a flood of results.

use super::icinga::{Asker, Icinga};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

impl Icinga {
    /// Freezes all its processes (SIGSTOP): it keeps its sockets and does nothing.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Has it go on after [`Icinga::freeze`].
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.process_id());
        let sent = Command::new("kill").args([signal, "--", &group]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it runs and is ours");
    }

    /// What it holds in memory, in bytes, all its processes together.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let group = self.process_id().to_string();
        let processes = fs::read_dir("/proc").expect("this is Linux").flatten();
        let bytes = processes.filter_map(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the name in parentheses: state, parent, group.
            let mine = stat.rsplit_once(')')?.1.split_whitespace().nth(2)? == group;
            let pages = fs::read_to_string(entry.path().join("statm")).ok()?;
            let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
            mine.then_some(resident * 4096)
        });
        bytes.sum()
    }

    /// Submits one result for every service at once; whether Icinga took it.
    pub(crate) async fn result_for_all(&self, exit_status: i64, output: &str) -> bool {
        self.asker().result_for_all(exit_status, output).await
    }
}

impl Asker {
    /// Submits one result for every service at once; whether Icinga took it.
    pub(crate) async fn result_for_all(&self, exit_status: i64, output: &str) -> bool {
        let body = json!({
            "type": "Service", "filter": "true", "exit_status": exit_status, "plugin_output": output,
        });
        let asked = self.ask(reqwest::Method::POST, "/v1/actions/process-check-result", body).await;
        asked.is_ok_and(|(status, _): (u16, Value)| status == 200)
    }
}
