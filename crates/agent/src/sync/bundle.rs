//! Bundles: fetched to a file, verified in place, swapped in one step. What is refused changes nothing.

use std::{fs::File, io::Write as _, sync::Arc};

use anyhow::{Context as _, Result};
use ed25519_dalek::VerifyingKey;
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use memmap2::Mmap;
use moat_indicators::{Bundle, MAX_BUNDLE_BYTES};
use moat_model::sync::DeviceEvent;
use tokio::time::{sleep, timeout};

use super::Backoff;
use crate::{
    data_folder::{BUNDLE, DataFolder, Identity, PREVIOUS_BUNDLE},
    ledger,
    run::{Agent, lock},
};

/// Longest pause within a bundle.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Fetches whenever there is word of a newer bundle.
pub(super) async fn run(agent: &Arc<Agent>) {
    let mut backoff = Backoff::new();
    loop {
        agent.wake.bundle.notified().await;
        while let Err(error) = fetch(agent).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "cannot fetch the bundle; the old one stays in force"
            );
            sleep(backoff.next()).await;
        }
        backoff.reset();
    }
}

/// Opens the bundle that the device holds, or the one before it when that is damaged; none before the first. Says what was
/// wrong, if something was.
pub fn load(data: &DataFolder, identity: &Identity) -> (Option<Bundle>, Option<String>) {
    let (newest, previous) = (
        read(data, BUNDLE, identity),
        read(data, PREVIOUS_BUNDLE, identity).ok().flatten(),
    );
    match (newest, previous) {
        (Ok(Some(bundle)), _) => (Some(bundle), None),
        (Ok(None), None) => (None, None),
        (Ok(None), Some(bundle)) => (
            Some(bundle),
            Some("the stored bundle is lost; the one before it is in force".into()),
        ),
        (Err(error), Some(bundle)) => (
            Some(bundle),
            Some(format!(
                "the stored bundle is damaged ({error:#}); the one before it is in force"
            )),
        ),
        (Err(error), None) => (
            None,
            Some(format!(
                "the stored bundle is damaged ({error:#}), and there is none before it"
            )),
        ),
    }
}

fn read(data: &DataFolder, name: &str, identity: &Identity) -> Result<Option<Bundle>> {
    let file = match File::open(data.path(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    open(&file, identity).map(Some)
}

async fn fetch(agent: &Agent) -> Result<()> {
    let known = [(header::IF_NONE_MATCH, format!("\"{}\"", agent.bundle_version()))];
    let response = agent.client().get("/device/v1/bundle", &known).await?;
    let entry = ledger::Entry::new(agent.clock.now(), "fetch bundle", 0);
    ledger::record(&agent.data, &entry);
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let version = version_of(response.headers());
    let mut file = agent.data.draft(BUNDLE)?;
    let (mut body, mut length) = (response.into_body(), 0);
    while let Some(frame) = timeout(SILENCE, body.frame()).await.context("the server fell silent")? {
        let Ok(data) = frame.context("the bundle broke off")?.into_data() else {
            continue;
        };
        length += data.len();
        anyhow::ensure!(
            length <= MAX_BUNDLE_BYTES,
            "the bundle is larger than {MAX_BUNDLE_BYTES} bytes"
        );
        file.write_all(&data).context("cannot store the bundle")?;
    }
    match open(&file, &agent.identity).and_then(|bundle| newer(agent, bundle)) {
        Ok(bundle) => {
            // A damaged one is not worth keeping: it must not take the place of a good one.
            if read(&agent.data, BUNDLE, &agent.identity).is_ok() {
                agent.data.keep_as(BUNDLE, PREVIOUS_BUNDLE)?;
            }
            agent.data.replace(BUNDLE, file, |_| Ok(()))?;
            agent.set_bundle(bundle);
        }
        Err(error) => {
            lock(&agent.live).refused = version;
            let _ = agent.record(DeviceEvent::BundleRefused {
                reason: format!("{error:#}"),
            });
        }
    }
    Ok(())
}

/// The version that the server gave the bundle.
fn version_of(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(header::ETAG)?.to_str().ok()?.trim_matches('"').parse().ok()
}

fn newer(agent: &Agent, bundle: Bundle) -> Result<Bundle> {
    let held = agent.bundle_version().max(lock(&agent.state).bundle_version);
    anyhow::ensure!(
        bundle.version() >= held,
        "the bundle has version {}, older than {held}",
        bundle.version()
    );
    anyhow::ensure!(
        bundle.tenant() == agent.identity.tenant,
        "the bundle is for another organisation"
    );
    Ok(bundle)
}

fn open(file: &File, identity: &Identity) -> Result<Bundle> {
    let key: [u8; 32] = decode_hex(&identity.bundle_key).context("the bundle key in identity.json is damaged")?;
    let key = VerifyingKey::from_bytes(&key)?;
    // SAFETY: the file is private to this agent, which never writes to one that it has mapped: it replaces it.
    let map = unsafe { Mmap::map(file) }.context("cannot map the bundle")?;
    let bundle = Bundle::open(map, &key)?;
    Ok(bundle)
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::fake_server::{self, sealed};
    use moat_model::Settings;

    #[tokio::test]
    async fn a_damaged_bundle_gives_way_to_the_one_before_it() {
        let (agent, _dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
        let (data, identity) = (&agent.data, &agent.identity);
        let versions = || {
            let (bundle, error) = load(data, identity);
            (bundle.map(|bundle| bundle.version()), error.is_some())
        };
        let sealed = |version| sealed(version, Settings::default());
        assert_eq!(versions(), (None, false));
        data.write(BUNDLE, &sealed(1)).unwrap();
        data.keep_as(BUNDLE, PREVIOUS_BUNDLE).unwrap();
        data.write(BUNDLE, &sealed(2)).unwrap();
        assert_eq!(versions(), (Some(2), false));
        data.write(BUNDLE, &sealed(2)[1..]).unwrap();
        assert_eq!(versions(), (Some(1), true));
        std::fs::remove_file(data.path(BUNDLE)).unwrap();
        assert_eq!(versions(), (Some(1), true));
        data.write(BUNDLE, b"").unwrap();
        data.write(PREVIOUS_BUNDLE, b"x").unwrap();
        assert_eq!(versions(), (None, true));
    }

    #[tokio::test]
    async fn no_older_bundle_is_taken_also_when_the_newer_one_is_lost() {
        let (agent, _dir) = fake_server::agent(|_| (StatusCode::OK, 0)).await;
        let bundle = |version| fake_server::open(sealed(version, Settings::default()));
        agent.set_bundle(bundle(5));
        lock(&agent.live).bundle = None;
        assert!(newer(&agent, bundle(4)).is_err());
        assert!(newer(&agent, bundle(5)).is_ok());
    }
}
