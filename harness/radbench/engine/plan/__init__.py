"""Plan: what was asked for becomes parts, pairs, and the steps that they break into."""
