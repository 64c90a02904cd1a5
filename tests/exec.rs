//! Programs that are given deliveries: real shell scripts in a temporary folder.

use crate::common::deliveries::finished as delivery;
use crate::common::wait_for;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use watchbell::config::ExecSettings;
use watchbell::model::Delivery;
use watchbell::sink::exec::Exec;
use watchbell::sink::{Receipt, SendError, Sink};

/// A script and the folder it runs in, which it finds in its first argument.
struct Script {
    folder: TempDir,
    timeout: Duration,
}

impl Script {
    fn new(body: &str) -> Script {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("page");
        fs::write(&path, format!("cd \"$1\"\n{body}\n")).expect("the folder can be written");
        Script { folder, timeout: Duration::from_secs(30) }
    }

    fn exec(&self) -> Exec {
        // Through `sh`, so that no script is run while another thread's fork still
        // has it open for writing.
        let folder = self.folder.path().display().to_string();
        exec(&["/bin/sh", &format!("{folder}/page"), &folder], self.timeout)
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, SendError> {
        self.exec().send(delivery).await
    }

    async fn run(&self) -> Result<Receipt, SendError> {
        self.send(&delivery("+49123", "db1 is down")).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn exec(command: &[&str], timeout: Duration) -> Exec {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    Exec::new("pager", &ExecSettings { command, timeout }).expect("a command")
}

/// Whether the process of this id still does anything; a zombie does not.
fn runs(pid: &str) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let (_, after_name) = stat.rsplit_once(')').expect("a process has a name");
    !after_name.trim_start().starts_with('Z')
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn the_program_reads_one_line_of_json_and_its_first_line_is_the_receipt() {
    let script = Script::new("cat > input; echo; echo '  sent as 17'; echo more");
    let mut delivery = delivery("+49123", "db1 is down\nsince 12:30");
    delivery.message.html = Some("<p>down</p>".to_owned());

    let receipt = script.send(&delivery).await;

    assert_eq!(receipt, Ok(Receipt("sent as 17".to_owned())));
    let input = read(&script.file("input"));
    assert!(input.ends_with("}\n") && input.lines().count() == 1, "{input}");
    let json: serde_json::Value = serde_json::from_str(&input).expect("JSON");
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).expect("JSON"), @r#"
    {
      "at": "2026-03-01T12:34:56Z",
      "event": "StateChange",
      "html": "<p>down</p>",
      "incident": 42,
      "object": "db1!postgres",
      "rule": "50-route.rhai:3 all problems",
      "sink": "out",
      "subject": "db1!postgres is CRITICAL",
      "target": "ops",
      "text": "db1 is down\nsince 12:30",
      "thread": "incident-42",
      "to": "+49123"
    }
    "#);
}

#[tokio::test]
async fn silence_and_unread_input_are_no_fault() {
    let mut huge = delivery("", "");
    huge.message.text = "x".repeat(1024 * 1024);

    let receipt = Script::new("exit 0").send(&huge).await;

    assert_eq!(receipt, Ok(Receipt("exit status: 0".to_owned())));
}

#[tokio::test]
async fn the_exit_status_decides() {
    for (body, is_final, words) in [
        ("echo 'line busy' >&2; exit 75", false, "exit status: 75: line busy"),
        ("kill -TERM $$", false, "signal: 15"),
        (
            "echo ignored; echo; echo 'no such\x1b[2J number' >&2; exit 1",
            true,
            "exit status: 1: no such␛[2J number",
        ),
        ("exit 127", true, "exit status: 127"),
    ] {
        let result = Script::new(body).run().await;
        let reason = match (&result, is_final) {
            (Err(SendError::Rejected(reason)), true) => reason,
            (Err(SendError::Retry { reason, after: None }), false) => reason,
            _ => panic!("{body}: {result:?}"),
        };
        assert!(reason.contains(words), "{body}: {reason}");
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_its_children() {
    // The child is made before the parent tells of both, so that the files are
    // complete before the time is up, and hangs on both outputs.
    let mut script = Script::new(
        "sh -c 'echo $$ > grandchild.part; mv grandchild.part grandchild; sleep 1000' & \
         echo $$ > parent; while [ ! -e grandchild ]; do sleep 0.01; done; echo hung >&2; wait",
    );
    script.timeout = Duration::from_secs(3);

    let result = script.run().await;

    let Err(SendError::Retry { reason, .. }) = result else {
        panic!("{result:?}");
    };
    assert!(reason.contains("was killed after 3s: hung"), "{reason}");
    for name in ["parent", "grandchild"] {
        let pid = read(&script.file(name)).trim().to_owned();
        wait_for(&format!("the end of the {name} {pid}"), Duration::from_secs(60), || {
            (!runs(&pid)).then_some(())
        });
    }
}

#[tokio::test]
async fn who_ignores_signals_forks_and_floods_is_killed_with_all_that_it_made() {
    // Six children, each with one of its own, all deaf; they flood when all are there.
    let mut script = Script::new(
        "trap '' TERM HUP INT QUIT PIPE
         deaf() {
             echo x >> started
             while [ ! -e complete ]; do sleep 0.05; done
             while :; do echo flood; echo flood >&2; done
         }
         for number in 1 2 3 4 5 6; do ( deaf & deaf ) & done
         while [ $(wc -l < started) -lt 12 ]; do sleep 0.05; done
         touch complete
         deaf",
    );
    script.timeout = Duration::from_secs(5);

    let result = script.run().await;

    let Err(SendError::Retry { reason, .. }) = result else { panic!("{result:?}") };
    assert!(reason.contains("was killed after 5s: flood"), "{reason}");
    assert!(script.file("complete").exists(), "all of them had started");
    let folder = script.folder.path().display().to_string();
    wait_for("the end of all of them", Duration::from_secs(60), || {
        processes_of(&folder).is_empty().then_some(())
    });
}

/// The processes that have this among their arguments and still do anything.
fn processes_of(argument: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("there are processes").flatten();
    let ids = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mine = |id: &String| {
        fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains(argument))
            && runs(id)
    };
    ids.filter(mine).collect()
}

#[tokio::test]
async fn a_send_that_is_given_up_leaves_no_program_behind() {
    let script = Script::new("echo $$ > parent.part; mv parent.part parent; sleep 1000");
    let exec = script.exec();
    let delivery = delivery("", "db1 is down");
    let started = async {
        while !script.file("parent").exists() {
            tokio::task::yield_now().await;
        }
    };

    tokio::select! {
        result = exec.send(&delivery) => panic!("it ended: {result:?}"),
        () = started => {}
    }

    let pid = read(&script.file("parent")).trim().to_owned();
    wait_for("the end of the program", Duration::from_secs(60), || (!runs(&pid)).then_some(()));
}

#[tokio::test]
async fn a_child_that_stays_behind_does_not_change_the_verdict() {
    let mut script = Script::new("sleep 1000 & echo $! > child; echo done; exit 0");
    script.timeout = Duration::from_secs(1);

    let receipt = script.run().await;

    assert_eq!(receipt, Ok(Receipt("done".to_owned())));
    let pid = read(&script.file("child")).trim().to_owned();
    let killed = std::process::Command::new("kill").arg(&pid).status().expect("kill runs");
    assert!(killed.success(), "the child was left alone until now");
}

#[tokio::test]
async fn endless_output_neither_blocks_nor_fills_the_memory() {
    let script = Script::new("head -c 5000000 /dev/zero | tr '\\0' x; head -c 5000000 /dev/zero >&2");

    let receipt = script.run().await.expect("it is accepted");

    assert_eq!(receipt.0.chars().count(), 200);
}

#[tokio::test]
async fn what_a_shell_would_obey_is_data() {
    let script = Script::new("cat > input; echo $# arguments");
    let hostile = "$(touch owned) `touch owned`; touch owned #' \" -rf --help\n\0";
    let mut delivery = delivery(hostile, hostile);
    for field in [&mut delivery.object, &mut delivery.rule, &mut delivery.target, &mut delivery.event] {
        *field = hostile.to_owned();
    }

    let receipt = script.send(&delivery).await;

    assert_eq!(receipt, Ok(Receipt("1 arguments".to_owned())));
    assert!(!script.file("owned").exists());
    let json: serde_json::Value = serde_json::from_str(&read(&script.file("input"))).expect("JSON");
    for name in ["to", "text", "object", "rule", "target", "event"] {
        assert_eq!(json[name], hostile, "{name}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_final_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plain = folder.path().join("plain");
    fs::write(&plain, "text").expect("the folder can be written");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).expect("its mode can be set");
    let plain = plain.display().to_string();
    for (program, remedy) in [("/no/such/program", "correct `command`"), (plain.as_str(), "chmod +x")] {
        let result = exec(&[program], Duration::from_secs(30)).send(&delivery("", "x")).await;
        let Err(SendError::Rejected(reason)) = &result else {
            panic!("{program}: {result:?}");
        };
        assert!(reason.contains(program) && reason.contains(remedy), "{reason}");
    }
}

#[test]
fn an_empty_command_is_an_error_at_the_start() {
    let settings = ExecSettings { command: Vec::new(), timeout: Duration::from_secs(1) };

    let error = Exec::new("pager", &settings).err().expect("there is nothing to run").to_string();

    assert!(error.contains("sink `pager`") && error.contains("`command` is empty"), "{error}");
}
