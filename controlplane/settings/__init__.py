"""fleet.yaml: what may be written in it, what it means, and one clear line for everything that is wrong."""
