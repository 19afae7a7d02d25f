//! Address filters: one address, a range `a-b` or a network `a/n`, of either IP version.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Inclusive bounds, both of one version.
#[derive(Debug)]
pub enum IpMatcher {
    V4(u32, u32),
    V6(u128, u128),
}

impl IpMatcher {
    pub fn new(pattern: &str) -> Result<IpMatcher, String> {
        let bad = || format!("ip: invalid pattern: {}", crate::units::go_quote(pattern));
        let (low, high) = if let Some((net, bits)) = pattern.split_once('/') {
            let net: IpAddr = net.parse().map_err(|_| bad())?;
            let bits: u32 = bits.parse().map_err(|_| bad())?;
            network(net, bits).ok_or_else(bad)?
        } else if let Some((low, high)) = pattern.split_once('-') {
            (low.parse().map_err(|_| bad())?, high.parse().map_err(|_| bad())?)
        } else {
            let one: IpAddr = pattern.parse().map_err(|_| bad())?;
            (one, one)
        };
        match (low, high) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Ok(IpMatcher::V4(a.into(), b.into())),
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => Ok(IpMatcher::V6(a.into(), b.into())),
            _ => Err(bad()),
        }
    }

    /// Whether a matching address stands anywhere in the text.
    pub fn found_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let part = |b: u8| b.is_ascii_hexdigit() || b == b'.' || b == b':';
        let mut at = 0;
        while at < bytes.len() {
            if !part(bytes[at]) {
                at += 1;
                continue;
            }
            let len = bytes[at..].iter().take_while(|b| part(**b)).count();
            if self.found_in_run(&text[at..at + len]) {
                return true;
            }
            at += len;
        }
        false
    }

    /// A run of hexadecimal digits, dots and colons: an address, possibly with a port or a full stop behind it.
    fn found_in_run(&self, run: &str) -> bool {
        match *self {
            IpMatcher::V4(low, high) => run
                .split(|c: char| !(c.is_ascii_digit() || c == '.'))
                .filter(|s| s.len() >= 7)
                .filter_map(|s| s.trim_matches('.').parse::<Ipv4Addr>().ok())
                .any(|ip| (low..=high).contains(&ip.into())),
            IpMatcher::V6(low, high) => {
                let whole = |s: &str| s.parse::<Ipv6Addr>().ok();
                let trimmed = run.trim_end_matches('.');
                let ip = whole(trimmed).or_else(|| trimmed.strip_suffix(':').and_then(whole));
                run.len() >= 2 && ip.is_some_and(|ip| (low..=high).contains(&ip.into()))
            }
        }
    }
}

fn network(net: IpAddr, bits: u32) -> Option<(IpAddr, IpAddr)> {
    match net {
        IpAddr::V4(ip) => {
            let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
            let base = u32::from(ip) & !rest;
            (bits <= 32).then(|| (Ipv4Addr::from(base).into(), Ipv4Addr::from(base | rest).into()))
        }
        IpAddr::V6(ip) => {
            let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
            let base = u128::from(ip) & !rest;
            (bits <= 128).then(|| (Ipv6Addr::from(base).into(), Ipv6Addr::from(base | rest).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let m = IpMatcher::new(pattern).unwrap();
        for l in yes {
            assert!(m.found_in(l), "{pattern} in {l:?}");
        }
        for l in no {
            assert!(!m.found_in(l), "{pattern} not in {l:?}");
        }
    }

    #[test]
    fn finds_addresses() {
        check("192.168.1.0/24", &["src 192.168.1.10 ok", "192.168.1.1:80", "(192.168.1.1)."], &["no ip", "192.168.2.1", "1192.168.1.1"]);
        check("10.0.0.1-10.0.0.9", &["a 10.0.0.5"], &["10.0.0.10", "10.0.0"]);
        check("1.2.3.4", &["1.2.3.4"], &["1.2.3.40"]);
        check("::1", &["from ::1 to", "[::1]"], &["from ::2"]);
        check("2001:db8::/32", &["x 2001:db8::5 y"], &["2001:db9::5", "2001"]);
    }

    #[test]
    fn refuses() {
        for bad in ["", "zzz", "10.0.0.0/33", "10.0.0.9-", "10.0.0.9-10.0.0.1", "1.2.3.4-::1"] {
            assert_eq!(IpMatcher::new(bad).unwrap_err(), format!("ip: invalid pattern: {bad:?}"));
        }
    }
}
