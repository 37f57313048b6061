use std::time::Instant;

use moat_model::Timestamp;

/// The wall clock as it was at the start, advanced by the monotonic one: it never goes back.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    wall: Timestamp,
}

impl Clock {
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            wall: wall(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.wall.saturating_add(self.start.elapsed())
    }
}

/// The wall clock.
pub fn wall() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
