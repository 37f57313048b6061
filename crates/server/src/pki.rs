//! Moat's certificate authority: signs the server's own certificate and the devices' client certificates.

use std::{net::IpAddr, sync::Arc};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::FromDer as _;

use moat_model::{DeviceId, Timestamp};

use crate::{app::now, data_folder::DataFolder, error::Error, secret::random_bytes};

const DAY: i64 = 86_400;
const CA_DAYS: i64 = 3650;
const SERVER_DAYS: i64 = 397;

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate issued to a device.
pub struct DeviceCertificate {
    pub pem: String,
    /// SHA-256 of the DER, hexadecimal.
    pub fingerprint: String,
    pub serial: String,
    pub not_after: Timestamp,
}

/// Certificate and key of a TLS listener.
pub struct ServerIdentity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// What a client certificate says once its signature has been checked.
#[derive(Debug, Clone)]
pub struct PeerCertificate {
    pub fingerprint: String,
    pub not_after: Timestamp,
}

impl Authority {
    /// Loads the authority of a data folder, or makes it on first start.
    pub fn open(data: &DataFolder) -> Result<Self> {
        let (pem, key) = match (data.read("ca.pem")?, data.read("ca.key")?) {
            (Some(pem), Some(key)) => (pem, KeyPair::from_pem(&key).context("ca.key is damaged")?),
            (None, None) => Self::create(data)?,
            // A first start that was killed between the two. Nothing depends on them before there is a database.
            _ if !data.database().exists() => Self::create(data)?,
            (Some(_), None) => anyhow::bail!("ca.pem is there but ca.key is missing: restore it from a backup"),
            (None, Some(_)) => anyhow::bail!("ca.key is there but ca.pem is missing: restore it from a backup"),
        };
        Self::from_parts(pem, key)
    }

    fn from_parts(pem: String, key: KeyPair) -> Result<Self> {
        let issuer = Issuer::from_ca_cert_pem(&pem, key).context("ca.pem is damaged")?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).context("ca.pem is damaged")?;
        Ok(Self {
            issuer,
            certificate,
            pem,
        })
    }

    fn create(data: &DataFolder) -> Result<(String, KeyPair)> {
        let (pem, key) = Self::generate()?;
        data.remove("ca.key")?;
        data.write_public("ca.pem", pem.as_bytes())?;
        data.write_private("ca.key", key.serialize_pem().as_bytes())?;
        Ok((pem, key))
    }

    /// An authority that is kept nowhere.
    pub fn ephemeral() -> Result<Self> {
        let (pem, key) = Self::generate()?;
        Self::from_parts(pem, key)
    }

    fn generate() -> Result<(String, KeyPair)> {
        let key = KeyPair::generate()?;
        let mut params = params("Moat certificate authority", CA_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let pem = params.self_signed(&key)?.pem();
        Ok((pem, key))
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Issues the server's own certificate for `names` (host names and addresses).
    pub fn issue_server(&self, names: &[String]) -> Result<ServerIdentity> {
        let key = KeyPair::generate()?;
        let mut params = params("Moat server", SERVER_DAYS);
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(ip) => SanType::IpAddress(ip),
                Err(_) => SanType::DnsName(
                    name.as_str()
                        .try_into()
                        .with_context(|| format!("{name:?} is not a host name"))?,
                ),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(ServerIdentity {
            chain: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?,
        })
    }

    /// Signs a device's request. Its subject and extensions are ignored; its key must have signed it.
    pub fn issue_device(&self, device: DeviceId, csr_pem: &str, days: u32) -> Result<DeviceCertificate, Error> {
        let invalid = |e: &dyn std::fmt::Display| {
            Error::invalid(
                "csrInvalid",
                format!("csr is not a signed PKCS #10 request in PEM: {e}"),
            )
        };
        let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(|e| invalid(&e))?;
        let mut params = params(&device.to_string(), i64::from(days));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let serial = params
            .serial_number
            .as_ref()
            .map(SerialNumber::to_bytes)
            .unwrap_or_default();
        let not_after = Timestamp::from_micros(params.not_after.unix_timestamp() * 1_000_000);
        let certificate = params
            .signed_by(&request.public_key, &self.issuer)
            .map_err(|e| invalid(&e))?;
        Ok(DeviceCertificate {
            pem: certificate.pem(),
            fingerprint: fingerprint(certificate.der()),
            serial: hex::encode(serial),
            not_after,
        })
    }

    /// Checks that this authority signed `der`. Expiry and revocation are the caller's to judge.
    pub fn verify(&self, der: &[u8]) -> Option<PeerCertificate> {
        let (_, ca) = x509_parser::certificate::X509Certificate::from_der(&self.certificate).ok()?;
        let (rest, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() || certificate.issuer() != ca.subject() {
            return None;
        }
        certificate.verify_signature(Some(ca.public_key())).ok()?;
        let not_after = certificate.validity().not_after.timestamp().checked_mul(1_000_000)?;
        Some(PeerCertificate {
            fingerprint: fingerprint(der),
            not_after: Timestamp::from_micros(not_after),
        })
    }

    /// Trust in this authority alone, for verifying clients.
    pub fn roots(&self) -> Result<Arc<rustls::RootCertStore>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        Ok(Arc::new(roots))
    }
}

/// SHA-256 of a certificate's DER, hexadecimal.
pub fn fingerprint(der: &[u8]) -> String {
    hex::encode(Sha256::digest(der))
}

fn params(name: &str, days: i64) -> CertificateParams {
    let start = now().as_micros() / 1_000_000;
    let at = |seconds| time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let mut serial = random_bytes::<16>();
    serial[0] &= 0x7f;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    // An hour of grace for clients whose clock is behind.
    params.not_before = at(start - 3600);
    params.not_after = at(start + days * DAY);
    params
}
