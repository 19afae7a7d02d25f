//! Reading a segment back: whole groups are delivered, a torn tail is cut, damage before it is skipped and counted.
//!
//! A place that holds no valid record is damage if a valid record follows somewhere behind it, and in any segment but the last;
//! else it is the torn tail of a group that was being written when the process stopped, and that group was never acknowledged.

use std::time::Duration;

use crate::record::{HEAD, MAGIC, Record};

/// What replay found, over all segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// delivered records
    pub records: u64,
    pub segments: u64,
    pub bytes: u64,
    /// places without a valid record that were skipped
    pub damaged: u64,
    pub damaged_bytes: u64,
    /// bytes cut from the end
    pub torn_bytes: u64,
    /// the highest sequence seen
    pub last_sequence: u64,
    pub time: Duration,
}

/// Reads records (ascending in sequence) of a file that was finished once: whatever is not a valid record in it is damage.
pub fn read_records(bytes: &[u8], salt: u32, each: &mut dyn FnMut(Record)) -> Replay {
    let mut replay = Replay::default();
    scan(bytes, salt, false, &mut replay, each);
    replay
}

/// Reads a segment, delivers its records, and answers where its last whole group ends.
pub fn scan(bytes: &[u8], salt: u32, last: bool, replay: &mut Replay, each: &mut dyn FnMut(Record)) -> usize {
    let (mut at, mut whole, mut group) = (0, 0, vec![]);
    while at < bytes.len() {
        if let Some((record, end, len)) = Record::decode(salt, &bytes[at..]) {
            at += len;
            group.push(record);
            if end {
                deliver(&mut group, replay, each);
                whole = at;
            }
            continue;
        }
        match next_record(bytes, salt, at + 1) {
            None if last => break,
            next => {
                let next = next.unwrap_or(bytes.len());
                replay.damaged += 1;
                replay.damaged_bytes += (next - at) as u64;
                at = next;
            }
        }
    }
    if !last {
        // The end of this group was damaged: what is left of it may have been acknowledged.
        deliver(&mut group, replay, each);
        whole = bytes.len();
    }
    whole
}

fn deliver(group: &mut Vec<Record>, replay: &mut Replay, each: &mut dyn FnMut(Record)) {
    for r in group.drain(..) {
        // A record that was seen already can only be an echo of a disk that went wrong.
        if r.sequence > replay.last_sequence {
            replay.last_sequence = r.sequence;
            replay.records += 1;
            each(r);
        } else {
            replay.damaged += 1;
        }
    }
}

/// The next place at or after `from` that holds a whole, valid record.
fn next_record(bytes: &[u8], salt: u32, from: usize) -> Option<usize> {
    let mut at = from;
    while at + HEAD <= bytes.len() {
        let hit = bytes[at..].windows(MAGIC.len()).position(|w| w == MAGIC)?;
        at += hit;
        if Record::decode(salt, &bytes[at..]).is_some() {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Payload;

    /// Groups of two records each; answers the bytes and where each group ends.
    fn segment(groups: u64) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (vec![], vec![]);
        for g in 0..groups {
            for i in 0..2 {
                let payload = Payload::new(format!("payload {g} {i}").as_bytes()).unwrap();
                let r = Record { sequence: g * 2 + i + 1, tenant: "t".into(), signal: 0, encoding: 0, received_ns: 0, payload };
                r.encode(3, i == 1, &mut bytes);
            }
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn read(bytes: &[u8], last: bool) -> (Vec<u64>, usize, Replay) {
        let (mut seen, mut replay) = (vec![], Replay::default());
        let whole = scan(bytes, 3, last, &mut replay, &mut |r| seen.push(r.sequence));
        (seen, whole, replay)
    }

    #[test]
    fn a_cut_at_any_byte_keeps_the_whole_groups() {
        let (bytes, ends) = segment(4);
        for cut in 0..=bytes.len() {
            let whole_groups = ends.iter().filter(|e| **e <= cut).count();
            let (seen, whole, replay) = read(&bytes[..cut], true);
            assert_eq!(seen, (1..=whole_groups as u64 * 2).collect::<Vec<_>>(), "cut at {cut}");
            assert_eq!(whole, if whole_groups == 0 { 0 } else { ends[whole_groups - 1] });
            assert_eq!(replay.damaged, 0);
        }
    }

    #[test]
    fn a_flipped_byte_loses_its_record_only() {
        let (bytes, ends) = segment(4);
        for at in 0..ends[2] {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            let (seen, whole, replay) = read(&bad, true);
            assert_eq!(seen.len(), 7, "byte {at}: {seen:?}");
            assert_eq!((whole, replay.damaged), (bytes.len(), 1), "byte {at}");
        }
    }

    #[test]
    fn damage_at_the_end_of_an_older_segment_is_no_torn_tail() {
        let (mut bytes, _) = segment(2);
        let end = bytes.len();
        bytes[end - 1] ^= 1;
        let (seen, whole, replay) = read(&bytes, false);
        assert_eq!((seen, whole, replay.damaged), (vec![1, 2, 3], end, 1));
        let (seen, _, replay) = read(&bytes, true);
        assert_eq!((seen, replay.damaged), (vec![1, 2], 0));
    }

    #[test]
    fn a_payload_that_looks_like_a_record_is_none() {
        // The same bytes under another salt, inside a payload whose own record is damaged.
        let (inner, _) = segment(1);
        let mut foreign = vec![];
        let payload = Payload::new(&inner).unwrap();
        Record { sequence: 1, tenant: "t".into(), signal: 0, encoding: 0, received_ns: 0, payload }.encode(4, true, &mut foreign);
        foreign[5] ^= 1;
        let (mut seen, mut replay) = (0, Replay::default());
        scan(&foreign, 4, true, &mut replay, &mut |_| seen += 1);
        assert_eq!(seen, 0);
    }
}
