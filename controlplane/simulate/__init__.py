"""A fleet that does not exist but moves like one: queues, KV cache, cold starts, GPUs and agents' sessions.

Seeded and without a clock of its own: the same seed and the same instants always give the same pages.
:mod:`controlplane.simulate.endpoints` puts it on the network as real exporters would;
:mod:`controlplane.simulate.replay` does the same with pages that were recorded from real servers.
"""
