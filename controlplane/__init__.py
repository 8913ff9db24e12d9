"""Observability and autoscaling control plane for self-hosted LLM fleets that serve agents."""

__version__ = "0.1.0"
