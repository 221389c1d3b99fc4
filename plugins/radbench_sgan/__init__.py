"""SGAN: two stacked GANs that denoise and enhance (Tang et al., MLMI 2018), and the networks it is compared with."""
