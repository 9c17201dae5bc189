"""The rules on a SQL server: dialects, relations, the connection, and the backend that runs the statements."""
