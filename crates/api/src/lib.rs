//! What the foreign faces share: the backend they all call, tenants, request parameters, the query pool, own metrics.
//!
//! A face (`api-otlp`, `api-prometheus`, `api-loki`, `api-tempo`) reads a request, makes one call inward and renders the foreign form.
//! It gets everything from one `Arc<Backend>`; nothing here knows a foreign shape.

mod backend;
pub mod limits;
mod params;
mod pool;
mod rules;
mod selfmetrics;
mod targets;
mod tenants;

pub use backend::{Backend, Features, Ingest, Profile, Settings, SpansHook};
pub use params::{Params, ParamsError};
pub use pool::QueryPool;
pub use rules::{AlertView, AlertingView, RuleGroupView, RuleView, RulesView};
pub use selfmetrics::{Face, Outcome, Point, PointKind, SelfMetrics, Signal, Transport};
pub use targets::{ActiveTarget, DroppedTarget, TargetHealth, TargetMetadata, TargetsSlot, TargetsView};
pub use tenants::{TENANT_HEADER, read_tenants, write_tenant};
