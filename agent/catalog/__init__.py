"""Catalogs: the interface documents as data files, read into types and used to check messages."""
