{{/* Name and labels of an object for Prometheus or Grafana. Wants root, component, name, labels: the user's own. */}}
{{- define "molino.watched" -}}
name: {{ .name }}
labels:
  {{- include "molino.labels" . | nindent 2 }}
  {{- with include "molino.texts" .labels | fromJson }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/*
A ServiceMonitor of a component, whose `job` in Prometheus is the component. Wants root, component, port, path, and as it
needs it authorization: YAML.
*/}}
{{- define "molino.serviceMonitor" -}}
{{- $monitors := .root.Values.monitoring.monitors -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "molino.watched" (merge (dict "name" (include "molino.name" .) "labels" $monitors.labels) .) | nindent 2 }}
spec:
  jobLabel: app.kubernetes.io/component
  selector:
    matchLabels:
      {{- include "molino.selector" . | nindent 6 }}
  endpoints:
    - port: {{ .port }}
      path: {{ .path }}
      {{- with $monitors.interval }}
      interval: {{ . | quote }}
      {{- end }}
      {{- with .authorization }}
      authorization:
        {{- . | nindent 8 }}
      {{- end }}
{{- end -}}
