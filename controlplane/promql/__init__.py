"""PURE: the metric catalogue, and PromQL built from it."""
