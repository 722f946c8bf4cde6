"""The ministry's story for ``his-agent demo``: ``story.toml``, the files that are dropped, the people."""
