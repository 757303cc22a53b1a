"""Form & Facts: what the notebooks import."""
