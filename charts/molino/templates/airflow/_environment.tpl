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

{{/* Where people log in by an OpenID provider: what webserver_config.py of the Airflow image reads. */}}
{{- define "molino.airflowLogin" -}}
{{- if and .Values.oidc.enabled .Values.oidc.airflow.enabled -}}
{{- $own := dict "root" . "component" "airflow" -}}
{{- $config := .Values.oidc.config -}}
{{- $told := merge (dict "clientId" (include "molino.oidcClient" $own) "groups" .Values.oidc.airflow.roles) (pick $config "issuer" "scopes" "usernameClaim" "groupsClaim") }}
- {name: AIRFLOW__FAB__CONFIG_FILE, value: /opt/molino/webserver_config.py}
# The address of the ingress, by what that says in its headers: the provider sends browsers back there.
- {name: AIRFLOW__FAB__ENABLE_PROXY_FIX, value: "True"}
- {name: AIRFLOW__FAB__COOKIE_SECURE, value: {{ include "molino.oidcUrl" $own | hasPrefix "https://" | ternary "True" "False" | quote }}}
# An open page asks on and on, which keeps a session alive: it ends by the time since the login alone.
- {name: AIRFLOW__FAB__SESSION_MAX_LIFETIME_MINUTES, value: {{ divf $config.sessionSeconds 60 | ceil | int | toJson | quote }}}
- {name: MOLINO_OIDC, value: {{ toJson $told | quote }}}
{{- include "molino.secretEnv" (list .Values.oidc.auth.existingSecret (printf "MOLINO_OIDC_CLIENT_SECRET=%s" (include "molino.oidcSecretKey" $own))) }}
{{- end }}
{{- end -}}
