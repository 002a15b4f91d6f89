{{- /* How a script begins that asks Postgres by its own programs, and what tells them where it is. Both want the root. */}}
{{- define "molino.postgresClientScript" -}}
set -eu
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')"
# A network plugin may learn of this pod only now, and Postgres may be starting.
for second in $(seq 60); do
  if pg_isready --quiet; then break; fi
  sleep 1
done
{{- end -}}
{{- define "molino.postgresClientEnv" -}}
{{- /* Where each service has its own host, scripts name it; the first is waited for. */}}
- {name: PGHOST, value: {{ include "molino.databaseHost" . | default (include "molino.serviceDatabase" (dict "root" . "service" (include "molino.databaseUsers" . | fromJsonArray | last)) | fromJson).host | quote }}}
- {name: PGPORT, value: {{ include "molino.databasePort" . | quote }}}
- {name: PGSSLMODE, value: {{ .Values.database.sslmode | quote }}}
{{- include "molino.databaseCaEnv" . }}
{{- end -}}
