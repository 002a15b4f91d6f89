{{/* Secrets that the External Secrets Operator makes. */}}

{{/* An external database, S3 and MLflow have theirs under a name of the chart, where none is given. */}}
{{- define "molino.prepareExternalSecrets" -}}
{{- if .Values.externalSecrets.enabled -}}
{{- range $part, $section := dict "postgres" "database" "minio" "s3" "mlflow" "mlflow" -}}
{{- $auth := (index $.Values $section).auth -}}
{{- if and (not (index $.Values $part).enabled) (not $auth.existingSecret) -}}
{{- $_ := set $auth "existingSecret" (include "molino.name" (dict "root" $ "component" $section)) -}}
{{- $_ := set $auth "isExternal" true -}}
{{- end -}}
{{- end -}}
{{- $login := .Values.oidc.auth -}}
{{- if and .Values.oidc.enabled (not $login.existingSecret) -}}
{{- $_ := set $login "existingSecret" (include "molino.name" (dict "root" $ "component" "oidc")) -}}
{{- $_ := set $login "isExternal" true -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Keys that the parts that are on want of what is outside, as JSON: of database, s3 and mlflow. */}}
{{- define "molino.keysOutside" -}}
{{- $s3 := list -}}
{{- range keys (include "molino.s3Rights" . | fromJson) | sortAlpha }}{{ $s3 = concat $s3 (list (printf "%s-access-key" .) (printf "%s-secret-key" .)) }}{{ end -}}
{{- $database := list -}}
{{- range include "molino.databaseUsers" . | fromJsonArray | rest }}{{ $database = append $database (printf "%s-password" .) }}{{ end -}}
{{- $mlflow := .Values.airflow.enabled | ternary (list "username" "password") list -}}
{{- dict "database" $database "s3" $s3 "mlflow" $mlflow | toJson -}}
{{- end -}}

{{/* What the operator makes a component's Secret of. Wants root, component, keys. */}}
{{- define "molino.externalSecret" -}}
{{- $external := .root.Values.externalSecrets -}}
{{- $entry := printf "%s%s" $external.prefix .component -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
spec:
  refreshInterval: {{ $external.refreshInterval | quote }}
  secretStoreRef:
    kind: {{ $external.storeKind }}
    name: {{ $external.store | quote }}
  target:
    name: {{ include "molino.name" . }}
    creationPolicy: Owner
  data:
    {{- range .keys }}
    - secretKey: {{ . | quote }}
      remoteRef:
        key: {{ $entry | quote }}
        property: {{ . | quote }}
    {{- end }}
{{- end -}}
