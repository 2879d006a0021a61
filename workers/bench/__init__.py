"""Florence-2 measured against itself: its adapter, transformers' own classes, and arithmetic."""
