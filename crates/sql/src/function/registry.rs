//! [`FunctionRegistry`]: every function a statement can call, by name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use super::entry::Function;
use super::foreign::Foreign;
use super::reference::Documented;
use super::{
    Overload, aggregate, angle, array, conditional, datetime, json, math, pattern, special, table,
    text, to_char, window,
};

/// The functions of a family, with what the reference calls it.
type Family = (&'static str, fn() -> Vec<Function>);

/// The list of lists: families of scalar functions.
pub(super) const SCALARS: [Family; 10] = [
    ("Numbers", math::functions),
    ("Angles", angle::functions),
    ("Text", text::functions),
    ("Patterns", pattern::functions),
    ("Dates and times", datetime::functions),
    ("Templates of times", to_char::functions),
    ("The moment and the session", special::functions),
    ("Conditions", conditional::functions),
    ("Arrays", array::functions),
    ("JSON", json::functions),
];
/// Aggregate functions.
pub(super) const AGGREGATES: Family = ("Aggregates", aggregate::functions);
/// Window functions.
pub(super) const WINDOWS: Family = ("Window functions", window::functions);
/// Functions in FROM.
pub(super) const TABLES: Family = ("Functions in FROM", table::functions);

/// The signatures of ours by name.
static OVERLOADS: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let mut names: HashMap<&'static str, Vec<Overload>> = HashMap::new();
    for function in SCALARS.iter().flat_map(|(_, family)| family()) {
        if function.overloads.is_empty() {
            continue;
        }
        for name in &function.names {
            let named = function.overloads.iter().map(|o| Overload { name, ..o.clone() });
            names.entry(name).or_default().extend(named);
        }
    }
    names
});

/// Functions of DataFusion that a name of PostgreSQL does not mean, or that have no meaning here:
/// they are about other types than those of SQL, about files, or about DataFusion itself.
const HIDDEN: [&str; 45] = [
    "arrays_zip",
    "arrow_cast",
    "arrow_field",
    "arrow_metadata",
    "arrow_try_cast",
    "arrow_typeof",
    "cast_to_type",
    "current_date",
    "current_time",
    "date_format",
    "datepart",
    "datetrunc",
    "element_at",
    "file_row_index",
    "from_unixtime",
    "generate_series",
    "get_field",
    "input_file_name",
    "array_dims",
    "list_dims",
    "list_zip",
    "make_time",
    "map",
    "map_entries",
    "map_extract",
    "map_keys",
    "map_values",
    "named_struct",
    "now",
    "row",
    "struct",
    "to_local_time",
    "to_time",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
    "today",
    "try_cast_to_type",
    "union_extract",
    "union_tag",
    "uuid",
    "version",
    "with_metadata",
];

/// Every function a statement can call, by name.
#[derive(Debug)]
pub struct FunctionRegistry {
    scalars: HashMap<String, Arc<ScalarUDF>>,
    aggregates: HashMap<String, Arc<AggregateUDF>>,
    windows: HashMap<String, Arc<WindowUDF>>,
}

impl FunctionRegistry {
    /// The built-in functions and those of the caller, which win over DataFusion's of that name.
    /// Functions whose volatility is not immutable are refused in views.
    #[must_use]
    pub fn new(extra: impl IntoIterator<Item = Arc<ScalarUDF>>) -> Self {
        let mut scalars = HashMap::new();
        for function in SessionStateDefaults::default_scalar_functions() {
            let function = Foreign::guard(function);
            let names = std::iter::once(function.name())
                .chain(function.aliases().iter().map(String::as_str));
            for name in names.filter(|name| !HIDDEN.contains(name)) {
                scalars.insert(name.to_owned(), Arc::clone(&function));
            }
        }
        // PostgreSQL's mean every element that is equal, DataFusion's the first.
        for (name, of) in [
            ("array_remove", "array_remove_all"),
            ("list_remove", "array_remove_all"),
            ("array_replace", "array_replace_all"),
            ("list_replace", "array_replace_all"),
        ] {
            if let Some(function) = scalars.get(of).map(Arc::clone) {
                scalars.insert(name.to_owned(), function);
            }
        }
        for function in extra {
            scalars.insert(function.name().to_owned(), function);
        }
        let mut aggregates = HashMap::new();
        for function in SessionStateDefaults::default_aggregate_functions() {
            for alias in function.aliases() {
                aggregates.insert(alias.clone(), Arc::clone(&function));
            }
            aggregates.insert(function.name().to_owned(), function);
        }
        for (name, of) in [
            ("var_samp", "var"),
            ("variance", "var"),
            ("stddev_samp", "stddev"),
            ("every", "bool_and"),
        ] {
            if let (false, Some(function)) = (aggregates.contains_key(name), aggregates.get(of)) {
                aggregates.insert(name.to_owned(), Arc::clone(function));
            }
        }
        let mut windows = HashMap::new();
        for function in SessionStateDefaults::default_window_functions() {
            windows.insert(function.name().to_owned(), function);
        }
        Self { scalars, aggregates, windows }
    }

    /// The signatures of ours under a name.
    pub(crate) fn overloads(&self, name: &str) -> Option<&'static [Overload]> {
        OVERLOADS.get(name).map(Vec::as_slice)
    }

    /// A function of DataFusion or of the caller.
    pub(crate) fn scalar(&self, name: &str) -> Option<&Arc<ScalarUDF>> {
        self.scalars.get(name)
    }

    /// An aggregate function.
    pub(crate) fn aggregate(&self, name: &str) -> Option<&Arc<AggregateUDF>> {
        self.aggregates.get(name)
    }

    /// A window function.
    pub(crate) fn window(&self, name: &str) -> Option<&Arc<WindowUDF>> {
        self.windows.get(name)
    }

    /// Whether the name is that of an aggregate or window function and of no scalar one.
    pub(crate) fn is_aggregate_or_window(&self, name: &str) -> bool {
        (self.aggregates.contains_key(name) || self.windows.contains_key(name))
            && !OVERLOADS.contains_key(name)
    }

    /// All scalar functions of DataFusion and of the caller, with their documentation.
    pub(super) fn documented_scalars(&self) -> impl Iterator<Item = Documented<'_>> {
        self.scalars.iter().map(|(name, function)| Documented {
            name,
            of: function.name(),
            documentation: function.documentation(),
        })
    }

    /// All aggregate and window functions, with their documentation.
    pub(super) fn documented_aggregates(&self) -> impl Iterator<Item = Documented<'_>> {
        let aggregates = self.aggregates.iter().map(|(name, function)| Documented {
            name,
            of: function.name(),
            documentation: function.documentation(),
        });
        aggregates.chain(self.windows.iter().map(|(name, function)| Documented {
            name,
            of: function.name(),
            documentation: function.documentation(),
        }))
    }
}

impl Default for FunctionRegistry {
    fn default() -> Self {
        Self::new([])
    }
}
