"""Where pure functions run and who grants cores, memory and GPUs."""
