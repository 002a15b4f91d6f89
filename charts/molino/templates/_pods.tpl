{{/* What every pod and container of the chart shares. */}}

{{/*
A pod template: what is a component's own, in what all pods have, and with what users give it. Wants root, component, pod:
its spec as YAML, and as it needs them of: the path of the values that are its own, where that isn't component,
annotations: YAML, token, replicated: whether it may have replicas, spread: whether it has.
*/}}
{{- define "molino.podTemplate" -}}
{{- $place := dict "root" .root "of" (.of | default .component) -}}
metadata:
  labels:
    {{- include "molino.podLabels" . | nindent 4 }}
    {{- with include "molino.podMarks" (merge $place (dict "key" "labels")) | fromJson }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $marks := include "molino.podMarks" (set $place "key" "annotations") | fromJson }}
  {{- with include "molino.over" (list $marks (.annotations | default "{}" | fromYaml)) | fromJson }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "molino.podSpec" . | nindent 2 }}
{{- end -}}

{{/* The spec of a pod; wants what molino.podTemplate wants. */}}
{{- define "molino.podSpec" -}}
{{- $of := .of | default .component -}}
{{- $pod := include "molino.yaml" .pod | fromJson -}}
{{- $env := include "molino.networkEnv" .root | fromJson -}}
{{- $ca := .root.Values.network.caConfigMap -}}
{{- if $ca -}}
{{- $_ := set $pod "volumes" (append ($pod.volumes | default list) (dict "name" "ca" "configMap" (dict "name" $ca))) -}}
{{- end -}}
{{- with .root.Values.emptyDirs.sizeLimit -}}
{{- $limit := . -}}
{{- range $volume := $pod.volumes -}}
{{- if hasKey $volume "emptyDir" }}{{ $_ := set $volume.emptyDir "sizeLimit" $limit }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $container := concat ($pod.initContainers | default list) $pod.containers -}}
{{- $variables := .env | default list -}}
{{- range $name, $value := $env }}{{ $variables = append $variables (dict "name" $name "value" $value) }}{{ end -}}
{{- if $variables }}{{ $_ := set . "env" $variables }}{{ end -}}
{{- if $ca -}}
{{- $_ := set . "volumeMounts" (append (.volumeMounts | default list) (dict "name" "ca" "mountPath" "/etc/molino-ca" "readOnly" true)) -}}
{{- end -}}
{{- /* What a template has left without entries is null, which Kubernetes' schemas refuse. */ -}}
{{- range $key, $value := . }}{{ if kindIs "invalid" $value }}{{ $_ := unset $container $key }}{{ end }}{{ end -}}
{{- $_ := merge . (include "molino.containerDefaults" $ | fromYaml) -}}
{{- end -}}
{{- $account := (include "molino.account" (dict "root" .root "of" $of) | fromJson).name -}}
{{- if and (not $pod.serviceAccountName) (or (ne $account "default") (hasPrefix "airflow.parts." $of)) }}{{ $_ := set $pod "serviceAccountName" $account }}{{ end -}}
{{- $pod = merge $pod (include "molino.podDefaults" . | fromYaml) -}}
{{- $place := dict "root" .root "component" .component "of" $of "pod" (toJson $pod) -}}
{{- include "molino.withValues" $place | fromJson | toYaml -}}
{{- end -}}

{{- define "molino.podDefaults" -}}
automountServiceAccountToken: {{ .token | default false }}
{{- /* The variables that Kubernetes makes of Services, such as MOLINO_SERVING_PORT, are no settings. */}}
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- if .root.Values.podSecurity.fixedUser }}
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- if .replicated }}
{{- /* Replicas go to different nodes, where there are such. */}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "molino.selector" . | nindent 14 }}
{{- end }}
{{- if .spread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    {{- /* Those of the version before don't count while it is replaced. */}}
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "molino.selector" . | nindent 8 }}
{{- end }}
{{- end -}}

{{/*
Variables of every container by name, as JSON: proxies, in the two spellings that programs know, what is asked without them,
and the file of authorities under the names that the libraries know it by.
*/}}
{{- define "molino.networkEnv" -}}
{{- $network := .Values.network -}}
{{- $env := dict -}}
{{- range $name, $proxy := dict "HTTP_PROXY" $network.httpProxy "HTTPS_PROXY" $network.httpsProxy -}}
{{- if $proxy }}{{ $_ := set $env $name $proxy }}{{ $_ := set $env (lower $name) $proxy }}{{ end -}}
{{- end -}}
{{- if $env -}}
{{- $without := list "localhost" "127.0.0.1" "::1" ".svc" ".cluster.local" "$(KUBERNETES_SERVICE_HOST)" -}}
{{- /* All that there may be: a part that is switched on starts no pod of the others anew. */ -}}
{{- range list "postgres" "minio" "mlflow" "tensorboard" "serving" "airflow-api-server" "collector" "pipeline-metrics" "airflow-metrics" "postgres-metrics" "kube-state-metrics" "prometheus" "alertmanager" "oidc" -}}
{{- $without = append $without (include "molino.name" (dict "root" $ "component" .)) -}}
{{- end -}}
{{- $without = concat $without (list $network.noProxy) | compact | join "," -}}
{{- $_ := set $env "NO_PROXY" $without -}}
{{- $_ := set $env "no_proxy" $without -}}
{{- end -}}
{{- if $network.caConfigMap -}}
{{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "CURL_CA_BUNDLE" "AWS_CA_BUNDLE" "GIT_SSL_CAINFO" -}}
{{- $_ := set $env . "/etc/molino-ca/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- toJson $env -}}
{{- end -}}

{{/* Requests and limits of a container: quantities, which may be numbers. */}}
{{- define "molino.resources" -}}
{{- range $kind := list "requests" "limits" }}
{{- with index $ $kind }}
{{ $kind }}:
  {{- range $name, $quantity := . }}
  {{ $name | quote }}: {{ include "molino.text" $quantity | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
A volume named `data`: a claim of the StatefulSet's own, made for it, or one that is there. `molino.dataVolume` is the claim
that there is, and wants the component's `persistence`; `molino.dataClaim` are the claims to make, and wants root, component, and of:
the component of the values, where that is another.
*/}}
{{- define "molino.dataVolume" -}}
{{- with .existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "molino.dataClaim" -}}
{{- $persistence := include "molino.jsonAt" (dict "values" .root.Values "path" (printf "%s.persistence" (.of | default .component))) | fromJson -}}
{{- $made := include "molino.madeClaim" . | fromJson -}}
{{- with $persistence -}}
{{- if not .existingClaim }}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [{{ .accessMode | quote }}]
      {{- with .storageClass }}
      storageClassName: {{ eq . "-" | ternary "" . | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ dig "resources" "requests" "storage" .size $made | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* What the claims of a component's StatefulSet in the cluster are made by, as JSON: no upgrade can change that. */}}
{{- define "molino.madeClaim" -}}
{{- $set := dict -}}
{{- if .root.Values.checks -}}
{{- $set = lookup "apps/v1" "StatefulSet" .root.Release.Namespace (include "molino.name" .) | default dict -}}
{{- end -}}
{{- range dig "spec" "volumeClaimTemplates" list $set }}{{ toJson .spec }}{{ else }}{}{{ end -}}
{{- end -}}

{{/* A quantity as a number: of bytes, of cores. */}}
{{- define "molino.amount" -}}
{{- $factors := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "E" 1e18 "Ei" 1152921504606846976.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 -}}
{{- if regexMatch "[eE][+-]?[0-9]+$" . -}}
{{- float64 . | printf "%.9f" -}}
{{- else -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get $factors (regexFind "[A-Za-z]*$" .) | default 1 | float64) | printf "%.9f" -}}
{{- end -}}
{{- end -}}

{{/*
A volume `token`, for the one container that asks the API server: as Kubernetes mounts an account's into all. Wants seconds:
how long a token holds before the kubelet takes another.
*/}}
{{- define "molino.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: {{ .seconds }}}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}

{{/* What every container has. */}}
{{- define "molino.containerDefaults" -}}
imagePullPolicy: {{ .root.Values.image.pullPolicy | quote }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* With an authority for the database's certificate: where libpq and asyncpg look for it, its mount, and its volume. */}}
{{- define "molino.databaseCaEnv" -}}
{{- if .Values.database.caSecret }}
- {name: PGSSLROOTCERT, value: /etc/molino/database-ca/ca.crt}
{{- end }}
{{- end -}}

{{- define "molino.databaseCaMount" -}}
{{- if .Values.database.caSecret }}
- {name: database-ca, mountPath: /etc/molino/database-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "molino.databaseCaVolume" -}}
{{- with .Values.database.caSecret }}
- name: database-ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* With `sync`: an init container that copies the image's code to a volume, and the mount of that volume over it. */}}
{{- define "molino.syncCopy" -}}
{{- if .root.Values.sync }}
- name: sync
  image: {{ include "molino.image" . | quote }}
  args: [sh, -c, cp --recursive --preserve=timestamps /opt/molino/* /sync]
  resources:
    {{- include "molino.resources" .root.Values.operations.resources | nindent 4 }}
  volumeMounts:
    - {name: sync, mountPath: /sync}
{{- end }}
{{- end -}}

{{- define "molino.syncMount" -}}
{{- if .root.Values.sync }}
- {name: sync, mountPath: /opt/molino}
{{- end }}
{{- end -}}

{{- define "molino.syncVolume" -}}
{{- if .root.Values.sync }}
- {name: sync, emptyDir: {}}
{{- end }}
{{- end -}}
