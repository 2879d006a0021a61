"""Models in a worker: how they are loaded, watched and told."""
