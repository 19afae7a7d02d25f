//! Words of the language: keywords, operators and field names, both ways.

use crate::ast::*;

const INTRINSICS: &[(Intrinsic, &str, &str)] = &[
    // field, canonical name, colon form
    (Intrinsic::Duration, "duration", "span:duration"),
    (Intrinsic::Name, "name", "span:name"),
    (Intrinsic::Status, "status", "span:status"),
    (Intrinsic::StatusMessage, "statusMessage", "span:statusMessage"),
    (Intrinsic::Kind, "kind", "span:kind"),
    (Intrinsic::ChildCount, "span:childCount", "span:childCount"),
    (Intrinsic::SpanId, "span:id", "span:id"),
    (Intrinsic::ParentId, "span:parentID", "span:parentID"),
    (Intrinsic::TraceId, "trace:id", "trace:id"),
    (Intrinsic::TraceDuration, "traceDuration", "trace:duration"),
    (Intrinsic::RootName, "rootName", "trace:rootName"),
    (Intrinsic::RootService, "rootServiceName", "trace:rootService"),
    (Intrinsic::NestedSetLeft, "nestedSetLeft", ""),
    (Intrinsic::NestedSetRight, "nestedSetRight", ""),
    (Intrinsic::NestedSetParent, "nestedSetParent", ""),
    (Intrinsic::EventName, "event:name", "event:name"),
    (Intrinsic::EventTimeSinceStart, "event:timeSinceStart", "event:timeSinceStart"),
    (Intrinsic::LinkTraceId, "link:traceID", "link:traceID"),
    (Intrinsic::LinkSpanId, "link:spanID", "link:spanID"),
    (Intrinsic::InstrumentationName, "instrumentation:name", "instrumentation:name"),
    (Intrinsic::InstrumentationVersion, "instrumentation:version", "instrumentation:version"),
    (Intrinsic::Parent, "parent", ""),
];

impl Intrinsic {
    pub fn name(self) -> &'static str {
        INTRINSICS.iter().find(|(i, _, _)| *i == self).map_or("", |(_, name, _)| name)
    }

    /// `duration`, `name`, ...: the forms without a colon.
    pub(crate) fn from_word(word: &str) -> Option<Intrinsic> {
        INTRINSICS.iter().find(|(_, name, _)| *name == word && !name.contains(':')).map(|(i, _, _)| *i)
    }

    pub(crate) fn from_colon(scope: &str, word: &str) -> Option<Intrinsic> {
        INTRINSICS.iter().find(|(_, _, colon)| colon.split_once(':') == Some((scope, word))).map(|(i, _, _)| *i)
    }
}

impl Scope {
    /// How it is written, with its dot.
    pub fn prefix(self) -> &'static str {
        match self {
            Scope::Any => ".",
            Scope::Span => "span.",
            Scope::Resource => "resource.",
            Scope::Event => "event.",
            Scope::Link => "link.",
            Scope::Instrumentation => "instrumentation.",
        }
    }
}

impl AggregateOp {
    pub(crate) fn from_word(word: &str) -> Option<AggregateOp> {
        Some(match word {
            "count" => AggregateOp::Count,
            "min" => AggregateOp::Min,
            "max" => AggregateOp::Max,
            "avg" => AggregateOp::Avg,
            "sum" => AggregateOp::Sum,
            _ => return None,
        })
    }

    pub fn text(self) -> &'static str {
        match self {
            AggregateOp::Count => "count",
            AggregateOp::Min => "min",
            AggregateOp::Max => "max",
            AggregateOp::Avg => "avg",
            AggregateOp::Sum => "sum",
        }
    }
}

impl BinOp {
    pub fn text(self) -> &'static str {
        match self {
            BinOp::Add => "+",
            BinOp::Sub => "-",
            BinOp::Mul => "*",
            BinOp::Div => "/",
            BinOp::Mod => "%",
            BinOp::Pow => "^",
            BinOp::Eq => "=",
            BinOp::Ne => "!=",
            BinOp::Lt => "<",
            BinOp::Le => "<=",
            BinOp::Gt => ">",
            BinOp::Ge => ">=",
            BinOp::Regex => "=~",
            BinOp::NotRegex => "!~",
            BinOp::And => "&&",
            BinOp::Or => "||",
        }
    }
}

impl SpansetOp {
    pub fn text(self) -> String {
        let SpansetOp::Structural { relation, mode } = self else {
            return if self == SpansetOp::And { "&&" } else { "||" }.to_owned();
        };
        let mode = match mode {
            Mode::Plain => "",
            Mode::Not => "!",
            Mode::Union => "&",
        };
        let relation = match relation {
            Relation::Child => ">",
            Relation::Parent => "<",
            Relation::Descendant => ">>",
            Relation::Ancestor => "<<",
            Relation::Sibling => "~",
        };
        format!("{mode}{relation}")
    }
}

const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];

/// A kind's keyword; an unknown number is `unspecified`.
pub(crate) fn kind_text(kind: u8) -> &'static str {
    KINDS.get(usize::from(kind)).copied().unwrap_or(KINDS[0])
}

/// A status' keyword; an unknown number is `unset`.
pub(crate) fn status_text(status: u8) -> &'static str {
    STATUSES.get(usize::from(status)).copied().unwrap_or(STATUSES[0])
}

impl Static {
    /// A literal that is a word, except nil.
    pub(crate) fn keyword(word: &str) -> Option<Static> {
        if let Some(k) = KINDS.iter().position(|k| *k == word) {
            return Some(Static::Kind(k as u8));
        }
        if let Some(s) = STATUSES.iter().position(|s| *s == word) {
            return Some(Static::Status(s as u8));
        }
        Some(match word {
            "true" => Static::Bool(true),
            "false" => Static::Bool(false),
            "minInt" => Static::Int(i64::MIN),
            "maxInt" => Static::Int(i64::MAX),
            _ => return None,
        })
    }
}
