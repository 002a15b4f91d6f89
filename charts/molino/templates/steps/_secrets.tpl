{{/* Which key of which Secret each secret setting of a step comes from: `VARIABLE: secret/key`. */}}
{{- define "molino.stepSecrets" -}}
{{- $s3 := include "molino.s3Secret" . -}}
{{- $mlflow := include "molino.secretName" (dict "root" . "component" "mlflow") -}}
MOLINO_S3_ACCESS_KEY: {{ $s3 }}/steps-access-key
MOLINO_S3_SECRET_KEY: {{ $s3 }}/steps-secret-key
MOLINO_MLFLOW_USERNAME: {{ $mlflow }}/username
MOLINO_MLFLOW_PASSWORD: {{ $mlflow }}/password
MOLINO_API_KEY: {{ include "molino.secretName" (dict "root" . "component" "serving") }}/api-key
{{- end -}}

{{/* The same of each setting that is a file, which a step's pod mounts. */}}
{{- define "molino.stepSecretFiles" -}}
{{- $auth := .Values.steps.gitAuth -}}
{{- with $auth.sshKey }}
MOLINO_GIT_SSH_KEY: {{ $auth.existingSecret }}/{{ . }}
{{- end }}
{{- with $auth.credentials }}
MOLINO_GIT_CREDENTIALS: {{ $auth.existingSecret }}/{{ . }}
{{- end }}
{{- end -}}
