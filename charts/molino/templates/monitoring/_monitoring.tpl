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
A ServiceMonitor of a component, whose `job` in Prometheus is the component. Wants root, component, endpoint.
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
    - {{ toYaml .endpoint | nindent 6 | trim }}
      {{- with $monitors.interval }}
      interval: {{ . | quote }}
      {{- end }}
{{- end -}}

{{/* The pods that give the metrics of others, as JSON: the component of their labels, and `of`: where their values are. */}}
{{- define "molino.exporters" -}}
{{- $found := list -}}
{{- range $part, $component := dict "pipelines" "pipeline-metrics" "airflow" "airflow-metrics" "postgres" "postgres-metrics" -}}
{{- $there := or (eq $part "postgres") $.Values.airflow.enabled -}}
{{- if and (index $.Values.monitoring $part).enabled $there -}}
{{- $found = append $found (dict "component" $component "of" (printf "monitoring.%s" $part) "replicas" 1) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* A PodMonitor of a component, as molino.serviceMonitor; its port is called metrics. Wants root, component. */}}
{{- define "molino.podMonitor" -}}
{{- $monitors := .root.Values.monitoring.monitors -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  {{- include "molino.watched" (merge (dict "name" (include "molino.name" .) "labels" $monitors.labels) .) | nindent 2 }}
spec:
  jobLabel: app.kubernetes.io/component
  selector:
    matchLabels:
      {{- include "molino.selector" . | nindent 6 }}
  podMetricsEndpoints:
    - port: metrics
      path: /metrics
      {{- with $monitors.interval }}
      interval: {{ . | quote }}
      {{- end }}
{{- end -}}

{{/* The Deployment of what gives metrics. Wants root, component, of, pod: its spec as YAML, config: what it is started by. */}}
{{- define "molino.exporter" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
spec:
  replicas: 1
  selector:
    matchLabels:
      {{- include "molino.selector" . | nindent 6 }}
  template:
    {{- $annotations := printf "checksum/config: %s" (.config | default "" | sha256sum) }}
    {{- include "molino.podTemplate" (merge (dict "annotations" $annotations) .) | nindent 4 }}
{{- end -}}
