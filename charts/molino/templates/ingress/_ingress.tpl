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

{{/* The paths of models that are served apart, as the longer ones they go before that of all else. Wants root, path. */}}
{{- define "molino.groupPaths" -}}
{{- $places := include "molino.servingPlaces" .root | fromJson }}
{{- range $model := keys $places | sortAlpha }}
{{- range $above := list "models" "v2/models" }}
- path: {{ printf "%s/%s/%s" (trimSuffix "/" $.path) $above $model | quote }}
  pathType: Prefix
  backend:
    service:
      name: {{ (index $places $model).deployment }}
      port: {name: http}
{{- end }}
{{- end }}
{{- end -}}
