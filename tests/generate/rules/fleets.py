"""fleet.yamls of the scenarios."""

IN_KUBERNETES = """
fleet: scenarios
prices: {h100-sxm-80gb: 4, a100-sxm-80gb: 2}
sources: {prometheus: "http://127.0.0.1:9090"}
roles:
  planner:
    model: {name: big}
    gpus: {type: h100-sxm-80gb, per_replica: 2}
    replicas: {min: 1, max: 4}
    slo: {ttft_p95: 2s, e2e_p95: 45s}
    select: {namespace: llm}
  worker:
    model: {name: small}
    gpus: {type: a100-sxm-80gb, mig: 3g.40gb}
    select: {namespace: llm}
  embedder:
    model: {name: vectors}
    gpus: {type: a100-sxm-80gb}
    select: {namespace: llm}
  coder:
    model: {name: code}
    engine: sglang
    gpus: {type: h100-sxm-80gb}
    select: {namespace: llm}
  researcher:
    model: {name: deep}
    engine: ray-serve
    gpus: {type: h100-sxm-80gb}
    select: {namespace: llm}
"""
REWRITTEN = IN_KUBERNETES + "rules: {rewritten_names: true}\n"
"""Something between engines and Prometheus takes colons for mistakes."""
LARGE = IN_KUBERNETES + "rules: {pod_buckets: never}\n"
LARGE_REWRITTEN = IN_KUBERNETES + "rules: {pod_buckets: never, rewritten_names: true}\n"
OTHER_WEIGHTS = IN_KUBERNETES + "cost: {weights: {prompt: 2, cached: 0.5, output: 8}}\n"

OUTSIDE = """
fleet: outside
prices: {h100-sxm-80gb: 4}
roles:
  chat:
    model: {name: big}
    gpus: {type: h100-sxm-80gb}
    targets: ["http://10.0.0.1:8000/metrics"]
  drafts:
    model: {name: small}
    gpus: {type: h100-sxm-80gb}
    targets: ["http://10.0.0.2:8000/metrics", "http://10.0.0.3:8000/metrics"]
"""

SPLIT = """
fleet: split
sources: {prometheus: "http://127.0.0.1:9090"}
roles:
  reader:
    model: {name: big}
    phase: prefill
    select: {namespace: llm-prefill}
  writer:
    model: {name: big}
    phase: decode
    select: {namespace: llm-decode}
"""
CLUSTERS = """
fleet: clusters
sources: {prometheus: "http://127.0.0.1:9090"}
roles:
  here:
    model: {name: big}
    select: {namespace: llm, cluster: eu-1}
  there:
    model: {name: big}
    select: {namespace: llm, cluster: us-1}
"""
