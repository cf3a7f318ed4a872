//! What lives as long as the process: log, catalogue, contents, dataflow, connectors.
//!
//! * [`Engine`]: opens and closes them in the right order.
//! * [`Cut`]: read at a boundary. [`Engine::commit`]: write. [`Engine::change`]: change the catalogue.
//! * [`Retired`]: what cuts from before a flip still read.
//! * [`Tables`]: current rows of tables, kept as commits get their place in the log.
//! * `intake`: physical rows into stored rows: defaults, generated columns, NOT NULL, watermark.

mod connectors;
mod cut;
mod ddl;
mod intake;
mod open;
mod pace;
mod retired;
mod tables;

pub use connectors::Connectors;
pub use cut::Cut;
pub use ddl::{Applier, Change, Plans};
pub use intake::{Intake, StoredRows, evaluate};
pub use open::Engine;
pub(crate) use open::materialized_versions;
pub use retired::{Retired, RetiredVersion};
pub use tables::Tables;
