"""The simulated cells of the calibration benchmark, by what they are about."""
