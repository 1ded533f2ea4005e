"""One file for each model; each ends in a MODEL."""
