//! Which optional parts of the language and of its evaluation are on, by the names of Prometheus' `--enable-feature` flag.

/// Everything off except duration expressions: what Prometheus 3.14 does without flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// `promql-experimental-functions`: functions and aggregations marked experimental
    pub experimental_functions: bool,
    /// arithmetic where a duration stands; always on in 3.14 (`promql-duration-expr` changes nothing)
    pub duration_expressions: bool,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`
    pub fill_modifiers: bool,
    /// `promql-delayed-name-removal`: the metric name goes at the very end of a query
    pub delayed_name_removal: bool,
    /// `promql-per-step-stats`: per-step sample counts are allowed in statistics
    pub per_step_stats: bool,
    /// `type-and-unit-labels`: "might not be a counter" looks at `__type__` instead of the name's ending
    pub type_and_unit_labels: bool,
    /// `use-start-timestamps`: start timestamps count as resets for rate, irate, increase and resets
    pub start_timestamps: bool,
}

impl Default for Features {
    fn default() -> Self {
        Features {
            experimental_functions: false,
            duration_expressions: true,
            extended_range_selectors: false,
            fill_modifiers: false,
            delayed_name_removal: false,
            per_step_stats: false,
            type_and_unit_labels: false,
            start_timestamps: false,
        }
    }
}

impl Features {
    /// Everything on that changes the language, and delayed name removal and start timestamps: how the upstream suite is run.
    pub fn all() -> Features {
        Features {
            experimental_functions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
            delayed_name_removal: true,
            per_step_stats: true,
            start_timestamps: true,
            ..Features::default()
        }
    }

    /// Names that have nothing to do with PromQL are passed over.
    pub fn from_flags<S: AsRef<str>>(flags: impl IntoIterator<Item = S>) -> Features {
        let mut f = Features::default();
        for flag in flags {
            match flag.as_ref() {
                "promql-experimental-functions" => f.experimental_functions = true,
                "promql-extended-range-selectors" => f.extended_range_selectors = true,
                "promql-binop-fill-modifiers" => f.fill_modifiers = true,
                "promql-delayed-name-removal" => f.delayed_name_removal = true,
                "promql-per-step-stats" => f.per_step_stats = true,
                "type-and-unit-labels" => f.type_and_unit_labels = true,
                "use-start-timestamps" => f.start_timestamps = true,
                _ => {}
            }
        }
        f
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_by_name() {
        assert_eq!(Features::from_flags::<&str>([]), Features::default());
        let f = Features::from_flags(["promql-experimental-functions", "exemplar-storage"]);
        assert!(f.experimental_functions && !f.fill_modifiers);
    }
}
