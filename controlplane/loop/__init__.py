"""The order of the walk, and the four ports it goes through."""
