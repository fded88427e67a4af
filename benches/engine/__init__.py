"""The engine side by side with its peers. `scripts/bench engine` runs it; docs/PERFORMANCE.md says what it measures."""
