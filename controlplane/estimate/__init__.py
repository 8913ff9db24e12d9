"""What is learned about a role and outlives a tick: how long replicas take to start, what is usual."""
