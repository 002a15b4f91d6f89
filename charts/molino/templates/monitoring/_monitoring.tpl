{{/* Name and labels of an object for Prometheus or Grafana. Wants root, component, name, labels: the user's own, which come before. */}}
{{- define "molino.watched" -}}
name: {{ .name }}
labels:
  {{- include "molino.over" (list (include "molino.labels" . | fromYaml) (include "molino.texts" .labels | fromJson)) | fromJson | toYaml | nindent 2 }}
{{- end -}}

{{/*
What gives metrics, as JSON: its component, the port of its pods, the path; `service` where it is found by its Service,
`key` where it is asked with serving's, `tls` where it speaks it, `honor` where labels of its own come before those of its pod.
*/}}
{{- define "molino.scraped" -}}
{{- $found := list -}}
{{- range $group := include "molino.servingGroups" . | fromJsonArray -}}
{{- $found = append $found (dict "component" $group.component "port" "http" "path" "/metrics" "service" true "key" true) -}}
{{- end -}}
{{- if .Values.minio.enabled -}}
{{- $found = append $found (dict "component" "minio" "port" "s3" "path" "/minio/v2/metrics/cluster" "service" true "tls" (ne .Values.minio.tlsSecret "")) -}}
{{- end -}}
{{- if and .Values.mlflow.enabled .Values.monitoring.mlflow.enabled -}}
{{- $found = append $found (dict "component" "mlflow" "port" "metrics" "path" "/metrics") -}}
{{- end -}}
{{- range include "molino.exporters" . | fromJsonArray -}}
{{- $found = append $found (dict "component" .component "port" "metrics" "path" "/metrics" "honor" (eq .component "kube-state-metrics")) -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/*
The alerts, for the namespace of the release, with what values change of single ones: charts/molino/monitoring/rules.yaml is
written for `molino`, and names runbooks by their path in the repository.
*/}}
{{- define "molino.alertingRules" -}}
{{- $rules := .Files.Get "monitoring/rules.yaml" | replace "namespace=\"molino\"" (printf "namespace=%q" .Release.Namespace) -}}
{{- $rules = replace "runbook_url: " (printf "runbook_url: %s" .Values.monitoring.rules.runbooks) $rules | fromYaml -}}
{{- $groups := list -}}
{{- range $group := $rules.groups -}}
{{- $kept := list -}}
{{- range $rule := $group.rules -}}
{{- $own := get ($.Values.monitoring.rules.alerts | default dict) ($rule.alert | default "") | default dict -}}
{{- if ne (toString $own.enabled) "false" -}}
{{- with $own.for -}}{{- $_ := set $rule "for" . -}}{{- end -}}
{{- with $own.severity -}}{{- $_ := set $rule.labels "severity" . -}}{{- end -}}
{{- if not (kindIs "invalid" $own.threshold) -}}
{{- $_ := set $rule "expr" (regexReplaceAll "[0-9.]+$" $rule.expr (include "molino.text" $own.threshold)) -}}
{{- end -}}
{{- $kept = append $kept $rule -}}
{{- end -}}
{{- end -}}
{{- $groups = append $groups (dict "name" $group.name "rules" $kept) -}}
{{- end -}}
{{- dict "groups" $groups | toYaml -}}
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
{{- range $part, $component := dict "pipelines" "pipeline-metrics" "airflow" "airflow-metrics" "postgres" "postgres-metrics" "kubernetes" "kube-state-metrics" -}}
{{- $there := or (has $part (list "postgres" "kubernetes")) $.Values.airflow.enabled -}}
{{- if and (index $.Values.monitoring $part).enabled $there -}}
{{- $found = append $found (dict "component" $component "of" (printf "monitoring.%s" $part) "replicas" 1) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* A PodMonitor of a component, as molino.serviceMonitor; its port is called metrics. Wants root, component, honor. */}}
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
      # Containers that users put beside it may have a port of this name too.
      relabelings: [{sourceLabels: [__meta_kubernetes_pod_container_init], regex: "true", action: drop}]
      {{- if .honor }}
      honorLabels: true
      {{- end }}
      {{- with $monitors.interval }}
      interval: {{ . | quote }}
      {{- end }}
{{- end -}}

{{/* The Deployment of what gives metrics. Wants root, component, of, pod: its spec as YAML, reads: what it reads at its start. */}}
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
    {{- $annotations := printf "checksum/config: %s" (.reads | default "" | sha256sum) }}
    {{- include "molino.podTemplate" (merge (dict "annotations" $annotations) .) | nindent 4 }}
{{- end -}}

{{/*
A StatefulSet with a volume, its files as a ConfigMap, and its Service. Wants root, component, of, pod: its spec as YAML, files
by name, port: called as the component, token: whether it asks the API server.
*/}}
{{- define "molino.watcher" -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
spec:
  serviceName: {{ include "molino.name" . }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "molino.selector" . | nindent 6 }}
  template:
    {{- include "molino.podTemplate" (merge (dict "annotations" (printf "checksum/config: %s" (toJson .files | sha256sum))) .) | nindent 4 }}
  {{- include "molino.dataClaim" . | nindent 2 }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
data:
  {{- range $name, $text := .files }}
  {{ $name }}: {{ $text | quote }}
  {{- end }}
---
{{ include "molino.service" (merge (dict "ports" (list (dict "name" .component "port" .port))) .) }}
{{- end -}}

{{/* A Role of a component, and its binding to the account of the component. Wants root, component, of, rules. */}}
{{- define "molino.rights" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "molino.name" . }}
subjects:
  - kind: ServiceAccount
    name: {{ (include "molino.account" . | fromJson).name | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end -}}
