//! Mails, against a mail server over real TCP that keeps what it takes and fails on command.

mod alerts;
mod webhooks;

use std::time::Duration;

use countersign::core::id::{NoticeId, PersonId};
use countersign::db::Detail;
use countersign::identity::links::NewPerson;
use countersign::identity::{Person, people};
use countersign::jobs::{Letter, Mailer};
use countersign::notices::{self, Notice, Told};
use countersign::operate;
use countersign::policy::{Actor, On, Role};

use crate::support::{FakeSmtp, SmtpFault, TestApp, check_with};

/// Longer than all pauses together.
const HOURS: i64 = 5 * 3600;

/// Settings as `check_with` takes them.
pub fn borrowed<'a>(flags: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    flags.iter().map(|(key, value)| (*key, value.as_str())).collect()
}

/// Runs `test` on an installation that mails to `smtp`.
async fn mailing(smtp: &FakeSmtp, test: impl AsyncFnOnce(&TestApp)) {
    check_with(&borrowed(&smtp.flags()), test).await;
}

async fn somebody(app: &TestApp, display_name: &str, email: &str) -> PersonId {
    let app = &app.app;
    let username = format!("person.{}", hex::encode(app.db.rng().bytes::<4>()));
    let new = NewPerson { username, display_name: display_name.into(), email: Some(email.into()), time_zone: "UTC".into() };
    let nobody = Person::nobody(PersonId::new(app.db.clock(), app.db.rng()));
    let permit = app.policy.permit(&Actor::console(), &nobody).expect("the console may");
    people::create(&app.db, permit, &new, &[Role::Contributor], None).await.expect("creates")
}

/// Writes a notice beside an act.
async fn tell(app: &TestApp, channel: &'static str, person: &PersonId, template: &'static str, args: &[(&str, &str)]) {
    let app = &app.app;
    let permit = app.policy.permit::<operate::Start>(&Actor::system(), &On::any("server")).expect("the system may");
    let notice = Notice::prepare(&app.db, channel, person, template, args).await.expect("seals");
    let mut tx = app.db.begin(&permit).await.expect("begins");
    notice.insert(&mut tx).await.expect("inserts");
    tx.commit(permit, Detail::ok()).await.expect("commits");
}

/// A notice's row: channel, tries, and why the last one failed; done ones are left out.
pub async fn open_rows(app: &TestApp) -> Vec<(String, i64, Option<String>)> {
    app.app.db.query("select channel, attempts, failed from notice where done_at is null and channel <> 'page' order by id").all().await.expect("reads")
}

/// Waits until the open rows are as `wanted`.
pub async fn wait_for_rows(app: &TestApp, wanted: &[(&str, i64, &str)]) {
    let mut found = Vec::new();
    for _ in 0..1000 {
        found = open_rows(app).await;
        if found.iter().map(|(c, n, why)| (c.as_str(), *n, why.as_deref().unwrap_or_default())).eq(wanted.iter().copied()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{wanted:?} were awaited: {found:?}");
}

#[tokio::test]
async fn a_mail_arrives_once_with_the_right_headers_and_a_link_that_works() {
    let smtp = FakeSmtp::start().await;
    mailing(&smtp, async |app| {
        let admin = app.person(&[Role::Admin]).await;
        let fields = [("username", "nora.quist"), ("display_name", "Nora Quist"), ("email", "nora@example.org"), ("roles", "contributor")];
        admin.post("/admin/users/invite", &fields).await.expect(200);
        let mail = smtp.wait_for(1).await.remove(0);
        assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("sender@test.example", ["nora@example.org".to_owned()].as_slice()));
        assert_eq!(mail.header("from"), ["Countersign <sender@test.example>"]);
        assert_eq!(mail.header("to"), ["\"Nora Quist\" <nora@example.org>"]);
        assert_eq!(mail.header("subject"), ["You are invited to Countersign"]);
        assert_eq!(mail.header("message-id").len(), 1);
        assert!(mail.header("message-id")[0].starts_with("<ntc_") && mail.header("message-id")[0].ends_with("@test.example>"));
        assert!(mail.body.contains("Hello Nora Quist,") && mail.body.contains("nora.quist") && mail.body.contains("UTC"), "{}", mail.body);
        let link = mail.body.lines().find_map(|l| l.strip_prefix("http://127.0.0.1:8080")).expect("a link").to_owned();
        app.stranger().get(&link).await.expect(200).says("nora.quist");
        wait_for_rows(app, &[]).await;
        // A later one comes, and the first does not come again.
        app.advance(HOURS);
        let id = somebody(app, "Otto", "otto@example.org").await;
        tell(app, "mail", &id, "password_changed", &[]).await;
        let taken = smtp.wait_for(2).await;
        assert_eq!(taken.iter().map(|m| m.to[0].as_str()).collect::<Vec<_>>(), ["nora@example.org", "otto@example.org"]);
        assert_eq!(smtp.offered().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_mail_is_tried_again_until_the_server_takes_it() {
    let smtp = FakeSmtp::start().await;
    smtp.fail(&[SmtpFault::Busy, SmtpFault::PutOff, SmtpFault::Cut]);
    mailing(&smtp, async |app| {
        let id = somebody(app, "Nora Quist", "nora@example.org").await;
        tell(app, "mail", &id, "reset", &[("link", "http://127.0.0.1:8080/link/abc")]).await;
        for (tries, why) in [(1, "put_off"), (2, "put_off"), (3, "connection_lost")] {
            wait_for_rows(app, &[("mail", tries, why)]).await;
            assert_eq!(smtp.taken().len(), 0);
            app.advance(30 << (tries - 1));
        }
        let mail = smtp.wait_for(1).await.remove(0);
        assert!(mail.body.contains("\r\nhttp://127.0.0.1:8080/link/abc\r\n"), "{}", mail.body);
        wait_for_rows(app, &[]).await;
        let offered = smtp.offered();
        assert_eq!(offered.iter().map(|m| m.taken).collect::<Vec<_>>(), [false, true], "one was read and put off, one taken");
        assert_eq!(offered[0].header("message-id"), offered[1].header("message-id"), "whoever got both would know");
    })
    .await;
}

#[tokio::test]
async fn a_pause_is_kept_before_the_next_try() {
    let smtp = FakeSmtp::start().await;
    smtp.fail(&[SmtpFault::PutOff]);
    mailing(&smtp, async |app| {
        let id = somebody(app, "Nora Quist", "nora@example.org").await;
        tell(app, "mail", &id, "password_changed", &[]).await;
        wait_for_rows(app, &[("mail", 1, "put_off")]).await;
        app.advance(29);
        let other = somebody(app, "Otto", "otto@example.org").await;
        tell(app, "mail", &other, "password_changed", &[]).await;
        assert_eq!(smtp.wait_for(1).await[0].to, ["otto@example.org"], "half a minute is not over for the first");
        app.advance(1);
        smtp.wait_for(2).await;
    })
    .await;
}

#[tokio::test]
async fn a_mail_refused_for_good_is_given_up_and_waits_on_the_page_when_it_may() {
    let smtp = FakeSmtp::start().await;
    smtp.fail(&[SmtpFault::Refused, SmtpFault::Refused]);
    mailing(&smtp, async |app| {
        let person = app.person(&[Role::Contributor]).await;
        let id = person.id.clone().expect("a person");
        tell(app, "mail", &id, "reset", &[("link", "x")]).await;
        wait_for_rows(app, &[("mail", notices::ATTEMPTS_MAX, "refused")]).await;
        tell(app, "any", &id, "codes_changed", &[]).await;
        wait_for_rows(app, &[("mail", notices::ATTEMPTS_MAX, "refused")]).await;
        for _ in 0..1000 {
            if smtp.offered().len() == 2 && !notices::on_page(&app.app.db, &id).await.expect("reads").is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        person.get("/").await.expect(200).says("Your recovery codes were made anew");
        assert_eq!(notices::stuck(&app.app.db).await.expect("counts"), 1, "the one that could not wait on a page");
        assert_eq!(smtp.taken().len(), 0);
        // Neither is tried again, and that they were given up is no news to anybody outside.
        app.advance(HOURS);
        tell(app, "mail", &id, "password_changed", &[]).await;
        assert_eq!(smtp.wait_for(1).await[0].header("subject"), ["Your Countersign password was changed"]);
        assert_eq!(smtp.offered().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn after_eight_tries_a_mail_is_given_up() {
    let smtp = FakeSmtp::start().await;
    smtp.fail(&[SmtpFault::PutOff; 12]);
    mailing(&smtp, async |app| {
        let id = somebody(app, "Nora Quist", "nora@example.org").await;
        tell(app, "mail", &id, "password_changed", &[]).await;
        for tries in 1..=notices::ATTEMPTS_MAX {
            wait_for_rows(app, &[("mail", tries, "put_off")]).await;
            app.advance(HOURS);
        }
        let other = somebody(app, "Otto", "otto@example.org").await;
        tell(app, "mail", &other, "password_changed", &[]).await;
        wait_for_rows(app, &[("mail", notices::ATTEMPTS_MAX, "put_off"), ("mail", 1, "put_off")]).await;
        assert_eq!(smtp.offered().iter().filter(|m| m.to == ["nora@example.org"]).count(), 8);
        assert_eq!(notices::stuck(&app.app.db).await.expect("counts"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_display_name_cannot_add_a_header() {
    let smtp = FakeSmtp::start().await;
    mailing(&smtp, async |app| {
        let id = somebody(app, "Eve\r\nBcc: all@example.org\r\n\r\nPay here", "eve@example.org").await;
        tell(app, "mail", &id, "password_changed", &[]).await;
        let long = somebody(app, "Ünal \"the <boss@example.org>\", all@example.org", "unal@example.org").await;
        tell(app, "mail", &long, "password_changed", &[]).await;
        for mail in smtp.wait_for(2).await {
            assert_eq!(mail.to.len(), 1, "{mail:?}");
            let names: Vec<String> = mail.headers.iter().map(|(n, _)| n.to_ascii_lowercase()).collect();
            for name in &names {
                let known = ["message-id", "from", "to", "subject", "date", "content-transfer-encoding", "mime-version", "content-type"];
                assert!(known.contains(&name.as_str()), "{names:?}");
            }
            assert_eq!((mail.header("to").len(), mail.header("subject")), (1, vec!["Your Countersign password was changed"]));
            assert!(mail.header("to")[0].ends_with(&format!("<{}>", mail.to[0])), "{mail:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_mail_server_that_never_answers_ends_the_try_in_time() {
    let smtp = FakeSmtp::start().await;
    smtp.fail(&[SmtpFault::Silent]);
    let silent = smtp.clone();
    mailing(&smtp, async |app| {
        let app = &app.app;
        let mailer = Mailer::new(app.config.smtp.as_ref().expect("set"), Duration::from_secs(3)).expect("ready");
        let id = NoticeId::new(app.db.clock(), app.db.rng());
        let letter = || Letter { id: id.clone(), to: "nora@example.org".parse().expect("a mailbox"), subject: "s".into(), body: "b".into() };
        assert_eq!(mailer.send(letter()).await, Told::Later("timeout"));
        assert_eq!(mailer.send(letter()).await, Told::Done);
        assert_eq!(silent.taken().len(), 1);
    })
    .await;
}
