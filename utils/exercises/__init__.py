"""The exercises as data: one TOML a lesson, described in docs/exercises.md."""
