//! What names were seen to resolve to.

use std::{collections::HashMap, net::IpAddr};

use moat_model::Timestamp;

const MAX_ADDRESSES: usize = 4096;
/// Names that are remembered of one address.
const MAX_NAMES: usize = 4;

/// Addresses with the names that resolved to them, each until its time; bounded.
#[derive(Debug, Default)]
pub struct Resolved(HashMap<IpAddr, Vec<(Box<str>, Timestamp)>>);

impl Resolved {
    pub fn insert(&mut self, ip: IpAddr, name: &str, until: Timestamp, now: Timestamp) {
        if self.0.len() >= MAX_ADDRESSES && !self.0.contains_key(&ip) {
            self.0.retain(|_, names| names.iter().any(|(_, until)| *until > now));
            if self.0.len() >= MAX_ADDRESSES {
                self.0.clear();
            }
        }
        let names = self.0.entry(ip).or_default();
        names.retain(|(known, until)| &**known != name && *until > now);
        if names.len() >= MAX_NAMES {
            names.remove(0);
        }
        names.push((name.into(), until));
    }

    /// The names that lead to an address now.
    pub fn names(&self, ip: IpAddr, now: Timestamp) -> impl Iterator<Item = &str> {
        let names = self.0.get(&ip).map(Vec::as_slice).unwrap_or_default();
        names
            .iter()
            .filter(move |(_, until)| *until > now)
            .map(|(name, _)| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_with_their_time_and_the_table_stays_bounded() {
        let (mut resolved, at) = (Resolved::default(), Timestamp::from_micros);
        let ip = IpAddr::from([192, 0, 2, 1]);
        for n in 0..10 {
            resolved.insert(ip, &format!("n{n}.example"), at(100 + n), at(0));
        }
        let names: Vec<&str> = resolved.names(ip, at(108)).collect();
        assert_eq!(names, ["n9.example"]);
        assert_eq!(resolved.names(ip, at(0)).count(), MAX_NAMES);
        for n in 0..20_000u32 {
            resolved.insert(IpAddr::from(n.to_be_bytes()), "x.example", at(1), at(0));
        }
        assert!(resolved.0.len() <= MAX_ADDRESSES);
    }
}
