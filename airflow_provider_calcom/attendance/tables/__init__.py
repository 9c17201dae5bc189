"""Files and rows of the three input tables, loaded into DuckDB as clean tables."""
