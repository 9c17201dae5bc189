"""Runs in several processes, as on several machines, which share an object store."""
