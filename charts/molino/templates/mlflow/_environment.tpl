{{/* What server.py of the MLflow image reads. */}}
{{- define "molino.mlflowEnvironment" -}}
{{- $component := dict "root" . "component" "mlflow" -}}
{{- $secret := include "molino.secretName" $component -}}
{{- $database := include "molino.databaseSecret" . -}}
{{- $names := list -}}
{{- range $end := list "" "." ".svc" ".svc.cluster.local" -}}
{{- $name := printf "%s%s" (include "molino.name" $component) (empty $end | ternary "" (printf ".%s%s" $.Release.Namespace (trimSuffix "." $end))) -}}
{{- $names = concat $names (list $name (printf "%s:*" $name)) -}}
{{- end -}}
- {name: HOME, value: /tmp}
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
# Workers for MLflow's own background jobs, each a process of hundreds of MB; Molino has none.
- {name: MLFLOW_SERVER_ENABLE_JOB_EXECUTION, value: "false"}
- {name: MOLINO_DATABASE_HOST, value: {{ include "molino.databaseHost" . | quote }}}
- {name: MOLINO_DATABASE_PORT, value: {{ include "molino.databasePort" . | quote }}}
- {name: MOLINO_DATABASE_SSLMODE, value: {{ .Values.database.sslmode | quote }}}
{{- with include "molino.databasePooler" . }}
- {name: MOLINO_DATABASE_POOLER, value: {{ . | quote }}}
{{- end }}
{{- with include "molino.serviceDatabaseLines" (dict "root" . "services" (list "mlflow" "mlflow-auth") "form" "- {name: %s, value: %s}") }}
{{ . }}
{{- end }}
{{- include "molino.databaseCaEnv" . }}
{{- include "molino.secretEnv" (list $database "MLFLOW_PASSWORD=mlflow-password" "MLFLOW_AUTH_PASSWORD=mlflow-auth-password") }}
{{- include "molino.secretEnv" (list $secret "MLFLOW_AUTH_ADMIN_USERNAME=username" "MLFLOW_AUTH_ADMIN_PASSWORD=password" "MLFLOW_FLASK_SERVER_SECRET_KEY=flask-secret-key") }}
{{- include "molino.s3Keys" (list . "mlflow" "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY") }}
- {name: AWS_DEFAULT_REGION, value: {{ .Values.s3.region | quote }}}
- {name: AWS_REQUEST_CHECKSUM_CALCULATION, value: when_required}
- {name: AWS_RESPONSE_CHECKSUM_VALIDATION, value: when_required}
- {name: MLFLOW_S3_ENDPOINT_URL, value: {{ include "molino.s3Endpoint" . | quote }}}
- {name: MOLINO_ARTIFACTS, value: {{ printf "s3://%s" .Values.s3.buckets.mlflow | quote }}}
- {name: MOLINO_WORKERS, value: {{ include "molino.text" .Values.mlflow.config.workers | quote }}}
- name: MOLINO_ALLOWED_HOSTS
  value: {{ concat $names .Values.mlflow.config.allowedHosts (include "molino.ingressHosts" .Values.mlflow.ingress | fromJsonArray | compact) (.Values.oidc.enabled | ternary (list (regexReplaceAll "^https?://|/.*$" .Values.oidc.mlflow.url "")) list | compact) | join "," | quote }}
{{- end -}}
