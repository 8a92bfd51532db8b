//! Hands letters to the mail server, each once.
//! Must stay true: a try ends in time whatever the server does; only what the server took counts as told.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::response::{Category, Severity};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport as _, Message, Tokio1Executor};

use super::letter::Letter;
use crate::config::{Smtp, SmtpTls};
use crate::core::fault::{Context as _, Fault};
use crate::notices::Told;

/// A try may take so long.
pub(super) const TRY_MAX: Duration = Duration::from_secs(20);

/// The mail server and the sender.
#[derive(Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    try_max: Duration,
}

impl Mailer {
    /// Readies the connection; a try ends after `try_max`.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(smtp: &Smtp, try_max: Duration) -> Result<Self, Fault> {
        type Transport = AsyncSmtpTransport<Tokio1Executor>;
        let builder = match smtp.tls {
            SmtpTls::StartTls => Transport::starttls_relay(&smtp.host).context("the mail server")?,
            SmtpTls::Tls => Transport::relay(&smtp.host).context("the mail server")?,
            SmtpTls::None => Transport::builder_dangerous(&smtp.host),
        };
        let builder = builder.port(smtp.port).timeout(Some(try_max));
        let builder = match &smtp.login {
            Some((user, password)) => builder.credentials(Credentials::new(user.clone(), password.expose().to_owned())),
            None => builder,
        };
        Ok(Self { transport: builder.build(), from: smtp.from.parse().context("the sender's address")?, try_max })
    }

    /// Sends one letter, once.
    pub async fn send(&self, letter: Letter) -> Told {
        // The same at each try, so that a letter that was taken without a word is known when it comes again.
        let id = format!("<{}@{}>", letter.id, self.from.email.domain());
        let message = Message::builder().message_id(Some(id)).from(self.from.clone()).to(letter.to).subject(letter.subject).body(letter.body);
        let Ok(message) = message else { return Told::Never("not_a_mail") };
        // The library bounds each command, this the whole.
        match tokio::time::timeout(self.try_max, self.transport.send(message)).await {
            Ok(Ok(_)) => Told::Done,
            Ok(Err(error)) => meaning(&error),
            Err(_elapsed) => Told::Later("timeout"),
        }
    }
}

/// What a failure says about the letter. A refused sign-in is the operator's to mend, so it is tried again.
fn meaning(error: &smtp::Error) -> Told {
    match error.status() {
        Some(code) if code.severity == Severity::PermanentNegativeCompletion && code.category == Category::Unspecified3 => Told::Later("login_refused"),
        Some(code) if code.severity == Severity::PermanentNegativeCompletion => Told::Never("refused"),
        Some(_) => Told::Later("put_off"),
        None if error.is_timeout() => Told::Later("timeout"),
        None => Told::Later("connection_lost"),
    }
}
