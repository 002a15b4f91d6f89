{{/*
Whether there is a cluster to ask; with `helm template` and Argo CD there is none. A namespace that is made after this, by
`--create-namespace`, has no service account yet: then the cluster is told by the namespace that each has.
*/}}
{{- define "molino.cluster" -}}
{{- if or (lookup "v1" "ServiceAccount" .Release.Namespace "default") (lookup "v1" "Namespace" "" "default") -}}true{{- end -}}
{{- end -}}

{{/*
A password that is made once: what the values say, else what the Secret of an earlier install holds, else a new one. Nothing
where no cluster can be asked, and each rendering would make another: a Job of the chart makes it then.
*/}}
{{- define "molino.password" -}}
{{- $held := (lookup "v1" "Secret" .root.Release.Namespace .secret).data | default dict -}}
{{- if .given -}}
{{- .given | b64enc -}}
{{- else if hasKey $held .key -}}
{{- index $held .key -}}
{{- else if include "molino.cluster" .root -}}
{{- $made := randAlphaNum 32 | b64enc -}}
{{- /* Fernet wants its 32 bytes in base64. */ -}}
{{- eq .key "fernet-key" | ternary ($made | b64enc) $made -}}
{{- end -}}
{{- end -}}

{{/* An annotation of pods that read a password of a component at their start: another one starts them anew. */}}
{{- define "molino.authChecksum" -}}
checksum/auth: {{ (index .root.Values .component).auth | toJson | sha256sum }}
{{- end -}}

{{/*
The Secret of a component that brings none of its own. Wants root, component, plain: what it holds as it is, made: passwords
by key, made once where they are empty. Those that a Job is to make are named in an annotation. A store of one's own is asked
for those keys alone that parts which are on want: wanted, where these aren't all.
*/}}
{{- define "molino.secret" -}}
{{- if .root.Values.externalSecrets.enabled -}}
{{- include "molino.externalSecret" (dict "root" .root "component" .component "keys" (.wanted | default (concat (keys (.plain | default dict)) (keys .made)) | sortAlpha)) -}}
{{- else -}}
{{- include "molino.ownSecret" . -}}
{{- end -}}
{{- end -}}

{{- define "molino.ownSecret" -}}
{{- $name := include "molino.name" . -}}
{{- $made := dict -}}
{{- $left := list -}}
{{- range $key, $given := .made -}}
{{- $password := include "molino.password" (dict "root" $.root "secret" $name "key" $key "given" $given) -}}
{{- if $password }}{{ $_ := set $made $key $password }}{{ else }}{{ $left = append $left $key }}{{ end -}}
{{- end -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ $name }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
    {{- with $left }}
    molino.dev/made-in-the-cluster: {{ join "," . }}
    {{- end }}
data:
  {{- range $key, $value := .plain }}
  {{ $key }}: {{ $value | b64enc }}
  {{- end }}
  {{- range $key, $value := $made }}
  {{ $key }}: {{ $value }}
  {{- end }}
  {{- if not (or .plain $made) }} {}{{ end }}
{{- end -}}

{{/* Environment variables that come from a Secret: a list of its name and of each VARIABLE=key. */}}
{{- define "molino.secretEnv" -}}
{{- $secret := first . -}}
{{- range rest . }}
{{- $words := splitList "=" . }}
- name: {{ first $words | quote }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret | quote }}
      key: {{ last $words | quote }}
{{- end }}
{{- end -}}

{{/* Variables with a service's keys of the object storage; none where its account stands for them. Wants a list: root, service,
and the names of the two variables. */}}
{{- define "molino.s3Keys" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- if not $root.Values.s3.auth.workloadIdentity }}
{{- include "molino.secretEnv" (list (include "molino.s3Secret" $root) (printf "%s=%s-access-key" (index . 2) $service) (printf "%s=%s-secret-key" (index . 3) $service)) }}
{{- else if hasPrefix "MOLINO_" (index . 2) }}
- {name: MOLINO_S3_IDENTITY, value: "true"}
{{- end }}
{{- end -}}

{{/* Host, port and Secret of the database server, built in or external; no host where each service has its own. */}}
{{- define "molino.databaseHost" -}}
{{- .Values.postgres.enabled | ternary (include "molino.name" (dict "root" . "component" "postgres")) .Values.database.host -}}
{{- end -}}
{{- define "molino.databasePort" -}}
{{- .Values.postgres.enabled | ternary .Values.postgres.service.port .Values.database.port -}}
{{- end -}}
{{/* Host and port of what shares connections to it; nothing where nothing does. */}}
{{- define "molino.databasePooler" -}}
{{- with .Values.pgbouncer }}{{ if .enabled }}{{ include "molino.name" (dict "root" $ "component" "pgbouncer") }}:{{ .service.port | toJson }}{{ end }}{{ end -}}
{{- end -}}
{{- define "molino.databaseSecret" -}}
{{- if .Values.postgres.enabled -}}
{{- include "molino.secretName" (dict "root" . "component" "postgres") -}}
{{- else -}}
{{- .Values.database.auth.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* What database.services says of a service, as JSON. Wants root, service: airflow, mlflow or mlflow-auth. */}}
{{- define "molino.ownDatabase" -}}
{{- index .root.Values.database.services (camelcase (replace "-" "_" .service) | untitle) | toJson -}}
{{- end -}}

{{/* A service's database, as JSON: host, user, name. Wants root, service. */}}
{{- define "molino.serviceDatabase" -}}
{{- $own := include "molino.ownDatabase" . | fromJson -}}
{{- $word := replace "-" "_" .service -}}
{{- dict "host" ($own.host | default (include "molino.databaseHost" .root)) "user" ($own.user | default $word) "name" ($own.name | default $word) | toJson -}}
{{- end -}}

{{/*
Lines of variables that say where services' databases are another than the images take them for. Wants root, services, and
form: how a line has a name and its value, as `%s: %s`.
*/}}
{{- define "molino.serviceDatabaseLines" -}}
{{- $lines := list -}}
{{- range $service := .services -}}
{{- range $key, $value := include "molino.ownDatabase" (dict "root" $.root "service" $service) | fromJson -}}
{{- $name := printf "MOLINO_DATABASE_%s_%s" (replace "-" "_" $service | upper) (upper $key) -}}
{{- if $value }}{{ $lines = append $lines (printf $.form $name (quote $value)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}

{{/* Those who log in at the built-in Postgres, by the parts that are on, as JSON. */}}
{{- define "molino.databaseUsers" -}}
{{- $users := list "postgres" -}}
{{- if .Values.airflow.enabled }}{{ $users = append $users "airflow" }}{{ end -}}
{{- if .Values.mlflow.enabled }}{{ $users = concat $users (list "mlflow" "mlflow-auth") }}{{ end -}}
{{- toJson $users -}}
{{- end -}}

{{/* What each part that is on may do in the object storage, as JSON: `actions`, `bucket`, and a `prefix`. */}}
{{- define "molino.s3Rights" -}}
{{- $v := .Values -}}
{{- $buckets := $v.s3.buckets -}}
{{- $rights := dict -}}
{{- if $v.airflow.enabled }}
{{- $steps := list -}}
{{- range list $buckets.store $buckets.dvc $buckets.git }}{{ $steps = append $steps (dict "actions" "readwrite" "bucket" .) }}{{ end -}}
{{- $_ := set $rights "steps" $steps }}
{{- $_ := set $rights "airflow" (list (dict "actions" "readwrite" "bucket" $buckets.logs)) }}
{{- if $v.monitoring.pipelines.enabled }}{{ $_ := set $rights "pipeline-metrics" (list (dict "actions" "read" "bucket" $buckets.store "prefix" "runs/")) }}{{ end -}}
{{- end }}
{{- if $v.mlflow.enabled }}{{ $_ := set $rights "mlflow" (list (dict "actions" "readwrite" "bucket" $buckets.mlflow)) }}{{ end -}}
{{- if $v.serving.enabled }}{{ $_ := set $rights "serving" (list (dict "actions" "read" "bucket" $buckets.store "prefix" "releases/")) }}{{ end -}}
{{- if $v.tensorboard.enabled }}{{ $_ := set $rights "tensorboard" (list (dict "actions" "read" "bucket" $buckets.store "prefix" "tensorboard/")) }}{{ end -}}
{{- if $v.backup.enabled }}
{{- $all := list -}}
{{- $places := values $buckets -}}
{{- if not $v.backup.destination.endpoint }}{{ $places = append $places $v.backup.destination.bucket }}{{ end -}}
{{- range $places | uniq | sortAlpha }}{{ $all = append $all (dict "actions" "readwrite" "bucket" .) }}{{ end -}}
{{- $_ := set $rights "backup" $all }}
{{- if and (include "molino.archive" $) (not $v.backup.destination.endpoint) }}
{{- $_ := set $rights "archive" (list (dict "actions" "readwrite" "bucket" $v.backup.destination.bucket "prefix" (printf "%s/postgres/" ($v.backup.destination.prefix | trimAll "/") | trimPrefix "/"))) }}
{{- end }}
{{- end -}}
{{- toJson $rights -}}
{{- end -}}

{{/* By which scheme the built-in MinIO is asked, at its console too. */}}
{{- define "molino.minioScheme" -}}
{{- empty .Values.minio.tlsSecret | ternary "http" "https" -}}
{{- end -}}

{{/* URL and Secret of the object storage, built in or external. */}}
{{- define "molino.s3Endpoint" -}}
{{- if .Values.minio.enabled -}}
{{ include "molino.minioScheme" . }}://{{ include "molino.name" (dict "root" . "component" "minio") }}:{{ .Values.minio.service.port | toJson }}
{{- else -}}
{{- .Values.s3.endpoint -}}
{{- end -}}
{{- end -}}
{{- define "molino.s3Secret" -}}
{{- if .Values.minio.enabled -}}
{{- include "molino.secretName" (dict "root" . "component" "minio") -}}
{{- else -}}
{{- .Values.s3.auth.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* URL of MLflow, built in or external. */}}
{{- define "molino.mlflowUrl" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "molino.name" (dict "root" . "component" "mlflow") }}:{{ .Values.mlflow.service.port | toJson }}
{{- else -}}
{{- .Values.mlflow.externalUrl -}}
{{- end -}}
{{- end -}}
