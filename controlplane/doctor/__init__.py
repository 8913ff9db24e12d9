"""What is known to bite, looked for in what is really deployed. Each row names the fix. Pure: others fetch."""
