"""Whether a recommendation may be done: every guardrail says its number, the arbiter draws the line."""
