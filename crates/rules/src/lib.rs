//! Recording and alerting rules in Prometheus' file format: text to groups (`parse`), groups to series and alerts (`GroupState`).
//!
//! Nothing here reads a clock for its results, opens a file or a socket: the time is a parameter, data comes from and goes to a `Host`.

mod alert;
mod alerting;
mod group;
pub mod limits;
mod parse;
mod rule;
pub mod template;
pub mod unit;
mod yaml;

pub use alert::{Alert, AlertState, Outgoing};
pub use alerting::{Alerting, Endpoint, Login, Queue, body};
pub use group::{Context, GroupState, Health, Host, RuleState, slot_offset};
pub use parse::{RuleError, parse};
pub use rule::{Group, Kind, Rule};
