{{/* What network.yaml says, as NetworkPolicies take it. */}}

{{/* The value at a path that may lead nowhere, such as backup.enabled; nothing where it is off or empty. Wants root, path. */}}
{{- define "molino.isSet" -}}
{{- $place := .root.Values -}}
{{- range splitList "." .path }}{{ $place = kindIs "map" $place | ternary (get ($place | default dict) .) nil }}{{ end -}}
{{- if $place }}true{{ end -}}
{{- end -}}

{{/* The labels of pods of the table, as JSON: a component, or a single step's. Wants root, pod. */}}
{{- define "molino.podsOf" -}}
{{- $words := splitList "/" .pod -}}
{{- $labels := include "molino.selector" (dict "root" .root "component" (first $words)) | fromYaml -}}
{{- range rest $words }}{{ $_ := set $labels "molino.dev/step" . }}{{ end -}}
{{- toJson $labels -}}
{{- end -}}

{{- define "molino.peer" -}}
{{- dict "podSelector" (dict "matchLabels" (include "molino.podsOf" . | fromJson)) | toJson -}}
{{- end -}}

{{/* The port of a URL: the one that is written in it, else that of its scheme; a git remote without scheme is one of ssh. */}}
{{- define "molino.urlPort" -}}
{{- $scheme := regexFind "^[a-z0-9+]+://" . | trimSuffix "://" -}}
{{- $port := regexFind "^[a-z0-9+]+://[^/]*:[0-9]+(/|$)" . | trimSuffix "/" | regexFind "[0-9]+$" -}}
{{- $port | default (get (dict "http" "80" "https" "443" "git" "9418") $scheme) | default "22" -}}
{{- end -}}

{{/* Ports of what is outside the release, as JSON; none where there is nothing to go to. Wants root, name. */}}
{{- define "molino.portsOutside" -}}
{{- $v := .root.Values -}}
{{- $urls := list -}}
{{- if eq .name "s3" }}{{ $urls = list $v.s3.endpoint -}}
{{- else if eq .name "mlflow" }}{{ $urls = list $v.mlflow.externalUrl -}}
{{- else if eq .name "backupStore" }}{{ $urls = list $v.backup.destination.endpoint -}}
{{- else if eq .name "sentry" }}{{ $urls = list $v.sentry.dsn -}}
{{- else if eq .name "telemetry" }}{{ $urls = list $v.telemetry.endpoint -}}
{{- else if eq .name "issuer" }}{{ $urls = list (get $v.serving.config "JWKS_URL") ($v.oidc.enabled | ternary $v.oidc.config.issuer "") -}}
{{- else if eq .name "proxy" }}{{ $urls = list $v.network.httpProxy $v.network.httpsProxy -}}
{{- else if and (eq .name "git") (not (hasPrefix "s3://" $v.steps.config.gitRemote)) }}{{ $urls = list $v.steps.config.gitRemote -}}
{{- end -}}
{{- $ports := list -}}
{{- range compact $urls }}{{ $ports = append $ports (include "molino.urlPort" . | int) }}{{ end -}}
{{- if and (eq .name "database") (not $v.postgres.enabled) }}{{ $ports = list (int $v.database.port) }}{{ end -}}
{{- if and (eq .name "notices") $v.notices.mail.enabled }}{{ $ports = append $ports (int $v.notices.mail.port) }}{{ end -}}
{{- range get (index $v.networkPolicies.to .name) "ports" | default list }}{{ $ports = append $ports (int .) }}{{ end -}}
{{- uniq $ports | toJson -}}
{{- end -}}

{{/* A rule of a policy, as JSON. Wants way: to or from, peers: all where there are none, ports, protocols. */}}
{{- define "molino.networkRule" -}}
{{- $ports := list -}}
{{- range $port := .ports }}{{ range $.protocols }}{{ $ports = append $ports (dict "port" $port "protocol" .) }}{{ end }}{{ end -}}
{{- $rule := dict "ports" $ports -}}
{{- with .peers }}{{ $_ := set $rule $.way . }}{{ end -}}
{{- toJson $rule -}}
{{- end -}}

{{/* The table, as JSON, in which each group of models has the paths of serving, and tasks in pods of their own those of
the scheduler. */}}
{{- define "molino.networkTable" -}}
{{- $table := .Files.Get "network.yaml" | fromYaml -}}
{{- range $group := include "molino.servingGroups" . | fromJsonArray | rest -}}
{{- $_ := set $table.pods $group.component "serving.enabled" -}}
{{- range $path := $table.paths -}}
{{- if has "serving" $path.from }}{{ $_ := set $path "from" (append $path.from $group.component) }}{{ end -}}
{{- if eq $path.to "serving" }}{{ $_ := set $table "paths" (append $table.paths (merge (dict "to" $group.component) $path)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.airflow.executor "KubernetesExecutor" -}}
{{- $_ := set $table.pods "airflow-worker" "airflow.enabled" -}}
{{- range $path := $table.paths -}}
{{- if has "airflow-scheduler" $path.from }}{{ $_ := set $path "from" (append $path.from "airflow-worker") }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $table -}}
{{- end -}}

{{/* The policies of the paths, as JSON: by pods of the table, their rules `ingress` and `egress`. */}}
{{- define "molino.networkRules" -}}
{{- $root := . -}}
{{- $table := include "molino.networkTable" . | fromJson -}}
{{- $on := list -}}
{{- range $pod, $path := $table.pods }}{{ if or (not $path) (include "molino.isSet" (dict "root" $root "path" $path)) }}{{ $on = append $on $pod }}{{ end }}{{ end -}}
{{- $rules := dict -}}
{{- range $on }}{{ $_ := set $rules . (dict "ingress" list "egress" list) }}{{ end -}}
{{- range $path := $table.paths -}}
{{- if or (not $path.when) (include "molino.isSet" (dict "root" $root "path" $path.when)) -}}
{{- $port := $path.port -}}
{{- if kindIs "string" $port }}{{ $port = include "molino.valueAt" (dict "values" $root.Values "path" $port) }}{{ end -}}
{{- $outside := has $path.to $on | ternary "" (hasKey $table.pods $path.to | ternary (get $table.elsewhere $path.to) $path.to) -}}
{{- $protocols := eq $path.to "dns" | ternary (list "UDP" "TCP") (list "TCP") -}}
{{- $allowed := list -}}
{{- range $from := eq (first $path.from) "*" | ternary $on $path.from -}}
{{- $pod := first (splitList "/" $from) -}}
{{- if has $pod $on -}}
{{- if not (hasKey $rules $from) }}{{ $_ := set $rules $from (dict "ingress" list "egress" list) }}{{ end -}}
{{- $own := index $rules $from -}}
{{- $allowed = append $allowed (include "molino.peer" (dict "root" $root "pod" $from) | fromJson) -}}
{{- if $outside -}}
{{- $ports := include "molino.portsOutside" (dict "root" $root "name" $outside) | fromJsonArray -}}
{{- $peers := (index $root.Values.networkPolicies.to $outside).peers -}}
{{- if $ports }}{{ $_ := set $own "egress" (append $own.egress (include "molino.networkRule" (dict "way" "to" "peers" $peers "ports" $ports "protocols" $protocols) | fromJson)) }}{{ end -}}
{{- /* The agent of EKS Pod Identity, which is on each node. */ -}}
{{- if and (eq $outside "s3") $root.Values.s3.auth.workloadIdentity -}}
{{- $agents := list (dict "ipBlock" (dict "cidr" "169.254.170.23/32")) (dict "ipBlock" (dict "cidr" "fd00:ec2::23/128")) -}}
{{- $_ := set $own "egress" (append $own.egress (include "molino.networkRule" (dict "way" "to" "peers" $agents "ports" (list 80) "protocols" $protocols) | fromJson)) -}}
{{- end -}}
{{- else if has $path.to $on -}}
{{- $peers := list (include "molino.peer" (dict "root" $root "pod" $path.to) | fromJson) -}}
{{- $_ := set $own "egress" (append $own.egress (include "molino.networkRule" (dict "way" "to" "peers" $peers "ports" (list (int $port)) "protocols" $protocols) | fromJson)) -}}
{{- end -}}
{{- else if not (hasKey $table.pods $pod) -}}
{{- $allowed = concat $allowed (index $root.Values.networkPolicies.from $from) -}}
{{- end -}}
{{- end -}}
{{- if and $allowed (has $path.to $on) -}}
{{- $own := index $rules $path.to -}}
{{- $_ := set $own "ingress" (append $own.ingress (include "molino.networkRule" (dict "way" "from" "peers" $allowed "ports" (list (int $port)) "protocols" $protocols) | fromJson)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $rules -}}
{{- end -}}
