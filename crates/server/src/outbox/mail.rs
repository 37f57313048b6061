//! Mail: how a queued one becomes a message, and the server that it leaves by.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    address::Envelope,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use moat_model::{DeviceId, GroupId};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};

use crate::{
    config::{self, StartTls},
    notifications::letter::Letter,
};

/// Recipients that every mail server takes at once (RFC 5321, 4.5.3.1.8).
const RECIPIENTS: usize = 100;
/// Recipients whom the headers name; with more, a header would be longer than the letter.
const NAMED: usize = 20;
/// Longest wait for the server's answer to one command.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Connections at once.
pub const CONNECTIONS: usize = 4;

/// A mail that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    pub to: Option<String>,
    /// Whoever is in these groups when it is sent.
    pub cc_groups: Vec<GroupId>,
    pub letter: Letter,
    /// It is not sent any more once this does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
}

/// The action for noncompliance that a mail carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    pub device: DeviceId,
    pub policy: String,
    pub action: String,
}

/// Why a mail did not leave.
#[derive(Debug)]
pub struct NotSent {
    pub error: String,
    /// There was no answer: other mail would fare no better now.
    pub unreachable: bool,
}

/// The way to the mail server, with connections that are kept for the next mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// Reads what the configuration names. Nothing is connected yet.
    pub fn open(config: &config::Mail) -> Result<Self> {
        let server = config.server()?;
        let mut parameters = TlsParameters::builder(server.host.clone());
        if let Some(file) = &config.ca_file {
            for certificate in CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .with_context(|| format!("mail.ca_file: cannot read {}", file.display()))?
            {
                parameters = parameters.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
            }
        }
        let parameters = parameters.build_rustls().context("mail: cannot set TLS up")?;
        let tls = match server.starttls {
            None => Tls::Wrapper(parameters),
            Some(StartTls::Required) => Tls::Required(parameters),
            Some(StartTls::Optional) => Tls::Opportunistic(parameters),
            Some(StartTls::Never) => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(TIMEOUT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS as u32));
        if let Ok(name) = nix::unistd::gethostname() {
            transport = transport.hello_name(ClientId::Domain(name.to_string_lossy().into_owned()));
        }
        if let (Some(username), Some(file)) = (&config.username, &config.password_file) {
            let password = config::Mail::password(file)
                .with_context(|| format!("mail.password_file: cannot read {}", file.display()))?;
            if password.is_empty() {
                bail!("mail.password_file: the first line of {} is empty", file.display());
            }
            transport = transport.credentials(Credentials::new(username.clone(), password));
        }
        Ok(Self {
            transport: transport.build(),
            from: config.from_mailbox().context("mail.from")?,
        })
    }

    /// Sends a mail to everybody. What comes back says whom the server refused, while others got it.
    pub async fn send(&self, sending: &Sending<'_>) -> Result<Vec<String>, NotSent> {
        let message = self.message(sending).map_err(|error| NotSent {
            error: format!("{error:#}"),
            unreachable: false,
        })?;
        let bytes = message.formatted();
        let mut refused = Vec::new();
        for some in sending
            .to
            .iter()
            .chain(sending.cc)
            .collect::<Vec<_>>()
            .chunks(RECIPIENTS)
        {
            match self.deliver(some, &bytes).await {
                Ok(()) => {}
                // One that does not exist must not keep the others from it.
                Err(error) if some.len() > 1 && is_refusal(&error) => {
                    for one in some {
                        match self.deliver(&[one], &bytes).await {
                            Err(error) if is_refusal(&error) => refused.push(format!("{one}: {}", told(&error))),
                            other => other.map_err(|error| not_sent(&error))?,
                        }
                    }
                }
                Err(error) => return Err(not_sent(&error)),
            }
        }
        if refused.len() == sending.to.iter().len() + sending.cc.len() {
            return Err(NotSent {
                error: refused.join("; "),
                unreachable: false,
            });
        }
        Ok(refused)
    }

    async fn deliver(&self, to: &[&Address], bytes: &[u8]) -> Result<(), lettre::transport::smtp::Error> {
        let to = to.iter().map(|address| (*address).clone()).collect();
        let envelope = Envelope::new(Some(self.from.email.clone()), to).expect("there is a recipient");
        self.transport.send_raw(&envelope, bytes).await.map(drop)
    }

    fn message(&self, sending: &Sending<'_>) -> Result<Message> {
        let letter = sending.letter;
        let mut builder = Message::builder()
            .from(self.from.clone())
            .date(sending.queued)
            // The same whenever it is sent again, so that a repetition can be recognised.
            .message_id(Some(format!("<{}@{}>", sending.id, self.from.email.domain())))
            .subject(letter.subject.clone())
            .header(Automatic)
            .header(Language(letter.locale.clone()));
        if let Some(to) = sending.to {
            builder = builder.to(Mailbox::new(None, to.clone()));
        }
        if sending.cc.len() <= NAMED {
            for address in sending.cc {
                builder = builder.cc(Mailbox::new(None, address.clone()));
            }
        }
        let everybody: Vec<Address> = sending.to.iter().chain(sending.cc).cloned().collect();
        // Headers need not name anybody then.
        let builder = builder.envelope(Envelope::new(Some(self.from.email.clone()), everybody)?);
        let body = MultiPart::alternative_plain_html(letter.text(sending.link), letter.html(sending.link));
        Ok(builder.multipart(body)?)
    }
}

/// A mail on its way out.
pub struct Sending<'a> {
    pub id: &'a str,
    pub queued: SystemTime,
    pub to: &'a Option<Address>,
    pub cc: &'a [Address],
    pub letter: &'a Letter,
    pub link: Option<&'a str>,
}

/// The server does not want this mail, or not for this recipient. Wrong credentials are another matter.
fn is_refusal(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    error.is_permanent() && !matches!(code, Some(530 | 534 | 535 | 538))
}

fn not_sent(error: &lettre::transport::smtp::Error) -> NotSent {
    NotSent {
        error: told(error),
        unreachable: error.status().is_none(),
    }
}

/// The error with its causes.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(&format!(": {more}"));
        }
        cause = error.source();
    }
    text
}

/// `Auto-Submitted` (RFC 3834): nobody's absence note shall answer.
#[derive(Clone)]
struct Automatic;

impl Header for Automatic {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// `Content-Language` (RFC 3282).
#[derive(Clone)]
struct Language(String);

impl Header for Language {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.into()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}
