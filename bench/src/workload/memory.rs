//! Anonymous memory: idle, with w1, and with an unwindowed GROUP BY while its history grows tenfold.
//!
//! Limit: contents and the group table hold each view row once each, some 50 bytes a column and copy;
//! the log keeps a bounded number of unsealed and recent bytes, whatever the history. What loading
//! took for the moment is given back when the server idles, so both are shown.

use std::time::Duration;

use anyhow::Result;

use super::load;
use crate::bids::{A1, Bids, CREATE_SOURCE, W1};
use crate::report::line;
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Bids in the whole history.
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Distinct auctions.
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// After so long without work a server has given back what it does not need.
const IDLE: Duration = Duration::from_secs(5);

/// Measures each on a server of its own.
pub(crate) async fn run(options: &Options) -> Result<()> {
    for (name, query) in [("w1", W1), ("GROUP BY auction", A1)] {
        let server = Server::start(options.workers)?;
        let client = server.connect().await?;
        line("memory, idle", &format!("{} MB", server.anonymous_bytes()? >> 20));
        client.batch_execute(CREATE_SOURCE).await?;
        client.batch_execute(&format!("CREATE MATERIALIZED VIEW v AS {query}")).await?;
        // Every bid takes any auction, so that the groups are all there from the beginning.
        let uniform = name != "w1";
        for (part, rows) in [("a tenth", options.rows / 10), ("all", options.rows * 9 / 10)] {
            load(&client, Bids::new(rows, options.keys, uniform)).await?;
            let shown: i64 = client.query_one("SELECT count(*) FROM v", &[]).await?.get(0);
            let at_once = server.anonymous_bytes()? >> 20;
            tokio::time::sleep(IDLE).await;
            let idle = server.anonymous_bytes()? >> 20;
            let text = format!(
                "{at_once} MB, idle {idle} MB with {part} of the history, {shown} rows shown"
            );
            line(&format!("memory, {name}"), &text);
        }
    }
    Ok(())
}
