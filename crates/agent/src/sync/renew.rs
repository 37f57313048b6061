//! The certificate is renewed when a third of its life is left.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use moat_model::sync::{Renew, Renewed};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use tokio::time::sleep;
use x509_parser::prelude::FromDer as _;

use super::http::Sent;
use crate::{clock, data_folder::CERTIFICATE, enroll::signing_request, ledger, run::Agent};

const LOOK: Duration = Duration::from_secs(3600);

pub(super) async fn run(agent: Arc<Agent>) {
    loop {
        if let Err(error) = renew_if_due(&agent).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "cannot renew the device certificate; trying again in an hour"
            );
        }
        sleep(LOOK).await;
    }
}

async fn renew_if_due(agent: &Agent) -> Result<()> {
    let (start, end) = validity(&agent.data.read(CERTIFICATE)?)?;
    let now = clock::wall().as_micros() / 1_000_000;
    if end - now > (end - start) / 3 {
        return Ok(());
    }
    let request = Renew {
        csr: signing_request(&agent.data)?,
    };
    let sent: Sent<Renewed> = agent.client().post("/device/v1/renew", &request).await?;
    let entry = ledger::Entry::new(agent.clock.now(), "renew", sent.bytes);
    ledger::record(&agent.data, &entry);
    let renewed = sent.answer?;
    validity(&renewed.certificate).context("the server sent no usable certificate")?;
    agent.data.write(CERTIFICATE, renewed.certificate.as_bytes())?;
    agent.reconnect()?;
    tracing::info!("the device certificate was renewed");
    Ok(())
}

/// Start and end in seconds since 1970.
fn validity(pem: &str) -> Result<(i64, i64)> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).context("the device certificate is damaged")?;
    let (_, certificate) =
        x509_parser::certificate::X509Certificate::from_der(&der).context("the device certificate is damaged")?;
    let validity = certificate.validity();
    Ok((validity.not_before.timestamp(), validity.not_after.timestamp()))
}
