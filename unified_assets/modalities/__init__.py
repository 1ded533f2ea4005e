"""One file for each kind of file; each ends in a MODALITY."""
