"""Self-contained HTML: escaping, thumbnails, plots, tables."""
