{{/* What start.py of the Airflow image reads, and Airflow's own settings from ConfigMap and Secret. */}}
{{- define "molino.airflowEnvironment" -}}
{{- $secret := include "molino.secretName" (dict "root" . "component" "airflow") -}}
{{- $s3 := include "molino.s3Secret" . -}}
{{ include "molino.secretEnv" (dict "name" "AIRFLOW_PASSWORD" "secret" (include "molino.databaseSecret" .) "key" "airflow-password") }}
{{ include "molino.secretEnv" (dict "name" "AIRFLOW__CORE__FERNET_KEY" "secret" $secret "key" "fernet-key") }}
{{ include "molino.secretEnv" (dict "name" "AIRFLOW__API_AUTH__JWT_SECRET" "secret" $secret "key" "jwt-secret") }}
{{ include "molino.secretEnv" (dict "name" "AIRFLOW__API__SECRET_KEY" "secret" $secret "key" "api-secret-key") }}
{{ include "molino.secretEnv" (dict "name" "AWS_ACCESS_KEY_ID" "secret" $s3 "key" "airflow-access-key") }}
{{ include "molino.secretEnv" (dict "name" "AWS_SECRET_ACCESS_KEY" "secret" $s3 "key" "airflow-secret-key") }}
{{- include "molino.databaseCaEnv" . }}
{{- end -}}

{{/* Init container that holds a pod until the database is migrated. Wants root, parts: the values of the part. */}}
{{- define "molino.airflowWait" -}}
- name: wait-for-migration
  image: {{ include "molino.image" (dict "root" .root "component" "airflow") | quote }}
  args: [python, /opt/molino/start.py, wait]
  {{- include "molino.containerDefaults" . | nindent 2 }}
  env:
    {{- include "molino.airflowEnvironment" .root | nindent 4 }}
  envFrom:
    - configMapRef: {name: {{ include "molino.name" (dict "root" .root "component" "airflow") }}}
  resources:
    {{- include "molino.resources" .resources | nindent 4 }}
  volumeMounts:
    {{- include "molino.airflowMounts" . | nindent 4 }}
{{- end -}}

{{- define "molino.airflowMounts" -}}
- {name: home, mountPath: /home/molino}
- {name: tmp, mountPath: /tmp}
- {name: models, mountPath: /etc/molino/models, readOnly: true}
{{- include "molino.databaseCaMount" .root }}
{{- end -}}

{{- define "molino.airflowVolumes" -}}
- {name: home, emptyDir: {}}
- {name: tmp, emptyDir: {}}
- name: models
  configMap:
    name: {{ include "molino.name" (dict "root" .root "component" "models") }}
{{- include "molino.databaseCaVolume" .root }}
{{- end -}}
