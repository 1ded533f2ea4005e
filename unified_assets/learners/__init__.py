"""What models are made of: features, encoders, text and media networks, symbolic engines, baselines."""
