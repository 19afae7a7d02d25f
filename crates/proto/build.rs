//! Compiles the `.proto` files of the repository's `proto/` folder in Rust, without `protoc`.
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let files = [
        "opentelemetry/proto/collector/trace/v1/trace_service.proto",
        "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
        "opentelemetry/proto/collector/logs/v1/logs_service.proto",
        "tempo.proto",
        "loki.proto",
        "prometheus.proto",
        "prometheus_write_v2.proto",
        "prometheus_client.proto",
    ];
    let descriptors = protox::compile(files, [&root])?;
    prost_build::Config::new().include_file("all.rs").btree_map(["."]).compile_fds(descriptors)?;
    Ok(())
}
