//! What operators keep: the only place with hash maps. Knows rows and keys, no plans and no time.

mod accumulator;
mod arrangement;
mod bits;
mod encode;
mod group_layout;
mod group_table;
mod hash;
mod interface;
mod key_table;
mod row_table;
mod slot_column;

pub(crate) use arrangement::{Arrangement, ArrangementOptions, SlotChange};
pub(crate) use group_layout::GroupLayout;
pub(crate) use group_table::{GroupChanges, GroupRows, GroupTable, NewGroups};
pub(crate) use hash::{hash_rows, virtual_node, worker_of};
pub use interface::State;
pub(crate) use row_table::RowTable;
