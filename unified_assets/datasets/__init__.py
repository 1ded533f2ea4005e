"""Examples in; frozen, memory-mapped tensors out."""
