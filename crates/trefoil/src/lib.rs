//! (crate trefoil)
