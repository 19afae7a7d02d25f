//! The query as a tree: what the parser builds, the printer writes and the planner reads.

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub body: Body,
    /// `with(name=value, ...)`, unknown names included
    pub hints: Vec<(String, Static)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Spans(Pipeline),
    Metrics(MetricsExpr),
}

/// Stages joined by `|`; never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    Spanset(SpansetExpr),
    Scalar(ScalarFilter),
    By(FieldExpr),
    Coalesce,
    Select(Vec<Attribute>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum SpansetExpr {
    /// `None` is `{ }`
    Filter(Option<FieldExpr>),
    /// a parenthesised pipeline as an operand
    Pipeline(Pipeline),
    Op(SpansetOp, Box<SpansetExpr>, Box<SpansetExpr>),
}

/// How two spansets of a trace are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpansetOp {
    And,
    Or,
    Structural { relation: Relation, mode: Mode },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    Child,
    Parent,
    Descendant,
    Ancestor,
    Sibling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// right-hand spans that stand in the relation
    Plain,
    /// `!>`: right-hand spans that do not
    Not,
    /// `&>`: both sides' spans that do
    Union,
}

/// `left op right` over aggregates of a spanset.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarFilter {
    pub op: BinOp,
    pub left: ScalarExpr,
    pub right: ScalarExpr,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ScalarExpr {
    Aggregate(Aggregate),
    Literal(Static),
    Binary(BinOp, Box<ScalarExpr>, Box<ScalarExpr>),
    /// `({ } | count())`: parsed, refused by the check
    Pipeline(Pipeline, Box<ScalarExpr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Count,
    Min,
    Max,
    Avg,
    Sum,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub op: AggregateOp,
    /// `None` for count()
    pub over: Option<FieldExpr>,
}

/// An expression over the fields of one span.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldExpr {
    Literal(Static),
    Field(Attribute),
    Not(Box<FieldExpr>),
    Neg(Box<FieldExpr>),
    Binary(BinOp, Box<FieldExpr>, Box<FieldExpr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Regex,
    NotRegex,
    And,
    Or,
}

/// A literal value.
#[derive(Debug, Clone, PartialEq)]
pub enum Static {
    Nil,
    Int(i64),
    Float(f64),
    Str(String),
    Bool(bool),
    /// nanoseconds
    Duration(i64),
    /// `model::status`
    Status(u8),
    /// `model::kind`
    Kind(u8),
}

/// A field of a span.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribute {
    Named { scope: Scope, parent: bool, name: String },
    Intrinsic(Intrinsic),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// `.name`: span, then resource
    Any,
    Span,
    Resource,
    Event,
    Link,
    Instrumentation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intrinsic {
    Duration,
    Name,
    Status,
    StatusMessage,
    Kind,
    ChildCount,
    SpanId,
    ParentId,
    TraceId,
    TraceDuration,
    RootName,
    RootService,
    NestedSetLeft,
    NestedSetRight,
    NestedSetParent,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
    /// `parent` alone: parsed, refused by the check
    Parent,
}

/// A query that yields series.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricsExpr {
    Aggregate { pipeline: Pipeline, function: MetricsFn, by: Vec<Attribute> },
    Second(Box<MetricsExpr>, SecondStage),
    Math(BinOp, Box<MetricsExpr>, Box<MetricsExpr>),
    Number(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub enum MetricsFn {
    Rate,
    CountOverTime,
    /// min, max, avg, sum
    OverTime(AggregateOp, Attribute),
    Quantile(Attribute, Vec<f64>),
    Histogram(Attribute),
    Compare {
        /// the selection's filter
        selection: Option<FieldExpr>,
        top: i64,
        /// Unix nanoseconds
        range: Option<(i64, i64)>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum SecondStage {
    TopK(i64),
    BottomK(i64),
    /// keep points for which `value op literal` holds
    Compare(BinOp, Static),
}

impl Query {
    pub fn is_metrics(&self) -> bool {
        matches!(self.body, Body::Metrics(_))
    }

    /// A hint's value, if the query gives it.
    pub fn hint(&self, name: &str) -> Option<&Static> {
        self.hints.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

impl Attribute {
    pub fn named(scope: Scope, name: impl Into<String>) -> Attribute {
        Attribute::Named { scope, parent: false, name: name.into() }
    }

    /// Whether it belongs to the parent span, which no query may use yet.
    pub fn is_parent(&self) -> bool {
        matches!(self, Attribute::Named { parent: true, .. } | Attribute::Intrinsic(Intrinsic::Parent))
    }
}

impl BinOp {
    pub fn is_comparison(self) -> bool {
        use BinOp::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge | Regex | NotRegex)
    }

    pub fn is_arithmetic(self) -> bool {
        use BinOp::*;
        matches!(self, Add | Sub | Mul | Div | Mod | Pow)
    }

    /// The operator with its sides swapped.
    pub fn flipped(self) -> BinOp {
        match self {
            BinOp::Lt => BinOp::Gt,
            BinOp::Le => BinOp::Ge,
            BinOp::Gt => BinOp::Lt,
            BinOp::Ge => BinOp::Le,
            other => other,
        }
    }
}

impl FieldExpr {
    /// Calls `each` with every field of the expression, left to right.
    pub fn fields<'a>(&'a self, each: &mut dyn FnMut(&'a Attribute)) {
        match self {
            FieldExpr::Literal(_) => {}
            FieldExpr::Field(a) => each(a),
            FieldExpr::Not(e) | FieldExpr::Neg(e) => e.fields(each),
            FieldExpr::Binary(_, l, r) => {
                l.fields(each);
                r.fields(each);
            }
        }
    }
}

impl ScalarExpr {
    pub fn has_aggregate(&self) -> bool {
        match self {
            ScalarExpr::Aggregate(_) | ScalarExpr::Pipeline(..) => true,
            ScalarExpr::Literal(_) => false,
            ScalarExpr::Binary(_, l, r) => l.has_aggregate() || r.has_aggregate(),
        }
    }
}
