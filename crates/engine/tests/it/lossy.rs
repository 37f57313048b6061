//! Bytes in are bytes out, in both directions at once, over a link that loses and reorders.

use std::time::Duration;

use moat_engine::Transmit;

use crate::{
    budget::{App, download_at, read},
    world::{NOW, engine, policy},
};

const SIZE: usize = 200_000;

/// A small generator, so that a failing seed can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

fn stream(salt: usize) -> Vec<u8> {
    (0..SIZE).map(|at| (at * 31 + at / 251 + salt) as u8).collect()
}

#[test]
fn nothing_is_lost_doubled_or_reordered() {
    for seed in 1..=40u64 {
        run(seed, seed % 2 == 0);
    }
}

fn run(seed: u64, gso: bool) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut engine = engine(policy(&[]), gso);
    let (mut app, flow) = App::connect(&mut engine, 2000, 20_000);
    let (down, up) = (stream(1), stream(2));
    let (mut given, mut got, mut eof) = (0, Vec::<u8>::new(), false);
    let (first, mut acked, mut arrived) = (app.seq, 0, Vec::<u8>::new());
    let (mut now, mut rounds, mut fin) = (NOW, 0, false);
    while !(fin && arrived.len() == SIZE && acked == SIZE) {
        rounds += 1;
        assert!(
            rounds < 50_000,
            "seed {seed} stalls: {} down, {} up",
            got.len(),
            arrived.len()
        );
        now = now.saturating_add(Duration::from_millis(1));
        let n = dice.roll(9_000).min(SIZE - given);
        given += download_at(&mut engine, flow, &down[given..given + n], now);
        if given == SIZE && !eof {
            engine.handle_eof(flow, now);
            eof = true;
        }
        // The application sends from the first byte that is not acknowledged, in segments of any size.
        let mut from = acked;
        for _ in 0..dice.roll(4) {
            let to = (from + 1 + dice.roll(1400)).min(SIZE);
            app.seq = first.wrapping_add(from as u32);
            if dice.roll(10) > 0 {
                app.send(&mut engine, &up[from..to], now);
            }
            from = to;
        }
        while let Some(transmit) = engine.poll_transmit() {
            let Transmit::Send { flow, data } = transmit else {
                continue;
            };
            let n = dice.roll(data.len() + 1);
            arrived.extend(&data[..n]);
            engine.handle_sent(flow, n, now);
        }
        engine.handle_writable(flow, now);
        let mut segments = read(&mut engine);
        if segments.len() > 1 && dice.roll(5) == 0 {
            let (a, b) = (dice.roll(segments.len()), dice.roll(segments.len()));
            segments.swap(a, b);
        }
        for segment in segments {
            assert!(!segment.rst, "seed {seed}: reset");
            if dice.roll(10) == 0 {
                continue;
            }
            acked = acked.max(segment.ack.wrapping_sub(first) as usize);
            let old = app.ack.wrapping_sub(segment.seq) as usize;
            if let Some(new) = segment.payload.get(old..) {
                got.extend(new);
                app.ack = app.ack.wrapping_add(new.len() as u32);
                if segment.fin && !fin {
                    fin = true;
                    app.ack = app.ack.wrapping_add(1);
                }
            }
            app.seq = first.wrapping_add(acked as u32);
            if dice.roll(10) > 0 {
                app.send(&mut engine, b"", now);
            }
        }
        if engine.poll_timeout().is_some_and(|at| at <= now) {
            engine.handle_timeout(now);
        }
        assert!(engine.bytes_held() <= 4 << 20);
    }
    assert!(got == down && arrived == up, "seed {seed}");
}
