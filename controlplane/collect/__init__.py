"""The edge where the world comes in: metrics pages, Prometheus, Kubernetes. Read only, everything bounded."""
