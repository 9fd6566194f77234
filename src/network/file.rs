//! Network files in TOML.
