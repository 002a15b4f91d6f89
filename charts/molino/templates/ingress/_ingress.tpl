{{/* What the ingress of a component takes: hosts, and a path below them. */}}

{{/* Hosts as JSON, each once; the empty one stands for all hosts. */}}
{{- define "molino.ingressHosts" -}}
{{- concat (list .host) .hosts | compact | uniq | default (.allHosts | ternary (list "") list) | toJson -}}
{{- end -}}

{{- define "molino.ingressPath" -}}
/{{ trimAll "/" .path }}
{{- end -}}

{{/* Where a browser finds a component through its ingress; nothing where it has none, or no host of its own. */}}
{{- define "molino.ingressUrl" -}}
{{- $hosts := include "molino.ingressHosts" . | fromJsonArray -}}
{{- if and .enabled $hosts (first $hosts) -}}
{{- empty .tlsSecret | ternary "http" "https" }}://{{ first $hosts }}{{ include "molino.ingressPath" . | trimSuffix "/" }}
{{- end -}}
{{- end -}}
