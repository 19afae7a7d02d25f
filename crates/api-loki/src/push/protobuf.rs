//! Reads a push body in protobuf (`logproto.PushRequest`), without copying lines. Invalid UTF-8 becomes U+FFFD.

use std::borrow::Cow;

use super::labels;
use super::request::{BadPush, Entry, Stream};

/// The uncompressed message. Any broken field refuses the whole request.
pub fn decode(bytes: &[u8]) -> Result<Vec<Stream<'_>>, BadPush> {
    let mut streams = vec![];
    let mut w = Wire(bytes);
    while let Some((field, value)) = w.next()? {
        if let (1, Value::Bytes(b)) = (field, value) {
            streams.push(stream(b)?);
        }
    }
    Ok(streams)
}

fn stream(bytes: &[u8]) -> Result<Stream<'_>, BadPush> {
    let mut s = Stream { labels: Ok(vec![]), entries: vec![] };
    let mut w = Wire(bytes);
    while let Some((field, value)) = w.next()? {
        match (field, value) {
            (1, Value::Bytes(b)) => s.labels = labels::parse(&text(b)),
            (2, Value::Bytes(b)) => s.entries.push(entry(b)?),
            _ => {}
        }
    }
    Ok(s)
}

fn entry(bytes: &[u8]) -> Result<Entry<'_>, BadPush> {
    let mut e = Entry { ts: 0, line: Cow::Borrowed(""), meta: vec![] };
    let mut w = Wire(bytes);
    while let Some((field, value)) = w.next()? {
        match (field, value) {
            (1, Value::Bytes(b)) => e.ts = timestamp(b)?,
            (2, Value::Bytes(b)) => e.line = text(b),
            (3, Value::Bytes(b)) => e.meta.push(pair(b)?),
            _ => {}
        }
    }
    Ok(e)
}

fn timestamp(bytes: &[u8]) -> Result<i64, BadPush> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut w = Wire(bytes);
    while let Some((field, value)) = w.next()? {
        match (field, value) {
            (1, Value::Varint(v)) => seconds = v as i64,
            (2, Value::Varint(v)) => nanos = v as i64,
            _ => {}
        }
    }
    let ns = seconds.checked_mul(1_000_000_000).and_then(|s| s.checked_add(nanos));
    ns.filter(|ns| *ns >= 0).ok_or_else(|| BadPush(format!("the time of {seconds} seconds and {nanos} nanoseconds is out of range")))
}

fn pair(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), BadPush> {
    let (mut name, mut text_value) = (Cow::Borrowed(""), Cow::Borrowed(""));
    let mut w = Wire(bytes);
    while let Some((field, value)) = w.next()? {
        match (field, value) {
            (1, Value::Bytes(b)) => name = text(b),
            (2, Value::Bytes(b)) => text_value = text(b),
            _ => {}
        }
    }
    Ok((name, text_value))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of one message, one after another.
struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, BadPush> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            other => return Err(BadPush(format!("the body is no push request: wire type {other}"))),
        };
        if tag >> 3 == 0 {
            return Err(BadPush("the body is no push request: field number 0".into()));
        }
        Ok(Some((tag >> 3, value)))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], BadPush> {
        let cut = usize::try_from(len).ok().and_then(|n| self.0.split_at_checked(n));
        let (head, tail) = cut.ok_or_else(|| BadPush("the body is no push request: it ends inside a field".into()))?;
        self.0 = tail;
        Ok(head)
    }

    fn varint(&mut self) -> Result<u64, BadPush> {
        let mut v = 0u64;
        for i in 0..10 {
            let b = *self.take(1)?.first().unwrap_or(&0);
            v |= u64::from(b & 0x7f) << (7 * i);
            if b < 0x80 {
                return Ok(v);
            }
        }
        Err(BadPush("the body is no push request: a number of more than 10 bytes".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use proto::logproto as pb;

    fn sample() -> pb::PushRequest {
        let meta = vec![pb::LabelPair { name: "k".into(), value: "v".into() }];
        let at = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
        let entries = vec![
            pb::Entry { timestamp: at(5, 7), line: "first".into(), structured_metadata: meta, parsed: vec![] },
            pb::Entry { timestamp: at(6, 0), line: "second".into(), ..pb::Entry::default() },
        ];
        pb::PushRequest { streams: vec![pb::Stream { labels: r#"{a="b"}"#.into(), entries, hash: 9 }] }
    }

    #[test]
    fn reads_what_prost_writes() {
        let bytes = sample().encode_to_vec();
        let all = decode(&bytes).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].labels.as_ref().unwrap(), &[("a".into(), "b".into())]);
        assert_eq!((all[0].entries[0].ts, all[0].entries[0].line.as_ref()), (5_000_000_007, "first"));
        assert_eq!(all[0].entries[0].meta, [("k".into(), "v".into())]);
        assert_eq!((all[0].entries[1].ts, all[0].entries[1].meta.len()), (6_000_000_000, 0));
    }

    #[test]
    fn cut_anywhere_it_never_panics() {
        let bytes = sample().encode_to_vec();
        for len in 0..bytes.len() {
            if let Err(e) = decode(&bytes[..len]) {
                assert!(e.0.contains("ends inside a field"), "{}", e.0);
            }
        }
        assert!(decode(b"{\"streams\"").is_err());
        assert!(decode(&[0x0a, 0x04, 0x12, 0x02, 0x12, 0xff]).is_err());
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        let line = [0x12, 0x02, b'a', 0xff];
        assert_eq!(entry(&line).unwrap().line, "a\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(0u8..=40, 0..64)) {
            if let Ok(all) = decode(&bytes) {
                proptest::prop_assert!(all.len() <= bytes.len());
            }
        }
    }
}
