//! Whom the agent believes to be its server: who has a certificate of the given authority, or the given certificate itself.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use x509_parser::prelude::FromDer as _;

/// A self-signed certificate is its own authority, and path validation (RFC 5280 §6) refuses an authority in a server's
/// place. An administrator who hands out just that certificate means it all the same: it is compared byte by byte.
#[derive(Debug)]
pub struct Trust {
    authority: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Reads the certificates of a PEM text.
    pub fn read(pem: &str) -> Result<Self> {
        let given = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .context("the CA certificate is no PEM")?;
        if given.is_empty() {
            bail!("the CA file holds no certificate");
        }
        let mut roots = RootCertStore::empty();
        for certificate in &given {
            roots
                .add(certificate.clone())
                .context("the CA file holds a certificate that is damaged")?;
        }
        let authority = WebPkiServerVerifier::builder(Arc::new(roots)).build()?;
        Ok(Self { authority, given })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .authority
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(error) if is_authority(&error) && self.given.iter().any(|given| given == end_entity) => {
                check_time(end_entity, now)?;
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.supported_verify_schemes()
    }
}

/// Whether an authority's certificate stood in a server's place. rustls has no variant of its own for it.
fn is_authority(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
            cause.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
    }
}

fn check_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, parsed) =
        x509_parser::certificate::X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let (now, validity) = (i64::try_from(now.as_secs()).unwrap_or(i64::MAX), parsed.validity());
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn self_signed(name: &str, is_authority: bool, days: i64) -> rcgen::Certificate {
        let mut params = rcgen::CertificateParams::new([name.to_string()]).unwrap();
        if is_authority {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let now = std::time::SystemTime::now();
        let day = std::time::Duration::from_secs(86_400);
        params.not_before = (now - 10 * day).into();
        params.not_after = match days {
            ..0 => (now - day).into(),
            _ => (now + day).into(),
        };
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
    }

    fn verify(trust: &Trust, certificate: &rcgen::Certificate, name: &str) -> Result<ServerCertVerified, Error> {
        let name = ServerName::try_from(name.to_string()).unwrap();
        trust.verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now())
    }

    #[test]
    fn the_given_certificate_is_believed_also_when_it_is_its_own_authority() {
        for is_authority in [false, true] {
            let own = self_signed("moat.example", is_authority, 1);
            let trust = Trust::read(&own.pem()).unwrap();
            assert!(verify(&trust, &own, "moat.example").is_ok(), "{is_authority}");
            assert!(verify(&trust, &own, "other.example").is_err());
            let another = self_signed("moat.example", is_authority, 1);
            assert!(verify(&trust, &another, "moat.example").is_err());
        }
    }

    #[test]
    fn not_when_it_has_expired() {
        let expired = self_signed("moat.example", true, -1);
        let trust = Trust::read(&expired.pem()).unwrap();
        assert!(verify(&trust, &expired, "moat.example").is_err());
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        assert!(Trust::read("").is_err());
        assert!(Trust::read("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
    }
}
