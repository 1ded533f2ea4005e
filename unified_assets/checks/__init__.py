"""One file for each named quality issue; each ends in a CHECK."""
