"""Tables and folders published once and atomically."""
