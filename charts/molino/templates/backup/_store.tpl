{{- /* Where backups go, what logs in there, and the keys of what lies there. */}}
{{- define "molino.backupStore" -}}
{{- $v := .Values }}
{{- $destination := $v.backup.destination }}
- {name: MOLINO_BACKUP_STORE, value: {{ printf "s3://%s/%s" $destination.bucket ($destination.prefix | trimAll "/") | trimSuffix "/" | quote }}}
{{- if $destination.endpoint }}
- {name: MOLINO_BACKUP_S3_ENDPOINT, value: {{ $destination.endpoint | quote }}}
- {name: MOLINO_BACKUP_S3_REGION, value: {{ $destination.region | quote }}}
{{- include "molino.secretEnv" (list $v.backup.auth.existingSecret "MOLINO_BACKUP_S3_ACCESS_KEY=access-key" "MOLINO_BACKUP_S3_SECRET_KEY=secret-key") }}
{{- end }}
{{- with $v.backup.auth.encryptionSecret }}
{{- include "molino.secretEnv" (list . "MOLINO_BACKUP_KEY=encryption-key") }}
{{- end }}
{{- with $v.backup.auth.macSecret }}
{{- include "molino.secretEnv" (list . "MOLINO_BACKUP_MAC_KEY=mac-key") }}
{{- end }}
{{- end -}}
