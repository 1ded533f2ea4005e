"""What is inside a file format: encodings, packages, Office streams, drawn pages, clips. Modalities are made of these."""
