"""Raw files in; one catalog row for every path out."""
