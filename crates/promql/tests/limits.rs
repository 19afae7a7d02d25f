//! Queries that are too much: they end with an error that names the limit, or are just carried out.

use promql::script::{Command, MemoryStorage, Storage, parse};
use promql::{Features, Options, SampleValue, Value};
use query::{Budget, BudgetLimits, QueryError, TimeGrid};

fn storage() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    for command in parse("load 1m\n  a{l=\"1\"} 0+1x100\n  a{l=\"2\"} 0+2x100\n").expect("a good script") {
        if let Command::Load(l) = command {
            storage.load(l.series).expect("a good load");
        }
    }
    storage
}

fn run(query: &str, grid: TimeGrid, limits: BudgetLimits) -> Result<Value, QueryError> {
    let e = promql::parse(query, &Features::default()).expect("a good query");
    promql::range(&e, grid, &*storage().source(), &Options::default(), &Budget::new(limits)).map(|r| r.value)
}

const GRID: TimeGrid = TimeGrid { start: 0, end: 6_000_000, step: 60_000 };

#[test]
fn too_many_samples() {
    let limits = BudgetLimits { samples: 150, ..BudgetLimits::default() };
    let text = "query processing would load too many samples into memory in query execution";
    assert_eq!(run("a", GRID, limits), Err(QueryError::TooMuch(text.into())));
    // Folded away as they pass: one series at a time.
    assert!(run("sum(a)", GRID, limits).is_ok());
}

#[test]
fn too_long_grids() {
    let e = run("sum_over_time(a[1000d:1ms])", GRID, BudgetLimits::default()).unwrap_err();
    assert!(matches!(&e, QueryError::TooMuch(s) if s.contains("larger step")), "{e}");
    let memory = BudgetLimits { memory: 1 << 20, ..BudgetLimits::default() };
    assert!(matches!(run("sum_over_time(a[1h:1ms])", GRID, memory), Err(QueryError::TooMuch(_))));
}

#[test]
fn a_spent_deadline_ends_the_query() {
    let limits = BudgetLimits { timeout: Some(std::time::Duration::ZERO), ..BudgetLimits::default() };
    assert_eq!(run("a", GRID, limits), Err(QueryError::Timeout));
}

#[test]
fn long_chains_and_deep_nestings_are_evaluated() {
    let chain = "a".to_owned() + &" + a".repeat(900);
    let deep = "-(".repeat(90) + "a" + &")".repeat(90);
    for (query, factor) in [(chain, 901.0), (deep, 1.0)] {
        let e = promql::parse(&query, &Features::default()).expect("within the limits");
        assert_eq!(promql::parse(&e.to_string(), &Features::default()).map(|e| e.height()), Ok(e.height()));
        let r = promql::instant(&e, 60_000, &*storage().source(), &Options::default(), &Budget::unlimited()).expect("an answer");
        let Value::Vector(v) = r.value else { panic!("a vector") };
        assert_eq!(v[0].value, SampleValue::Float(factor));
    }
}
