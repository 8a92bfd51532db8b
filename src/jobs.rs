//! What is due beside the requests: notices, gathered entries, sweeps. Bounded work, then rest.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio_util::sync::CancellationToken;

use crate::config::{Smtp, SmtpTls};
use crate::core::clock::{DAY, HOUR, MINUTE, Micros};
use crate::core::fault::{Context as _, Fault};
use crate::db::Chore;
use crate::http::App;
use crate::http::templates::both_times;
use crate::notices::{self, Due};
use crate::orphans::Sweep;
use crate::{evidence, identity, messages};

/// The pause between two looks.
const REST: Duration = Duration::from_secs(1);
/// A mail server gets so long.
const MAIL_MAX: Duration = Duration::from_secs(20);

/// Runs until told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    let (mut minute, mut hour) = (app.db.clock().now(), 0);
    let mut keys = Sweep::default();
    let mailer = app.config.smtp.as_ref().map(mailer);
    while !stop.is_cancelled() {
        if let Err(fault) = tell(&app, mailer.as_ref()).await {
            tracing::error!(fault = fault.chain(), "notices were not told");
        }
        let now = app.db.clock().now();
        if due(&mut minute, now, MINUTE)
            && let Err(error) = app.door.flush(&app).await
        {
            tracing::error!(error = %error, "gathered entries were not written");
        }
        if due(&mut hour, now, HOUR)
            && let Err(fault) = sweep(&app, &mut keys).await
        {
            tracing::error!(fault = fault.chain(), "a sweep failed");
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = stop.cancelled() => {}
        }
    }
    // What was gathered in the last minute is written before the end.
    if let Err(error) = app.door.flush(&app).await {
        tracing::error!(error = %error, "gathered entries were not written");
    }
}

fn due(last: &mut Micros, now: Micros, period: Micros) -> bool {
    let is_due = now - *last >= period;
    if is_due {
        *last = now;
    }
    is_due
}

async fn sweep(app: &App, keys: &mut Sweep) -> Result<(), Fault> {
    app.limits.sweep();
    let db = &app.db;
    let now = db.clock().now();
    let mut chore = db.chore(Chore::Throttle).await.context("begin")?;
    chore.query(identity::sql::SWEEP_THROTTLE).bind(now - DAY).execute().await.context("sweep counters")?;
    chore.query(identity::sql::SWEEP_DEVICES).bind(now).execute().await.context("sweep devices")?;
    chore.commit().await.context("sweep counters")?;
    if db.in_fault() {
        return Ok(());
    }
    crate::repeat::sweep(db, now).await.context("sweep answers")?;
    messages::sweep(db, now).await.context("sweep messages")?;
    let hours = u64::try_from(app.policies.retention.unreferenced_blob_hours).unwrap_or(24).max(24);
    let removed = evidence::sweep(db, app.blobs.as_ref(), hours).await.context("sweep files")?;
    if removed > 0 {
        tracing::info!(removed, "files that nothing names were removed");
    }
    let removed = keys.step(db).await.context("sweep data keys")?;
    if removed > 0 {
        tracing::info!(removed, "data keys that sealed nothing were removed");
    }
    Ok(())
}

type Mailer = AsyncSmtpTransport<Tokio1Executor>;

fn mailer(smtp: &Smtp) -> Result<(Mailer, Mailbox), Fault> {
    let builder = match smtp.tls {
        SmtpTls::StartTls => Mailer::starttls_relay(&smtp.host).context("the mail server")?,
        SmtpTls::Tls => Mailer::relay(&smtp.host).context("the mail server")?,
        SmtpTls::None => Mailer::builder_dangerous(&smtp.host),
    };
    let builder = builder.port(smtp.port).timeout(Some(MAIL_MAX));
    let builder = match &smtp.login {
        Some((user, password)) => builder.credentials(Credentials::new(user.clone(), password.expose().to_owned())),
        None => builder,
    };
    Ok((builder.build(), smtp.from.parse().context("the sender's address")?))
}

async fn tell(app: &App, mailer: Option<&Result<(Mailer, Mailbox), Fault>>) -> Result<(), Fault> {
    for notice in notices::claim(&app.db).await.context("claim notices")? {
        let told = match mailer {
            Some(Ok(mailer)) => mail(app, mailer, &notice).await,
            Some(Err(fault)) => Err(Fault::new(fault.chain())),
            None => Ok(false),
        };
        match told {
            Ok(true) => notices::done(&app.db, &notice.id).await.context("finish a notice")?,
            Ok(false) if notice.channel == "any" => notices::to_page(&app.db, &notice.id).await.context("finish a notice")?,
            Ok(false) => notices::done(&app.db, &notice.id).await.context("finish a notice")?,
            Err(fault) => {
                tracing::warn!(fault = fault.chain(), "a mail was not sent; it will be tried again");
                notices::failed(&app.db, &notice, "mail").await.context("put off a notice")?;
            }
        }
    }
    Ok(())
}

/// Mails a notice; false when the person has no address.
async fn mail(app: &App, (transport, from): &(Mailer, Mailbox), notice: &Due) -> Result<bool, Fault> {
    let mut args = notice.args(&app.db).await?;
    let person = match &notice.person_id {
        Some(id) => identity::by_id(&app.db, id).await?,
        None => None,
    };
    let Some(person) = person else { return Ok(false) };
    let Some(to) = args.remove("to").or(person.email) else { return Ok(false) };
    let session = &app.policies.session;
    let secs = if notice.template == "invite" { session.invite_link_secs } else { session.reset_link_secs };
    let written = |at: Micros| both_times(at, &person.time_zone).1;
    args.entry("name".into()).or_insert(person.display_name);
    args.entry("username".into()).or_insert(person.username);
    args.entry("at".into()).or_insert_with(|| written(notice.made_at));
    args.entry("expires".into()).or_insert_with(|| written(identity::after(notice.made_at, secs)));
    args.entry("site".into()).or_insert_with(|| app.config.url().to_owned());
    let body = app.templates.render(&format!("mail/{}.txt", notice.template), minijinja::context! { time_zone => "UTC" }, &args)?;
    let subject = app.text(&format!("mail-{}-subject", notice.template.replace('_', "-")), &[]);
    let message = Message::builder().from(from.clone()).to(to.parse().context("a person's address")?).subject(subject).body(body).context("write a mail")?;
    transport.send(message).await.context("send a mail")?;
    Ok(true)
}
