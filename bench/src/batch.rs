//! The same queries by a batch engine: DataFusion over a Parquet file of the same bids.
//!
//! The one idea: what a replay is measured against must be as good as it gets, so the file is not
//! compressed, holds only the columns that are read as numbers, and hopping windows are summed from
//! panes, as our operator does.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::prelude::ParquetReadOptions;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::bids::Bids;

/// Rows of a row group: DataFusion's own default.
const ROW_GROUP_ROW_COUNT: usize = 1 << 20;

/// `W1`, without a table function.
pub(crate) const W1: &str = "SELECT auction, \
     date_bin(INTERVAL '10 seconds', date_time, TIMESTAMP '1970-01-01') AS window_start, \
     count(*) AS bids, sum(price) AS total, max(price) AS highest FROM bids GROUP BY 1, 2";

/// `W2`, by panes of two seconds, each of which is in five windows.
pub(crate) const W2: &str = "WITH panes AS (SELECT auction, \
     date_bin(INTERVAL '2 seconds', date_time, TIMESTAMP '1970-01-01') AS pane, count(*) AS bids \
     FROM bids GROUP BY 1, 2) \
     SELECT auction, pane - CASE n WHEN 0 THEN INTERVAL '0' SECOND WHEN 1 THEN INTERVAL '2' SECOND WHEN 2 THEN INTERVAL '4' SECOND WHEN 3 THEN INTERVAL '6' SECOND ELSE INTERVAL '8' SECOND END AS window_start, sum(bids) AS bids \
     FROM panes CROSS JOIN (VALUES (0), (1), (2), (3), (4)) AS numbers (n) GROUP BY 1, 2";

/// Auction, bidder, price and event time.
pub(crate) fn schema() -> SchemaRef {
    let number = |name| Field::new(name, DataType::Int64, false);
    let time = Field::new("date_time", DataType::Timestamp(TimeUnit::Microsecond, None), false);
    Arc::new(Schema::new(vec![number("auction"), number("bidder"), number("price"), time]))
}

/// Writes the bids into a Parquet file in `directory`.
pub(crate) fn write(bids: Bids, directory: &Path) -> Result<PathBuf> {
    let path = directory.join("bids.parquet");
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP_ROW_COUNT)).build();
    let schema = schema();
    let mut writer =
        ArrowWriter::try_new(File::create(&path)?, Arc::clone(&schema), Some(properties))?;
    for rows in bids.slices(ROW_GROUP_ROW_COUNT as u64) {
        writer.write(&bids.batch(rows, &schema)?)?;
    }
    writer.close()?;
    Ok(path)
}

/// Runs a query over the file with so many threads, and writes its result as CSV.
pub(crate) async fn run(path: &Path, query: &str, thread_count: usize, out: &Path) -> Result<()> {
    let config = SessionConfig::new().with_target_partitions(thread_count);
    let context = SessionContext::new_with_config(config);
    let path = path.to_string_lossy();
    context.register_parquet("bids", path, ParquetReadOptions::default()).await?;
    let options = DataFrameWriteOptions::new().with_single_file_output(true);
    let out = out.to_string_lossy();
    context.sql(query).await?.write_csv(&out, options, None).await?;
    Ok(())
}
