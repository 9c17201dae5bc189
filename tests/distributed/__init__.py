"""Several processes or workers, as on several machines, which share an object store."""
