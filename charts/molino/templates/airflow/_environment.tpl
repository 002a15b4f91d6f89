{{/* What start.py of the Airflow image reads, and Airflow's own settings from ConfigMap and Secret. */}}
{{- define "molino.airflowEnvironment" -}}
{{- $secret := include "molino.secretName" (dict "root" . "component" "airflow") -}}
{{- include "molino.secretEnv" (list (include "molino.databaseSecret" .) "AIRFLOW_PASSWORD=airflow-password") }}
{{- include "molino.secretEnv" (list $secret "AIRFLOW__CORE__FERNET_KEY=fernet-key" "AIRFLOW__API_AUTH__JWT_SECRET=jwt-secret" "AIRFLOW__API__SECRET_KEY=api-secret-key") }}
{{- include "molino.s3Keys" (list . "airflow" "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY") }}
{{- include "molino.databaseCaEnv" . }}
{{- end -}}

{{/* Where a pod whose account may ask for the model files of the values finds them. */}}
{{- define "molino.modelsEnv" -}}
- name: MOLINO_MODELS_CONFIG_MAP
  value: {{ printf "%s/%s" .Release.Namespace (include "molino.name" (dict "root" . "component" "models")) | quote }}
{{- end -}}

{{/* Init container that holds a pod until the database is migrated. Wants root, parts: the values of the part. */}}
{{- define "molino.airflowWait" -}}
- name: wait-for-migration
  image: {{ include "molino.image" (dict "root" .root "component" "airflow") | quote }}
  args: [python, /opt/molino/start.py, wait]
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
