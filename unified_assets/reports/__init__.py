"""A run's files in; one self-contained page of tables and plots out."""
