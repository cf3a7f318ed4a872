//! Sessions, system catalogue, config, metrics and main of the kappadb binary.
