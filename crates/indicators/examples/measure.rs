//! Measures size, memory and look-ups of indicator sets: `cargo run --release -p moat-indicators --example measure [COUNT…]`.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use moat_indicators::{Entry, IndicatorSet, compile};
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};

/// Counts the bytes on the heap.
struct Counting;

static HEAP: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HEAP.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: Timestamp = Timestamp::from_micros(1);
const LOOKUPS: usize = 200_000;

/// Eight domains, one URL with a path and one address range out of ten.
fn entry(id: u64) -> Entry {
    let (kind, value) = match id % 10 {
        8 => (IndicatorType::Url, format!("https://{}/sign-in/{id}", host(id))),
        9 => (IndicatorType::IpAddress, address(id).to_string()),
        _ => (IndicatorType::DomainName, host(id)),
    };
    Entry {
        id: IndicatorId(id),
        kind,
        value,
        action: Action::Block,
        severity: Severity::High,
        title: format!("Phishing, feed {}", id % 50),
        generate_alert: true,
        expires: id.is_multiple_of(2).then_some(Timestamp::from_micros(i64::MAX - 1)),
        bypass_hours: None,
        educate_url: None,
    }
}

fn host(id: u64) -> String {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("secure-{:08x}.account{}.example", mixed >> 32, mixed % 97)
}

fn address(id: u64) -> IpAddr {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match id % 4 {
        1 => IpAddr::V6(((0x2001_0db8_u128 << 96) | u128::from(mixed)).into()),
        _ => IpAddr::V4(((mixed >> 32) as u32 | 1).into()),
    }
}

/// Median of five rounds, in nanoseconds for one.
fn nanoseconds(mut one: impl FnMut(u64)) -> u128 {
    let mut rounds: Vec<u128> = (0..5)
        .map(|round| {
            let start = Instant::now();
            (0..LOOKUPS as u64).for_each(|number| one(black_box(number * 7919 + round)));
            start.elapsed().as_nanos() / LOOKUPS as u128
        })
        .collect();
    rounds.sort_unstable();
    rounds[2]
}

fn main() {
    let counts: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|count| count.parse().ok())
        .collect();
    let counts = if counts.is_empty() {
        vec![100_000, 1_000_000]
    } else {
        counts
    };
    for count in counts {
        let start = Instant::now();
        let bytes = compile((0..count).map(entry), [9; 16]).expect("the entries are canonical");
        println!("{count} indicators: compiled in {} ms", start.elapsed().as_millis());
        println!(
            "  file            {:>8.1} bytes/entry",
            bytes.len() as f64 / count as f64
        );
        let bytes: &'static [u8] = bytes.leak();
        let (before, start) = (HEAP.load(Ordering::Relaxed), Instant::now());
        let set = IndicatorSet::open(bytes).expect("it was just compiled");
        println!("  open            {:>8} ns", start.elapsed().as_nanos());
        println!("  heap            {:>8} bytes", HEAP.load(Ordering::Relaxed) - before);
        // Names are made beforehand, so that only the look-up is measured.
        let names = |name: fn(u64) -> String| (0..count.min(100_000)).map(name).collect::<Vec<_>>();
        let (hits, below) = (names(|n| host(n * 10)), names(|n| format!("www.a.{}", host(n * 10))));
        let misses = names(|n| format!("cdn{n}.assets.benign.example"));
        let pick = |list: &[String], n: u64| list[n as usize % list.len()].clone();
        let of = |list: &[String]| nanoseconds(|n| drop(black_box(set.lookup_host(&pick(list, n), NOW))));
        let nothing = nanoseconds(|n| drop(black_box(pick(&hits, n))));
        println!("  host, listed    {:>8} ns", of(&hits).saturating_sub(nothing));
        println!("  host, below one {:>8} ns", of(&below).saturating_sub(nothing));
        println!("  host, not there {:>8} ns", of(&misses).saturating_sub(nothing));
        let url = |n: u64| {
            let id = n % (count / 10).max(1) * 10 + 8;
            (host(id), format!("/sign-in/{id}/step?two"))
        };
        let made = nanoseconds(|n| drop(black_box(url(n))));
        let looked = nanoseconds(|n| {
            let (host, path) = url(n);
            drop(black_box(set.lookup_url(&host, &path, NOW)));
        });
        println!("  URL, listed     {:>8} ns", looked.saturating_sub(made));
        for (name, first) in [("IPv6, listed", 9), ("IPv4, listed", 19), ("IPv4, not there", 20)] {
            let ip = nanoseconds(|n| drop(black_box(set.lookup_ip(address(n % (count / 20) * 20 + first), NOW))));
            println!("  {name:<15} {ip:>8} ns");
        }
    }
}
