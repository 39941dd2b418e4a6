"""Readers, chunking, the DuckDB store and exports."""
