"""The catalog of the bench's plain protocol."""
