"""A run on disk: models, checkpoints, results, and the driver that trains."""
