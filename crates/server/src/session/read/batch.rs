//! DataFusion set up once for all batch queries: its sessions hold nothing of ours, and making one for
//! each statement was a sixth of the CPU of a server that takes single-row commits.

use std::sync::{Arc, LazyLock};

use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, TaskContext};

/// Memory that all batch queries together may take for sorting, joining and grouping.
const QUERY_MEMORY_BYTES_MAX: usize = 4 << 30;

/// Where batch queries get their memory from; past its bound they fail with 53200.
static MEMORY: LazyLock<Arc<RuntimeEnv>> = LazyLock::new(|| {
    let builder = RuntimeEnvBuilder::new().with_memory_limit(QUERY_MEMORY_BYTES_MAX, 1.0);
    builder.build_arc().expect("the defaults fit each other")
});

/// What plans and what runs queries.
pub(in crate::session) struct Batch {
    /// Optimizes and plans.
    pub(in crate::session) state: SessionState,
    /// Runs.
    pub(in crate::session) task: Arc<TaskContext>,
}

impl Batch {
    fn new(partition_count: usize) -> Self {
        let state = kappa_sql::session_state(partition_count, Arc::clone(&MEMORY));
        let task = state.task_ctx();
        Self { state, task }
    }
}

static PARALLEL: LazyLock<Batch> =
    LazyLock::new(|| Batch::new(std::thread::available_parallelism().map_or(1, usize::from)));

static ORDERED: LazyLock<Batch> = LazyLock::new(|| Batch::new(1));

/// Runs a query in as many partitions as there are cores.
pub(in crate::session) fn parallel() -> &'static Batch {
    &PARALLEL
}

/// Runs a query in one partition, so that rows come in the order of their relation.
pub(in crate::session) fn ordered() -> &'static Batch {
    &ORDERED
}
