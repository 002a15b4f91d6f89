{{- /* Whether the built-in Postgres' log is archived. */}}
{{- define "molino.archive" -}}
{{- if and .Values.postgres.enabled .Values.postgres.archive.enabled .Values.backup.enabled }}yes{{ end -}}
{{- end -}}

{{- /* A container that works with the archive. Wants root, name, args, mounts. */}}
{{- define "molino.archiveContainer" -}}
{{- $v := .root.Values -}}
name: {{ .name }}
image: {{ include "molino.stepImage" (dict "root" .root "step" "deploy") | quote }}
args: {{ toJson .args }}
env:
  - {name: MOLINO_S3_ENDPOINT, value: {{ include "molino.s3Endpoint" .root | quote }}}
  - {name: MOLINO_S3_REGION, value: {{ $v.s3.region | quote }}}
  {{- include "molino.backupStore" .root | nindent 2 }}
  {{- if not $v.backup.destination.endpoint }}
  {{- include "molino.s3Keys" (list .root "archive" "MOLINO_S3_ACCESS_KEY" "MOLINO_S3_SECRET_KEY") | nindent 2 }}
  {{- end }}
resources:
  {{- include "molino.resources" $v.postgres.archive.resources | nindent 2 }}
volumeMounts:
  {{- toYaml .mounts | nindent 2 }}
{{- end -}}

{{- /* Makes a base backup, and puts it into the archive. Wants the root. */}}
{{- define "molino.basePod" -}}
{{- $dumps := dict "name" "dumps" "mountPath" "/dumps" }}
restartPolicy: Never
initContainers:
  - name: database
    image: {{ include "molino.image" (dict "root" . "component" "postgres") | quote }}
    command:
      - bash
      - -c
      - |
        {{- include "molino.postgresClientScript" . | nindent 8 }}
        pg_basebackup --pgdata=/dumps/base --format=tar --gzip --wal-method=none --checkpoint=fast --no-password
        psql --no-psqlrc --tuples-only --no-align --dbname=postgres --output=/dumps/base/system_identifier \
          --command='SELECT system_identifier FROM pg_control_system()'
    env:
      {{- include "molino.postgresClientEnv" . | nindent 6 }}
      - {name: PGUSER, value: postgres}
      {{- include "molino.secretEnv" (list (include "molino.databaseSecret" .) "PGPASSWORD=postgres-password") | nindent 6 }}
    resources:
      {{- include "molino.resources" .Values.postgres.archive.resources | nindent 6 }}
    volumeMounts:
      - {{ toJson $dumps }}
      {{- include "molino.databaseCaMount" . | nindent 6 }}
containers:
  - {{- include "molino.archiveContainer" (dict "root" . "name" "archive" "args" (list "archive" "base" "/dumps/base" "--keep" (include "molino.text" .Values.postgres.archive.keep)) "mounts" (list $dumps (dict "name" "tmp" "mountPath" "/tmp"))) | nindent 4 }}
volumes:
  - name: tmp
    emptyDir: {}
  - name: dumps
    emptyDir: {}
  {{- include "molino.databaseCaVolume" . | nindent 2 }}
{{- end -}}
