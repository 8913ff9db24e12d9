# How generated rules are linted: `pint --offline --config tools/pint/pint.hcl lint rules/`.
# Every exception stands here with its reason; everything else pint knows must be silent.

parser {
  schema = "prometheus"
}

checks {
  # Each level (pods, GPUs, roles, cost, objectives, alerts) is a group of its own, so that a broken rule stops only its
  # level. Results then come up to one interval late, which every window allows for: the shortest is ten intervals.
  disabled = ["rule/dependency"]
}

# A label that is empty on whole GPUs and carries the profile on slices: `{GPU_I_PROFILE=""}` picks the former, the
# result of `by (GPU_I_PROFILE)` keeps it for the other branch of the same `or`.
rule {
  match {
    name = "llm_gpu:.+"
  }
  disable = ["promql/impossible"]
}

# `x * on (…) group_left (role, phase) llm_pod:info unless …`: the labels were joined for the sum around it; that the
# right side of `unless` does not have them is the point, it is matched on fewer labels.
rule {
  match {
    name = "llm_role:cost_dollars_per_hour:sum|llm_fleet:bill_dollars_per_hour:sum"
  }
  disable = ["promql/impossible"]
}

# `up{job=~".*dcgm.*|gpu-metrics"}`: whether GPU exporters are scraped here at all. Their jobs are called many things, and a
# label of its own for that is nothing other people's scrape jobs have.
rule {
  match {
    name = "GPUExporterDown"
  }
  disable = ["promql/regexp"]
}

# Made from quotients whose divisor cannot be 0: a count of series (llm_pod:model_share:ratio), or a sum of
# GPU-equivalents, which are constants above 0 (llm_pod:gpu_engine_active:avg). Prices per token divide by `(… > 0)`,
# so that there is no sample instead of NaN.
rule {
  match {
    name = "llm_(role|model|fleet|tenant):.+|LLMIdleSpendHigh"
  }
  disable = ["promql/nan"]
}
