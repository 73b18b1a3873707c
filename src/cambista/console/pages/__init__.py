"""The markup of the pages beside the desk: pure, without a line of script."""
