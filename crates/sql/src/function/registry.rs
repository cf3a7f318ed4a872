//! [`FunctionRegistry`]: every function a statement can call, by name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use super::{Overload, array, conditional, datetime, json, math, pattern, text, to_char};

/// The functions of ours, one list per family.
static OVERLOADS: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let families: [fn() -> Vec<Overload>; 8] = [
        math::overloads,
        text::overloads,
        pattern::overloads,
        datetime::overloads,
        conditional::overloads,
        array::overloads,
        json::overloads,
        to_char::overloads,
    ];
    let mut names: HashMap<&'static str, Vec<Overload>> = HashMap::new();
    for overload in families.into_iter().flat_map(|family| family()) {
        names.entry(overload.name).or_default().push(overload);
    }
    names
});

/// Functions of DataFusion that a name of PostgreSQL does not mean, or that have no meaning here.
const HIDDEN: [&str; 12] = [
    "now",
    "to_timestamp_nanos",
    "to_timestamp_millis",
    "to_timestamp_micros",
    "arrow_cast",
    "arrow_typeof",
    "arrow_metadata",
    "version",
    "current_date",
    "current_time",
    "to_unixtime",
    "arrow_try_cast",
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
            let names = std::iter::once(function.name())
                .chain(function.aliases().iter().map(String::as_str));
            for name in names.filter(|name| !HIDDEN.contains(name)) {
                scalars.insert(name.to_owned(), Arc::clone(&function));
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

    /// All names, for `\df` and the reference.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        OVERLOADS.keys().copied().chain(self.scalars.keys().map(String::as_str))
    }

    /// All aggregate functions by name.
    pub fn aggregate_names(&self) -> impl Iterator<Item = &str> {
        self.aggregates.keys().map(String::as_str)
    }

    /// All window functions by name.
    pub fn window_names(&self) -> impl Iterator<Item = &str> {
        self.windows.keys().map(String::as_str)
    }
}

impl Default for FunctionRegistry {
    fn default() -> Self {
        Self::new([])
    }
}
