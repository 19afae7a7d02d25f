//! The syntax tree of a query.

use model::Matcher;

/// A query: lines or numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Log(LogExpr),
    Metric(MetricExpr),
}

/// A selector and the stages behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogExpr {
    pub matchers: Vec<Matcher>,
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    LineFilter(LineFilter),
    LabelFilter(LabelFilter),
    /// without expressions: every field
    Json(Vec<LabelPath>),
    Logfmt {
        strict: bool,
        keep_empty: bool,
        fields: Vec<LabelPath>,
    },
    Regexp(String),
    Pattern(String),
    Unpack,
    /// our extension: elements and attributes as labels
    Xml(Vec<LabelPath>),
    /// our extension: the columns' names, comma-separated
    Csv(String),
    LineFormat(String),
    LabelFormat(Vec<LabelFormat>),
    Decolorize,
    Drop(Vec<LabelChoice>),
    Keep(Vec<LabelChoice>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOp {
    Contains,
    NotContains,
    Regex,
    NotRegex,
    Pattern,
    NotPattern,
}

impl LineOp {
    pub fn as_str(self) -> &'static str {
        match self {
            LineOp::Contains => "|=",
            LineOp::NotContains => "!=",
            LineOp::Regex => "|~",
            LineOp::NotRegex => "!~",
            LineOp::Pattern => "|>",
            LineOp::NotPattern => "!>",
        }
    }

    pub fn is_negative(self) -> bool {
        matches!(self, LineOp::NotContains | LineOp::NotRegex | LineOp::NotPattern)
    }
}

/// `|= "a" or "b"`: a positive one keeps a line that matches any operand, a negative one drops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFilter {
    pub op: LineOp,
    pub operands: Vec<LineOperand>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOperand {
    Text(String),
    Ip(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

impl CompareOp {
    pub fn as_str(self) -> &'static str {
        match self {
            CompareOp::Eq => "==",
            CompareOp::Ne => "!=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum LabelFilter {
    Match(Matcher),
    Number {
        name: String,
        op: CompareOp,
        value: f64,
    },
    /// nanoseconds
    Duration {
        name: String,
        op: CompareOp,
        value: i64,
    },
    Bytes {
        name: String,
        op: CompareOp,
        value: u64,
    },
    Ip {
        name: String,
        negated: bool,
        pattern: String,
    },
    And(Box<LabelFilter>, Box<LabelFilter>),
    Or(Box<LabelFilter>, Box<LabelFilter>),
}

/// `label="path"` of a json, logfmt or xml stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelPath {
    pub label: String,
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFormat {
    pub target: String,
    pub value: FormatValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatValue {
    /// take this label's value and remove it
    Rename(String),
    Template(String),
}

/// An item of `drop` or `keep`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelChoice {
    Name(String),
    Match(Matcher),
}

#[derive(Debug, Clone, PartialEq)]
pub enum MetricExpr {
    Literal(f64),
    /// `vector(n)`
    Vector(f64),
    Range(RangeAgg),
    Aggregate(VectorAgg),
    Binary(Box<Binary>),
    LabelReplace(Box<LabelReplace>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOp {
    Count,
    Rate,
    RateCounter,
    Bytes,
    BytesRate,
    Avg,
    Sum,
    Min,
    Max,
    Stdvar,
    Stddev,
    Quantile,
    First,
    Last,
    Absent,
}

impl RangeOp {
    pub const ALL: [RangeOp; 15] = [
        RangeOp::Count,
        RangeOp::Rate,
        RangeOp::RateCounter,
        RangeOp::Bytes,
        RangeOp::BytesRate,
        RangeOp::Avg,
        RangeOp::Sum,
        RangeOp::Min,
        RangeOp::Max,
        RangeOp::Stdvar,
        RangeOp::Stddev,
        RangeOp::Quantile,
        RangeOp::First,
        RangeOp::Last,
        RangeOp::Absent,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            RangeOp::Count => "count_over_time",
            RangeOp::Rate => "rate",
            RangeOp::RateCounter => "rate_counter",
            RangeOp::Bytes => "bytes_over_time",
            RangeOp::BytesRate => "bytes_rate",
            RangeOp::Avg => "avg_over_time",
            RangeOp::Sum => "sum_over_time",
            RangeOp::Min => "min_over_time",
            RangeOp::Max => "max_over_time",
            RangeOp::Stdvar => "stdvar_over_time",
            RangeOp::Stddev => "stddev_over_time",
            RangeOp::Quantile => "quantile_over_time",
            RangeOp::First => "first_over_time",
            RangeOp::Last => "last_over_time",
            RangeOp::Absent => "absent_over_time",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct RangeAgg {
    pub op: RangeOp,
    /// the quantile
    pub param: Option<f64>,
    pub log: LogExpr,
    pub unwrap: Option<Unwrap>,
    /// nanoseconds
    pub range: i64,
    /// nanoseconds back in time
    pub offset: i64,
    pub grouping: Option<Grouping>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Unwrap {
    pub label: String,
    pub conversion: Conversion,
    /// filters behind the unwrap, in order
    pub filters: Vec<LabelFilter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    Number,
    Bytes,
    Duration,
    DurationSeconds,
}

impl Conversion {
    pub fn as_str(self) -> &'static str {
        match self {
            Conversion::Number => "",
            Conversion::Bytes => "bytes",
            Conversion::Duration => "duration",
            Conversion::DurationSeconds => "duration_seconds",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorOp {
    Sum,
    Avg,
    Min,
    Max,
    Stddev,
    Stdvar,
    Count,
    BottomK,
    TopK,
    ApproxTopK,
    Sort,
    SortDesc,
}

impl VectorOp {
    pub const ALL: [VectorOp; 12] = [
        VectorOp::Sum,
        VectorOp::Avg,
        VectorOp::Min,
        VectorOp::Max,
        VectorOp::Stddev,
        VectorOp::Stdvar,
        VectorOp::Count,
        VectorOp::BottomK,
        VectorOp::TopK,
        VectorOp::ApproxTopK,
        VectorOp::Sort,
        VectorOp::SortDesc,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            VectorOp::Sum => "sum",
            VectorOp::Avg => "avg",
            VectorOp::Min => "min",
            VectorOp::Max => "max",
            VectorOp::Stddev => "stddev",
            VectorOp::Stdvar => "stdvar",
            VectorOp::Count => "count",
            VectorOp::BottomK => "bottomk",
            VectorOp::TopK => "topk",
            VectorOp::ApproxTopK => "approx_topk",
            VectorOp::Sort => "sort",
            VectorOp::SortDesc => "sort_desc",
        }
    }

    pub fn takes_k(self) -> bool {
        matches!(self, VectorOp::BottomK | VectorOp::TopK | VectorOp::ApproxTopK)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct VectorAgg {
    pub op: VectorOp,
    /// k of the top and bottom operators, else 0
    pub k: usize,
    pub grouping: Option<Grouping>,
    pub inner: Box<MetricExpr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Unless,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Compare(CompareOp),
}

impl BinaryOp {
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Unless => "unless",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Compare(op) => op.as_str(),
        }
    }

    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::Or | BinaryOp::And | BinaryOp::Unless)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    /// comparison answers 0 or 1 instead of filtering
    pub returns_bool: bool,
    pub matching: Option<Matching>,
    pub left: MetricExpr,
    pub right: MetricExpr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    OneToOne,
    /// `group_left`: the left side is the many
    ManyToOne,
    /// `group_right`
    OneToMany,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// `on` rather than `ignoring`
    pub on: bool,
    pub labels: Vec<String>,
    pub cardinality: Cardinality,
    /// labels copied from the one side
    pub include: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct LabelReplace {
    pub inner: MetricExpr,
    pub dst: String,
    pub replacement: String,
    pub src: String,
    pub pattern: String,
    pub(crate) regex: model::re2::Anchored,
}

impl PartialEq for LabelReplace {
    fn eq(&self, o: &Self) -> bool {
        (&self.inner, &self.dst, &self.replacement, &self.src, &self.pattern) == (&o.inner, &o.dst, &o.replacement, &o.src, &o.pattern)
    }
}
