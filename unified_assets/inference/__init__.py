"""A trained model's folder and paths, bytes or text in; answers out."""
