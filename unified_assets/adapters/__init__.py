"""One file for each form labels take; each ends in an ADAPTER."""
