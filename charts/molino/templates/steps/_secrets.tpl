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
{{- range $variable, $key := include "molino.noticeKeys" . | fromJson -}}
{{- $_ := set $places $variable (printf "%s/%s" $.Values.notices.auth.existingSecret $key) -}}
{{- end -}}
{{- toJson $places -}}
{{- end -}}

{{/* Keys of notices.auth.existingSecret that are wanted, by variable, as JSON. */}}
{{- define "molino.noticeKeys" -}}
{{- $v := .Values.notices -}}
{{- $keys := dict -}}
{{- if $v.enabled -}}
{{- if $v.webhook.enabled }}{{ $_ := set $keys "MOLINO_NOTICE_WEBHOOK" "webhook-url" }}{{ end -}}
{{- if $v.slack.enabled }}{{ $_ := set $keys "MOLINO_NOTICE_SLACK" "slack-url" }}{{ end -}}
{{- if and $v.mail.enabled $v.mail.login -}}
{{- $_ := set $keys "MOLINO_NOTICE_MAIL_USERNAME" "mail-username" -}}
{{- $_ := set $keys "MOLINO_NOTICE_MAIL_PASSWORD" "mail-password" -}}
{{- end -}}
{{- end -}}
{{- toJson $keys -}}
{{- end -}}

{{/* The same of each setting that is a file, which a step's pod mounts. */}}
{{- define "molino.stepSecretFiles" -}}
{{- $auth := .Values.steps.gitAuth -}}
{{- $places := dict -}}
{{- with $auth.sshKey }}{{ $_ := set $places "MOLINO_GIT_SSH_KEY" (printf "%s/%s" $auth.existingSecret .) }}{{ end -}}
{{- with $auth.credentials }}{{ $_ := set $places "MOLINO_GIT_CREDENTIALS" (printf "%s/%s" $auth.existingSecret .) }}{{ end -}}
{{- toJson $places -}}
{{- end -}}

{{/* Those files in a pod that Airflow doesn't make: variables, mounts and volumes. */}}
{{- define "molino.secretFileEnv" -}}
{{- range $variable, $_ := include "molino.stepSecretFiles" . | fromJson }}
- {name: {{ $variable }}, value: /etc/molino/secrets/{{ include "molino.secretFileName" $variable }}/content}
{{- end }}
{{- end -}}

{{- define "molino.secretFileMounts" -}}
{{- range $variable, $_ := include "molino.stepSecretFiles" . | fromJson }}
{{- $name := include "molino.secretFileName" $variable }}
- {name: {{ $name }}, mountPath: /etc/molino/secrets/{{ $name }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "molino.secretFileVolumes" -}}
{{- range $variable, $place := include "molino.stepSecretFiles" . | fromJson }}
{{- $words := splitList "/" $place }}
- name: {{ include "molino.secretFileName" $variable }}
  secret: {secretName: {{ first $words | quote }}, items: [{key: {{ last $words | quote }}, path: content}]}
{{- end }}
{{- end -}}

{{- define "molino.secretFileName" -}}
{{- . | lower | replace "_" "-" -}}
{{- end -}}
