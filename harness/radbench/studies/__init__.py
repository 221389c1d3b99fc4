"""Studies (floor 5): a paper's comparisons as a file, run and printed as its tables, its own figures beside ours."""
