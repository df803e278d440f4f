//! The columns of nodes. QUEUES stays empty until there are queues.

use etl_core::units::format_bytes;
use etl_core::view::NodeView;

use super::{Column, Tabled, always, pairs, shortened, wide};
use crate::table::Cell;

const GIB: f64 = (1u64 << 30) as f64;

impl Tabled for NodeView {
    const COLUMNS: &'static [Column<Self>] = &[
        always("NAME", |node, _| Cell::new(&node.metadata.name)),
        always("STATUS", |node, _| Cell::word(&node.status.state)),
        always("AVAILABILITY", |node, _| Cell::new(&node.spec.availability)),
        always("QUEUES", |_, _| Cell::new("")),
        always("TASKS", |node, _| Cell::new(node.status.tasks.to_string())),
        always("CPU", |node, _| Cell::new(node.spec.cpus.to_string())),
        always("MEM", |node, _| Cell::new(memory(node.spec.memory))),
        wide("LABELS", |node, _| Cell::new(pairs(&node.metadata.labels))),
        wide("ROLE", |node, _| Cell::new(&node.spec.role)),
        wide("ENGINE", |node, _| Cell::new(&node.spec.engine)),
        wide("MESSAGE", |node, _| Cell::new(shortened(&node.status.message))),
    ];
}

/// Nodes have odd numbers of bytes: a tenth of a GiB is what people want.
fn memory(bytes: i64) -> String {
    let bytes = u64::try_from(bytes).unwrap_or_default();
    let gib = bytes as f64 / GIB;
    if gib < 0.1 { format_bytes(bytes) } else { format!("{gib:.1}G") }
}
