//! Sorts the metadata of log records, remembering how records of the same shape were sorted.

use model::DictBuilder;

use crate::limits::MAX_SHAPES;

/// Sorts metadata by name. Records come in few shapes (the same names in the same order), so the permutations are kept and reused.
#[derive(Debug, Default)]
pub struct Order {
    shapes: Vec<Shape>,
    sorted: Vec<(u32, u32)>,
}

#[derive(Debug, Default)]
struct Shape {
    /// the name codes as they came
    names: Vec<u32>,
    /// the places of the sorted pairs among them; of a name given twice only the last
    places: Vec<u32>,
}

impl Order {
    pub fn sort(&mut self, pairs: &mut Vec<(u32, u32)>, dict: &DictBuilder) {
        let known = self.shapes.iter().position(|s| s.names.len() == pairs.len() && s.names.iter().zip(&*pairs).all(|(n, p)| *n == p.0));
        match known {
            // What is used is found sooner the next time.
            Some(i) => self.shapes.swap(i, i / 2),
            None => {
                if self.shapes.len() >= MAX_SHAPES {
                    self.shapes.pop();
                }
                self.shapes.insert(0, Shape::of(pairs, dict));
            }
        }
        let at = known.map_or(0, |i| i / 2);
        self.sorted.clear();
        self.sorted.extend(self.shapes[at].places.iter().map(|p| pairs[*p as usize]));
        std::mem::swap(pairs, &mut self.sorted);
    }
}

impl Shape {
    fn of(pairs: &[(u32, u32)], dict: &DictBuilder) -> Shape {
        let names: Vec<u32> = pairs.iter().map(|p| p.0).collect();
        let mut places: Vec<u32> = (0..names.len() as u32).collect();
        places.sort_by(|a, b| dict.get(names[*a as usize]).cmp(dict.get(names[*b as usize])).then(b.cmp(a)));
        places.dedup_by_key(|p| names[*p as usize]);
        Shape { names, places }
    }
}
