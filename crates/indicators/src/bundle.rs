use std::sync::Arc;

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use moat_model::{Settings, Timestamp};
use sha2::{Digest as _, Sha512};

use crate::{
    bytes::{SharedBytes, u32_at, u64_at},
    set::{IndicatorSet, OpenError},
};

/// Largest bundle that a device opens.
pub const MAX_BUNDLE_BYTES: usize = 1 << 30;

const MAGIC: &[u8; 8] = b"MOATBDL1";
/// With feeds: agents that know only the first format refuse it, and say so.
const MAGIC_2: &[u8; 8] = b"MOATBDL2";
const CONTEXT: &[u8] = b"moat bundle 1\0";
/// Magic, version, creation time; the lengths of the sections follow.
const FIXED: usize = 8 + 8 + 8;
const SIGNATURE: usize = 64;

/// What goes into a bundle.
#[derive(Debug, Clone)]
pub struct BundleContent {
    /// Grows with every change; devices refuse an older one than they hold.
    pub version: u64,
    pub created: Timestamp,
    pub tenant: String,
    pub settings: Settings,
    /// The rules file of `moat_policy::jailbreak`, JSON.
    pub jailbreak_rules: Vec<u8>,
    /// Output of [`crate::compile`].
    pub indicators: Vec<u8>,
    /// Output of [`crate::FeedCompiler`]; empty without feeds. Shared: it is large, and stays when indicators change.
    pub feeds: Arc<[u8]>,
}

/// A verified bundle. It reads from the bytes it was opened on.
#[derive(Debug, Clone)]
pub struct Bundle {
    version: u64,
    created: Timestamp,
    tenant: String,
    settings: Settings,
    rules: SharedBytes,
    indicators: IndicatorSet,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("this is not a bundle")]
    Magic,
    #[error("the bundle is larger than 1 GiB")]
    TooLarge,
    #[error("the bundle is cut short or its lengths are wrong")]
    Truncated,
    #[error("the bundle's signature does not fit: it is damaged or was signed with another key")]
    Signature,
    #[error("the bundle's settings cannot be read: {0}")]
    Settings(String),
    #[error("the bundle's indicators cannot be read: {0}")]
    Indicators(#[from] OpenError),
}

/// Serialises and signs a bundle (Ed25519 over a context and the SHA-512 of all before the signature).
#[must_use]
pub fn seal(content: &BundleContent, key: &SigningKey) -> Vec<u8> {
    // Settings hold only numbers, text and truth values: they always serialise.
    let settings = serde_json::to_vec(&content.settings).unwrap_or_default();
    let mut sections = vec![
        content.tenant.as_bytes(),
        &settings,
        &content.jailbreak_rules,
        &content.indicators,
    ];
    let magic = match content.feeds.is_empty() {
        true => MAGIC,
        false => {
            sections.push(&content.feeds);
            MAGIC_2
        }
    };
    let length = sections.iter().map(|section| 4 + section.len()).sum::<usize>();
    let mut out = Vec::with_capacity(FIXED + length + SIGNATURE);
    out.extend(magic);
    out.extend(content.version.to_le_bytes());
    out.extend(content.created.as_micros().to_le_bytes());
    for section in &sections {
        out.extend(u32::try_from(section.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    sections.iter().for_each(|section| out.extend(*section));
    let signature = key.sign(&signed_message(&out));
    out.extend(signature.to_bytes());
    out
}

impl Bundle {
    /// Verifies and opens a bundle. Nothing of it is looked into before its signature has been checked.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static, key: &VerifyingKey) -> Result<Self, BundleError> {
        let shared = SharedBytes::new(bytes);
        let data = shared.as_slice();
        let sections = match data.get(..8) {
            Some(magic) if magic == MAGIC => 4,
            Some(magic) if magic == MAGIC_2 => 5,
            _ => return Err(BundleError::Magic),
        };
        let header = FIXED + 4 * sections;
        if data.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLarge);
        }
        let signed = data
            .len()
            .checked_sub(SIGNATURE)
            .filter(|len| *len >= header)
            .ok_or(BundleError::Truncated)?;
        let (body, signature) = data.split_at_checked(signed).ok_or(BundleError::Truncated)?;
        let signature = Signature::from_slice(signature).map_err(|_| BundleError::Signature)?;
        key.verify(&signed_message(body), &signature)
            .map_err(|_| BundleError::Signature)?;
        Self::read(&shared, body, header).ok_or(BundleError::Truncated)?
    }

    fn read(shared: &SharedBytes, body: &[u8], header: usize) -> Option<Result<Self, BundleError>> {
        let mut at = header;
        let mut next = |number: usize| {
            let start = at;
            at = start.checked_add(u32_at(body, FIXED + 4 * number)? as usize)?;
            Some(start..at)
        };
        let (tenant, settings, rules, indicators) = (next(0)?, next(1)?, next(2)?, next(3)?);
        let feeds = match header > FIXED + 4 * 4 {
            true => Some(next(4)?),
            false => None,
        };
        if at != body.len() {
            return None;
        }
        let tenant = String::from_utf8_lossy(body.get(tenant)?).into_owned();
        let settings = match serde_json::from_slice(body.get(settings)?) {
            Ok(settings) => settings,
            Err(error) => return Some(Err(BundleError::Settings(error.to_string()))),
        };
        let feeds = match feeds {
            Some(feeds) => Some(shared.part(feeds)?),
            None => None,
        };
        let opened = IndicatorSet::open_shared(shared.part(indicators)?).and_then(|indicators| match feeds {
            Some(feeds) => indicators.with_shared_feeds(feeds),
            None => Ok(indicators),
        });
        let indicators = match opened {
            Ok(indicators) => indicators,
            Err(error) => return Some(Err(error.into())),
        };
        Some(Ok(Self {
            version: u64_at(body, 8)?,
            created: Timestamp::from_micros(u64_at(body, 16)?.cast_signed()),
            tenant,
            settings,
            rules: shared.part(rules)?,
            indicators,
        }))
    }

    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    #[must_use]
    pub fn jailbreak_rules(&self) -> &[u8] {
        self.rules.as_slice()
    }

    #[must_use]
    pub fn indicators(&self) -> &IndicatorSet {
        &self.indicators
    }
}

fn signed_message(body: &[u8]) -> Vec<u8> {
    [CONTEXT, &Sha512::digest(body)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(feeds: Vec<u8>) -> (Vec<u8>, SigningKey) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let content = BundleContent {
            version: 9,
            created: Timestamp::from_micros(5),
            tenant: "t".into(),
            settings: Settings::default(),
            jailbreak_rules: b"{}".to_vec(),
            indicators: crate::compile([] as [crate::Entry; 0], [1; 16]).unwrap(),
            feeds: feeds.into(),
        };
        (seal(&content, &key), key)
    }

    #[test]
    fn opens_what_was_sealed() {
        let (bytes, key) = bundle(Vec::new());
        assert_eq!(&bytes[..8], MAGIC, "what needs no feeds is read by everyone");
        let bundle = Bundle::open(bytes, &key.verifying_key()).unwrap();
        assert_eq!(
            (bundle.version(), bundle.tenant(), bundle.jailbreak_rules()),
            (9, "t", &b"{}"[..])
        );
        assert_eq!(bundle.settings(), &Settings::default());
        assert!(bundle.indicators().is_empty());
    }

    fn feeds() -> Vec<u8> {
        let mut compiler = crate::FeedCompiler::new([2; 16]);
        let feed = crate::Feed {
            number: 7,
            name: "Phishing".into(),
            action: moat_model::Action::Block,
            severity: moat_model::Severity::High,
            generate_alert: true,
        };
        compiler.begin(&feed).unwrap();
        compiler.add(crate::FeedEntry {
            kind: moat_model::IndicatorType::DomainName,
            value: "evil.example",
            exception: false,
        });
        compiler.finish().unwrap()
    }

    #[test]
    fn feeds_travel_in_the_second_format() {
        let (bytes, key) = bundle(feeds());
        assert_eq!(&bytes[..8], MAGIC_2);
        let bundle = Bundle::open(bytes, &key.verifying_key()).unwrap();
        let set = bundle.indicators();
        assert_eq!((set.len(), set.feed_entries()), (0, 1));
        let found = set.lookup_host("www.evil.example", Timestamp::from_micros(0)).unwrap();
        assert_eq!(
            (found.origin().as_str(), found.value.as_str()),
            ("feed Phishing", "evil.example")
        );
        assert_eq!(crate::feed_of(found.id), Some(7));
    }

    #[test]
    fn any_changed_bit_and_any_cut_is_refused() {
        let (bytes, key) = bundle(feeds());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Bundle::open(changed, &key.verifying_key()).is_err(), "bit of byte {at}");
            assert!(
                Bundle::open(bytes[..at].to_vec(), &key.verifying_key()).is_err(),
                "cut at {at}"
            );
        }
        let other = SigningKey::from_bytes(&[8; 32]);
        assert_eq!(
            Bundle::open(bytes, &other.verifying_key()).unwrap_err(),
            BundleError::Signature
        );
    }
}
