"""Scan-to-pay's story for ``his-agent demo``: ``story.toml`` and the files that are dropped."""
