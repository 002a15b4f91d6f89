{{/* Which key of which Secret each secret setting of a step comes from: `VARIABLE: secret/key`, as JSON. */}}
{{- define "molino.stepSecrets" -}}
{{- $s3 := include "molino.s3Secret" . -}}
{{- $mlflow := include "molino.secretName" (dict "root" . "component" "mlflow") -}}
{{- $places := dict
  "MOLINO_MLFLOW_USERNAME" (printf "%s/username" $mlflow)
  "MOLINO_MLFLOW_PASSWORD" (printf "%s/password" $mlflow) -}}
{{- if not .Values.s3.auth.workloadIdentity -}}
{{- $_ := set $places "MOLINO_S3_ACCESS_KEY" (printf "%s/steps-access-key" $s3) -}}
{{- $_ := set $places "MOLINO_S3_SECRET_KEY" (printf "%s/steps-secret-key" $s3) -}}
{{- end -}}
{{- if .Values.serving.enabled -}}
{{- $_ := set $places "MOLINO_API_KEY" (printf "%s/api-key" (include "molino.secretName" (dict "root" . "component" "serving"))) -}}
{{- end -}}
{{- toJson $places -}}
{{- end -}}

{{/* The same of each setting that is a file, which a step's pod mounts. */}}
{{- define "molino.stepSecretFiles" -}}
{{- $auth := .Values.steps.gitAuth -}}
{{- $places := dict -}}
{{- with $auth.sshKey }}{{ $_ := set $places "MOLINO_GIT_SSH_KEY" (printf "%s/%s" $auth.existingSecret .) }}{{ end -}}
{{- with $auth.credentials }}{{ $_ := set $places "MOLINO_GIT_CREDENTIALS" (printf "%s/%s" $auth.existingSecret .) }}{{ end -}}
{{- toJson $places -}}
{{- end -}}
