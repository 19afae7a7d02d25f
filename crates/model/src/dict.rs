//! Columns of strings: `StrColumn` (a text per row) and `Dict` (distinct texts with codes).

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

/// Texts laid end to end, so that one search runs over many rows at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StrColumn {
    text: String,
    ends: Vec<u32>,
}

impl StrColumn {
    pub fn push(&mut self, s: &str) {
        self.text.push_str(s);
        self.ends.push(self.text.len() as u32);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, row: usize) -> &str {
        &self.text[self.start(row)..self.ends[row] as usize]
    }

    /// Where the row's text starts in `text`.
    pub fn start(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] as usize }
    }

    /// All rows end to end; a match may cross rows, so check against `ends`.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    pub fn heap_size(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4
    }
}

/// Distinct texts of one batch; a code is a row of the column. Code 0 is always "".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dict {
    values: StrColumn,
}

impl Dict {
    pub fn get(&self, code: u32) -> &str {
        self.values.get(code as usize)
    }

    /// The code of a text: a scan over the distinct values, so look up once per batch, not per row.
    pub fn find(&self, text: &str) -> Option<u32> {
        self.values.iter().position(|v| v == text).map(|i| i as u32)
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.values.iter()
    }

    pub fn heap_size(&self) -> usize {
        self.values.heap_size()
    }
}

impl Default for Dict {
    fn default() -> Self {
        DictBuilder::default().finish()
    }
}

/// Collects distinct texts: open addressing over codes, no second copy of the text.
#[derive(Debug, Clone)]
pub struct DictBuilder {
    values: StrColumn,
    /// code + 1, or 0 for a free slot; a power of two long
    slots: Vec<u32>,
}

impl Default for DictBuilder {
    fn default() -> Self {
        let mut b = DictBuilder { values: StrColumn::default(), slots: vec![0; 64] };
        b.code("");
        b
    }
}

impl DictBuilder {
    /// The text's code, added if new.
    pub fn code(&mut self, text: &str) -> u32 {
        if self.values.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = Self::hash(text) & mask;
        loop {
            match self.slots[at] {
                0 => {
                    let code = self.values.len() as u32;
                    self.values.push(text);
                    self.slots[at] = code + 1;
                    return code;
                }
                taken if self.values.get(taken as usize - 1) == text => return taken - 1,
                _ => at = (at + 1) & mask,
            }
        }
    }

    pub fn get(&self, code: u32) -> &str {
        self.values.get(code as usize)
    }

    pub fn finish(self) -> Dict {
        Dict { values: self.values }
    }

    fn hash(text: &str) -> usize {
        let h = FxBuildHasher.hash_one(text);
        (h ^ (h >> 32)) as usize
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let mut slots = vec![0; size];
        for code in 0..self.values.len() {
            let mut at = Self::hash(self.values.get(code)) & (size - 1);
            while slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            slots[at] = code as u32 + 1;
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_give_their_texts_back(texts in proptest::collection::vec("[a-d]{0,3}", 0..300)) {
            let mut b = DictBuilder::default();
            let codes: Vec<u32> = texts.iter().map(|t| b.code(t)).collect();
            let d = b.finish();
            for (t, c) in texts.iter().zip(&codes) {
                prop_assert_eq!(d.get(*c), t.as_str());
                prop_assert_eq!(d.find(t), Some(*c));
            }
        }
    }
}
