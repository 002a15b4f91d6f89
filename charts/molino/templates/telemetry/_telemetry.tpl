{{/* The URL to which steps and Airflow send traces; nothing where they are off. */}}
{{- define "molino.otlpEndpoint" -}}
{{- $telemetry := .Values.telemetry -}}
{{- if $telemetry.traces -}}
{{- $own := printf "http://%s:4318" (include "molino.name" (dict "root" . "component" "collector")) -}}
{{- if not (or $telemetry.endpoint $telemetry.collector.enabled) -}}
{{- fail "telemetry.traces: nobody takes them: set telemetry.endpoint or telemetry.collector.enabled" -}}
{{- end -}}
{{- $telemetry.collector.enabled | ternary $own $telemetry.endpoint -}}
{{- end -}}
{{- end -}}

{{/* The exporters of a kind of data, as JSON: those of its values, else the one to telemetry.endpoint. Wants root, kind. */}}
{{- define "molino.exportersOf" -}}
{{- $given := index .root.Values.telemetry.collector .kind -}}
{{- if and (not $given) .root.Values.telemetry.endpoint -}}
{{- $given = dict "otlp_http" (dict "endpoint" .root.Values.telemetry.endpoint) -}}
{{- end -}}
{{- if not $given -}}
{{- fail (printf "telemetry.collector.%s: it is to go nowhere: name an exporter, or set telemetry.endpoint" .kind) -}}
{{- end -}}
{{- $named := dict -}}
{{- range $name, $exporter := $given }}{{ $_ := set $named (printf "%s/%s" (first (splitList "/" $name)) (printf "%s-%s" $.kind (last (splitList "/" $name)))) $exporter }}{{ end -}}
{{- toJson $named -}}
{{- end -}}

{{- define "molino.telemetryConfig" -}}
{{- $collector := .Values.telemetry.collector -}}
{{- $traces := include "molino.exportersOf" (dict "root" . "kind" "traces") | fromJson -}}
{{- $logs := dict -}}
{{- if $collector.podLogs }}{{ $logs = include "molino.exportersOf" (dict "root" . "kind" "logs") | fromJson }}{{ end -}}
receivers:
  otlp:
    protocols:
      http: {endpoint: ":4318"}
  {{- if $collector.podLogs }}
  file_log:
    include: [{{ printf "/var/log/pods/%s_*/*/*.log" .Release.Namespace | quote }}]
    # The collector's own would feed themselves.
    exclude: [{{ printf "/var/log/pods/%s_%s-*/*/*.log" .Release.Namespace (include "molino.name" (dict "root" . "component" "collector")) | quote }}]
    include_file_path: true
    start_at: beginning
    storage: file_storage
    operators:
      # Pod, container, namespace and time, by the path and the form of the node's runtime.
      - {type: container}
      # What isn't JSON stays as it is.
      - {type: json_parser, if: 'body matches "^{"', parse_to: attributes, on_error: send_quiet}
      - {type: trace_parser, if: 'attributes.trace_id != nil and attributes.span_id != nil', trace_id: {parse_from: attributes.trace_id}, span_id: {parse_from: attributes.span_id}, on_error: send_quiet}
      - {type: severity_parser, if: 'attributes.level != nil', parse_from: attributes.level, mapping: {fatal: critical}, on_error: send_quiet}
  {{- end }}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 20}
  batch: {timeout: 2s}
exporters:
  {{- toYaml (merge (dict) $traces $logs) | nindent 2 }}
{{- if $collector.podLogs }}
extensions:
  # How far each file is read, through restarts.
  file_storage: {directory: /var/lib/molino-collector}
{{- end }}
service:
  telemetry:
    metrics: {level: none}
  {{- if $collector.podLogs }}
  extensions: [file_storage]
  {{- end }}
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, batch], exporters: {{ keys $traces | sortAlpha | toJson }}}
    {{- if $collector.podLogs }}
    logs: {receivers: [file_log], processors: [memory_limiter, batch], exporters: {{ keys $logs | sortAlpha | toJson }}}
    {{- end }}
{{- end -}}

{{- define "molino.collectorPod" -}}
{{- $collector := .Values.telemetry.collector }}
containers:
  - name: collector
    image: {{ include "molino.imageAddress" (dict "root" . "image" $collector.image) | quote }}
    args: [--config=/etc/molino/collector.yaml]
    ports:
      - {name: otlp, containerPort: 4318}
    readinessProbe:
      tcpSocket: {port: otlp}
    livenessProbe:
      tcpSocket: {port: otlp}
      periodSeconds: 30
    {{- if $collector.podLogs }}
    # Nodes keep the logs for root alone.
    securityContext: {runAsNonRoot: false, runAsUser: 0}
    {{- end }}
    resources:
      {{- include "molino.resources" $collector.resources | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/molino, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if $collector.podLogs }}
      - {name: pod-logs, mountPath: /var/log/pods, readOnly: true}
      - {name: places, mountPath: /var/lib/molino-collector}
      {{- end }}
volumes:
  - {name: tmp, emptyDir: {}}
  - name: config
    configMap:
      name: {{ include "molino.name" (dict "root" . "component" "collector") }}
  {{- if $collector.podLogs }}
  - name: pod-logs
    hostPath: {path: {{ $collector.podLogsDir | quote }}, type: Directory}
  - name: places
    hostPath: {path: {{ printf "/var/lib/molino-collector-%s-%s" .Release.Namespace (include "molino.base" .) | quote }}, type: DirectoryOrCreate}
  {{- end }}
{{- end -}}
