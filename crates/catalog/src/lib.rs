//! What exists: names, definitions, dependencies, ids, OIDs.
