"""Programs of the command line as enhancers: command."""
