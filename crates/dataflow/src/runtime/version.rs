//! [`Version`]: what the coordinator knows of one version.

use std::sync::Arc;
use std::thread::JoinHandle;

use kappa_serving::ViewContents;
use kappa_types::{ColumnId, RelationId, VersionId};

use super::closing::Closing;
use super::control::Control;
use crate::{InputSource, Install};

/// One version, from its installation to its removal.
pub(super) struct Version {
    /// What was installed; `inputs` follow flips.
    pub(super) install: Install,
    /// The ids of its output columns.
    pub(super) columns: Arc<Vec<ColumnId>>,
    /// Where its output goes.
    pub(super) contents: Arc<ViewContents>,
    /// When its windows close.
    pub(super) closing: Option<Closing>,
    /// Which part of its life it is in.
    pub(super) state: State,
    /// Whether its operators have counted their bytes in a step.
    pub(super) bytes_were_counted: bool,
}

/// Which part of its life a version is in.
pub(super) enum State {
    /// Reads history on its own.
    Hydrating {
        /// Its switch.
        control: Arc<Control>,
        /// Its thread.
        thread: JoinHandle<()>,
    },
    /// Takes every step.
    Live,
    /// Has no flow any more.
    Failed,
}

impl Version {
    /// Whether it takes steps.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.state, State::Live)
    }

    /// Whether it takes steps and reads this relation from the log.
    pub(super) fn reads_live(&self, relation: RelationId) -> bool {
        self.is_live()
            && matches!(self.install.inputs.get(&relation), Some(InputSource::Log { .. }))
    }

    /// The versions of views that it reads.
    pub(super) fn upstream_versions(&self) -> impl Iterator<Item = VersionId> {
        self.install.inputs.values().filter_map(|input| match input {
            InputSource::View { version } => Some(*version),
            InputSource::Log { .. } => None,
        })
    }

    /// Ends its hydration, if it is in one.
    pub(super) fn cancel(&self) {
        if let State::Hydrating { control, thread } = &self.state {
            control.cancel();
            thread.thread().unpark();
        }
    }
}
