"""Writes what the ecosystem already runs, from fleet.yaml: Prometheus rules, Grafana dashboards, manifests.

The same file gives the same bytes, so a repository can hold the output and a check can tell when it is old.
"""
