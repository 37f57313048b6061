//! Enrolment: the device makes its own key and gets a certificate for a token.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use moat_model::{
    DeviceInfo,
    sync::{Enroll, Enrolled},
};
use rcgen::{CertificateParams, KeyPair};

use crate::{
    clock,
    data_folder::{CA, CERTIFICATE, DataFolder, Identity, KEY},
    ledger, outbox,
    sync::http::{Client, Sent},
};

pub struct Options<'a> {
    pub server_url: &'a str,
    pub token: &'a str,
    pub ca_file: &'a Path,
    pub name: Option<&'a str>,
    /// Enrol again in place of the identity that the folder holds.
    pub again: bool,
}

/// Splits `https://host:port/enroll#TOKEN` into URL and token.
pub fn parse_link(link: &str) -> Result<(String, String)> {
    let (url, token) = link.split_once('#').context("the link has no #TOKEN at its end")?;
    let url = url
        .strip_suffix("/enroll")
        .context("the link must be https://HOST:PORT/enroll#TOKEN")?;
    Ok((url.to_string(), token.to_string()))
}

pub async fn enroll(data: &DataFolder, options: &Options<'_>) -> Result<Identity> {
    if data.is_enrolled() && !options.again {
        bail!("this folder holds an enrolled device already; --again enrols it anew");
    }
    let _lock = data.lock()?;
    let ca = std::fs::read_to_string(options.ca_file)
        .with_context(|| format!("cannot read {}", options.ca_file.display()))?;
    let client = Client::new(options.server_url, &ca, None)?;
    let key = KeyPair::generate()?;
    let mut device = device_info();
    if let Some(name) = options.name {
        device.name = name.to_string();
    }
    let request = Enroll {
        token: options.token.to_string(),
        csr: request_for(&key)?,
        device,
    };
    let sent: Sent<Enrolled> = client.post("/device/v1/enroll", &request).await?;
    let entry = ledger::Entry {
        told: Some(ledger::Told {
            device: request.device,
            state: None,
        }),
        ..ledger::Entry::new(clock::wall(), "enroll", sent.bytes)
    };
    ledger::record(data, &entry);
    let enrolled = sent.answer?;
    // Only now: a refused enrolment leaves the identity that the folder holds.
    data.write(KEY, key.serialize_pem().as_bytes())?;
    data.write(CERTIFICATE, enrolled.certificate.as_bytes())?;
    data.write(CA, enrolled.ca.as_bytes())?;
    // What an earlier identity left is not this device's.
    for name in [
        crate::data_folder::OUTBOX,
        crate::data_folder::BUNDLE,
        crate::data_folder::PREVIOUS_BUNDLE,
        crate::data_folder::STATE,
        crate::data_folder::RETIRED,
    ] {
        let _ = std::fs::remove_file(data.path(name));
    }
    outbox::Outbox::open(data)?;
    let identity = Identity {
        device_id: enrolled.device_id,
        tenant: enrolled.tenant,
        management: enrolled.management,
        server_url: options.server_url.trim_end_matches('/').to_string(),
        device_url: enrolled.device_url,
        bundle_key: enrolled.bundle_key,
        name: options.name.map(String::from),
    };
    data.write_identity(&identity)?;
    Ok(identity)
}

/// A PKCS #10 request for the device's key.
pub fn signing_request(data: &DataFolder) -> Result<String> {
    let key = KeyPair::from_pem(&data.read(KEY)?).context("the device key is damaged")?;
    request_for(&key)
}

fn request_for(key: &KeyPair) -> Result<String> {
    Ok(CertificateParams::default().serialize_request(key)?.pem()?)
}

/// What this device says of itself.
pub fn device_info() -> DeviceInfo {
    let uname = nix::sys::utsname::uname().ok();
    let text = |value: Option<&std::ffi::OsStr>| value.map(|v| v.to_string_lossy().into_owned()).unwrap_or_default();
    let name = text(uname.as_ref().map(|u| u.nodename()));
    DeviceInfo {
        name: if name.is_empty() { "linux".into() } else { name },
        os_platform: "Linux".into(),
        os_version: text(uname.as_ref().map(|u| u.release())),
        os_build: None,
        model: text(uname.as_ref().map(|u| u.machine())),
        agent_version: env!("CARGO_PKG_VERSION").into(),
    }
}
