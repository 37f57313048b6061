//! Times of the indicator set: compile, sign, open, look up. Run by `script/bench lookup`; prints JSON.

use std::{hint::black_box, time::Instant};

use ed25519_dalek::SigningKey;
use moat_indicators::{Bundle, BundleContent, Entry, compile, seal};
use moat_model::{Action, IndicatorId, IndicatorType, Settings, Severity, Timestamp};

const LOOKUPS: u32 = 1_000_000;

fn main() {
    let sizes = [10, 1_000, 100_000];
    let results: Vec<String> = sizes
        .iter()
        .map(|size| format!("\"{size}_indicators\":{}", measure(*size)))
        .collect();
    println!("{{\"benchmark\":\"lookup\",{}}}", results.join(","));
}

fn measure(size: u64) -> String {
    let entries: Vec<Entry> = (0..size).map(entry).collect();
    let start = Instant::now();
    let indicators = compile(entries, [7; 16]).expect("the entries are well-formed");
    let compiled = start.elapsed();

    let key = SigningKey::from_bytes(&[1; 32]);
    let content = BundleContent {
        version: 1,
        created: now(),
        tenant: "benchmark".into(),
        settings: Settings::default(),
        jailbreak_rules: Vec::new(),
        indicators,
        feeds: Vec::new().into(),
    };
    let start = Instant::now();
    let bytes = seal(&content, &key);
    let signed = start.elapsed();

    let start = Instant::now();
    let bundle = Bundle::open(bytes, &key.verifying_key()).expect("the bundle was sealed with this key");
    let opened = start.elapsed();

    let listed: Vec<String> = (0..1024).map(|n| format!("www.{}", host(n * 97 % size))).collect();
    let unlisted: Vec<String> = (0..1024).map(|n| format!("www.host{n}.example.org")).collect();
    format!(
        "{{\"compile_ms\":{:.1},\"sign_ms\":{:.1},\"verify_and_open_ms\":{:.1},\"listed_host_ns\":{:.0},\"unlisted_host_ns\":{:.0}}}",
        compiled.as_secs_f64() * 1e3,
        signed.as_secs_f64() * 1e3,
        opened.as_secs_f64() * 1e3,
        lookup_ns(&bundle, &listed),
        lookup_ns(&bundle, &unlisted),
    )
}

/// Nanoseconds per look-up of a host.
fn lookup_ns(bundle: &Bundle, hosts: &[String]) -> f64 {
    let start = Instant::now();
    for host in hosts.iter().cycle().take(LOOKUPS as usize) {
        black_box(bundle.indicators().lookup_host(black_box(host), now()));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKUPS)
}

fn entry(number: u64) -> Entry {
    Entry {
        id: IndicatorId(number + 1),
        kind: IndicatorType::DomainName,
        value: host(number),
        action: Action::Block,
        severity: Severity::Medium,
        title: "Benchmark".into(),
        generate_alert: true,
        expires: None,
        bypass_hours: None,
        educate_url: None,
    }
}

fn host(number: u64) -> String {
    format!("h{number}.example.net")
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}
