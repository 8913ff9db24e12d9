"""What Alertmanager writes to Slack: who, what, the first step, and two links.

Slack reads ``<…>`` as links and mentions, so everything that comes from labels is escaped: a model named
``<!channel>`` wakes nobody. Slack cuts long texts; five alerts stay under 3000 characters.
"""

_ESCAPE = r"""{{ define "llm.escape" -}}
{{ reReplaceAll "&" "&amp;" . | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}
{{- end }}
"""

_TITLE = r"""{{ define "llm.slack.title" -}}
{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }}{{ else }}RESOLVED{{ end }}
{{- with .GroupLabels.namespace }} {{ template "llm.escape" . }}{{ end }}
{{- with .GroupLabels.role }} {{ template "llm.escape" . }}{{ end }}: {{ len .Alerts }} alert
{{- if gt (len .Alerts) 1 }}s{{ end }}
{{- end }}
"""

_TEXT = r"""{{ define "llm.slack.text" -}}
{{ range $i, $alert := .Alerts }}{{ if lt $i 5 -}}
*{{ template "llm.escape" $alert.Labels.alertname }}* {{ template "llm.escape" $alert.Annotations.summary }}
{{ if eq $alert.Status "firing" }}{{ template "llm.escape" $alert.Annotations.description }}
{{ end }}{{ template "llm.links" $alert }}
{{ end }}{{ end -}}
{{ if gt (len .Alerts) 5 }}and more: {{ len .Alerts }} in all{{ end }}
{{- end }}
"""

_LINKS = r"""{{ define "llm.links" -}}
{{ with .Annotations.runbook_url }}<{{ . }}|Runbook> {{ end }}
{{- with .Annotations.dashboard }}DASHBOARD{{ end }}
{{- end }}
"""

_BOARD = (
    "<URL/d/{{ . }}?var-namespace={{ or $.Labels.namespace `$__all` | urlquery }}"
    "&var-role={{ or $.Labels.role `$__all` | urlquery }}|Dashboard>"
)


def slack_template(header: str, grafana_url: str | None) -> str:
    """The template file. Without ``grafana_url`` dashboards are named, not linked."""
    board = _BOARD.replace("URL", grafana_url) if grafana_url else "Dashboard {{ . }}"
    comment = "{{/* " + header + " */ -}}\n"
    return comment + _ESCAPE + _TITLE + _TEXT + _LINKS.replace("DASHBOARD", board)
