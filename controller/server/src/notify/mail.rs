//! Mail by SMTP: plain text, and its way there protected unless the operator says otherwise.

use etl_core::problem::Notice;
use etl_core::spec::{Email, MailTls};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::PATIENCE;
use super::error::TellError;
use super::files::Files;
use super::letter::Letter;
use crate::observer::Chain;

/// Sends one mail to all of its receivers.
pub(super) async fn send(
    email: &Email,
    files: &Files,
    notice: &Notice,
    letter: &Letter,
) -> Result<(), TellError> {
    let message = message(email, notice, letter)?;
    let sent = transport(email, files).await?.send(message).await;
    sent.map(drop).map_err(|error| refused(&error))
}

fn message(email: &Email, notice: &Notice, letter: &Letter) -> Result<Message, TellError> {
    let from: Mailbox =
        email.from.parse().map_err(|error| TellError::Mail(format!("its sender: {error}")))?;
    let domain = email.from.rsplit('@').next().unwrap_or("localhost");
    // The same message twice is one to whoever reads it.
    let id = format!("<{}@{domain}>", notice.id);
    let mut builder = Message::builder().from(from).subject(format!("[etl] {}", letter.subject));
    builder = builder.message_id(Some(id)).header(ContentType::TEXT_PLAIN);
    for to in &email.to {
        builder = builder.to(to.parse().map_err(|error| TellError::Mail(format!("a receiver: {error}")))?);
    }
    builder.body(letter.text()).map_err(|error| refused(&error))
}

async fn transport(email: &Email, files: &Files) -> Result<AsyncSmtpTransport<Tokio1Executor>, TellError> {
    let (host, port) = email.smarthost.rsplit_once(':').unwrap_or((&email.smarthost, "25"));
    let port = port.parse().map_err(|_| TellError::Mail("its port is no number".to_owned()))?;
    let mut tls = TlsParameters::builder(host.to_owned());
    if let Some(file) = &email.ca_file {
        let pem = files.text(file).await?;
        let authority = Certificate::from_pem(pem.as_bytes()).map_err(|error| refused(&error))?;
        tls = tls.add_root_certificate(authority);
    }
    let tls = match email.tls {
        MailTls::None => Tls::None,
        MailTls::Starttls => Tls::Required(tls.build().map_err(|error| refused(&error))?),
        MailTls::Tls => Tls::Wrapper(tls.build().map_err(|error| refused(&error))?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host);
    builder = builder.port(port).tls(tls).timeout(Some(PATIENCE));
    if let Some(file) = &email.password_file {
        let user = email.user.clone().unwrap_or_else(|| email.from.clone());
        builder = builder.credentials(Credentials::new(user, files.text(file).await?));
    }
    Ok(builder.build())
}

fn refused(error: &dyn std::error::Error) -> TellError {
    TellError::Mail(Chain(error).to_string())
}
