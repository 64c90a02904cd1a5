//! What arrives at a real mail server.

use crate::common::icinga::Icinga;
use crate::common::smtp::{Smtp, SmtpOptions};
use crate::common::watchbell::Site;

/// Plugin output of somebody who means no good: headers, control codes, markup.
const HOSTILE: &str = "disk full\r\nBcc: everybody@example.org\r\n\r\n\u{1b}[31m<script>alert(1)</script>";

#[tokio::test]
async fn a_problem_and_its_end_are_one_thread_of_mails_and_hostile_output_is_inert() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 1, 2).await;
    let server = Smtp::start(dir.path(), SmtpOptions::default());
    let site = Site::new(dir.path());
    let mail = format!(
        "[sink.email.mail]\nserver = \"smtp://localhost:{}\"\nca_file = \"{}\"\n\
         from = \"Watchbell <watchbell@example.org>\"\n\
         [target.ops]\nsink = \"mail\"\nto = [\"ops@example.org\", \"night@example.org\"]\nper_minute = 100\n",
        server.port,
        server.ca_file.display()
    );
    site.configure(&[site.icinga(&icinga), mail]);
    let mut watchbell = site.start();
    watchbell.log.expect("caught up");
    for service in ["host0!svc0", "host0!svc1"] {
        for _ in 0..3 {
            icinga.check_result(service, 2, HOSTILE).await;
        }
    }
    icinga.check_result("host0!svc0", 0, "disk has room").await;
    server.wait_for_mail("disk has room");
    assert!(watchbell.terminate().success());

    let about = |object: &str| {
        let of = |mail: &crate::common::smtp::Mail| {
            mail.headers.iter().any(|(name, value)| name == "X-Watchbell-Object" && value == object)
                && mail.recipients == ["ops@example.org"]
        };
        server.mails().into_iter().filter(of).collect::<Vec<_>>()
    };
    let mails = about("host0!svc0");
    let [problem, end] = &mails[..] else { panic!("{} mails on host0!svc0", mails.len()) };
    let other = &about("host0!svc1")[0];
    assert_eq!(problem.header("Subject"), "[CRITICAL] host0!svc0 - disk full (#1)");
    assert_eq!(end.header("Subject"), "[OK] host0!svc0 - disk has room (#1)");
    assert_eq!(problem.header("References"), end.header("References"));
    assert_ne!(problem.header("References"), other.header("References"));
    assert_ne!(problem.header("Message-ID"), end.header("Message-ID"));

    for (mail, word) in [(problem, "CRITICAL"), (end, "OK")] {
        let (text, html) = (mail.text.as_deref().unwrap_or(""), mail.html.as_deref().unwrap_or(""));
        assert!(text.contains("host0!svc0") && text.contains(word), "{text}");
        assert!(html.contains("host0!svc0") && html.contains(word), "{html}");
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(mail.count("Bcc"), 0);
        assert_eq!(mail.recipients, ["ops@example.org"]);
        assert!(!mail.raw.contains('\u{1b}') && !text.contains('\u{1b}') && !html.contains('\u{1b}'));
    }
    let text = problem.text.as_deref().expect("a plain part");
    assert!(text.contains("<script>alert(1)</script>"), "the output is shown as it is: {text}");
    assert!(problem.html.as_deref().is_some_and(|html| html.contains("&lt;script&gt;")));
}
