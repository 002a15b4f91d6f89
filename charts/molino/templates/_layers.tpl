{{/* What users give pods, Services, accounts and budgets: for all, for a component, and for a part of one. */}}

{{/*
Each Deployment, StatefulSet and kind of Job that is on, as JSON: the component of its labels, and `of`: where its values are.
*/}}
{{- define "molino.workloads" -}}
{{- $v := .Values -}}
{{- $found := list -}}
{{- range $part := list "postgres" "pgbouncer" "minio" "mlflow" "tensorboard" -}}
{{- $values := index $v $part -}}
{{- $replicas := eq $part "minio" | ternary (include "molino.minioReplicas" $ | int) ($values.replicas | default 1) -}}
{{- if $values.enabled }}{{ $found = append $found (dict "component" $part "of" $part "replicas" $replicas) }}{{ end -}}
{{- end -}}
{{- if ne "{}" (include "molino.oidcProxied" .) }}{{ $found = append $found (dict "component" "oidc" "of" "oidc" "replicas" $v.oidc.replicas) }}{{ end -}}
{{- range include "molino.servingGroups" . | fromJsonArray }}{{ $found = append $found (pick . "component" "of" "replicas") }}{{ end -}}
{{- if $v.airflow.enabled -}}
{{- range $part, $values := $v.airflow.parts -}}
{{- $found = append $found (dict "component" (printf "airflow-%s" ($part | kebabcase)) "of" (printf "airflow.parts.%s" $part) "replicas" $values.replicas) -}}
{{- end -}}
{{- end -}}
{{- if $v.telemetry.collector.enabled }}{{ $found = append $found (dict "component" "collector" "of" "telemetry.collector" "replicas" 1 "everywhere" $v.telemetry.collector.podLogs) }}{{ end -}}
{{- range $part := list "prometheus" "alertmanager" -}}
{{- if (index $v.monitoring $part).enabled }}{{ $found = append $found (dict "component" $part "of" (printf "monitoring.%s" $part) "replicas" 1) }}{{ end -}}
{{- end -}}
{{- concat $found (include "molino.exporters" . | fromJsonArray) | toJson -}}
{{- end -}}

{{/*
The keys of a section at each place of the path `of`, as JSON; those nearer to its end come before. Mappings are put together
key by key; lists of what has a name too, where one of the same name takes the place of the other; all else is taken as it is.
Wants root, of, sections.
*/}}
{{- define "molino.layered" -}}
{{- $names := dict "env" "name" "volumes" "name" "volumeMounts" "mountPath" "initContainers" "name" "sidecars" "name" -}}
{{- $place := .root.Values -}}
{{- $places := list $place -}}
{{- range splitList "." .of }}{{ $place = index $place . | default dict }}{{ $places = append $places $place }}{{ end -}}
{{- $made := dict -}}
{{- range $place := $places -}}
{{- range $section := $.sections -}}
{{- range $key, $value := index $place $section | default dict -}}
{{- $held := index $made $key -}}
{{- /* Of a pair of which Kubernetes takes one, the nearer place says which. */ -}}
{{- with get (dict "minAvailable" "maxUnavailable" "maxUnavailable" "minAvailable") $key -}}
{{- if not (hasKey (index $place $section) .) }}{{ $_ := unset $made . }}{{ end -}}
{{- end -}}
{{- if and (eq (toString $value) "") (ne $key "priorityClassName") -}}
{{- $value = $held -}}
{{- else if hasKey $names $key -}}
{{- include "molino.checkOnce" (dict "of" $.of "section" $section "key" $key "by" (index $names $key) "list" $value) -}}
{{- $value = include "molino.joined" (list ($held | default list) $value (index $names $key)) | fromJsonArray -}}
{{- else if eq $key "envFrom" -}}
{{- $value = concat ($held | default list) $value -}}
{{- else if eq $key "probes" -}}
{{- $value = mergeOverwrite (deepCopy ($held | default dict)) (deepCopy $value) -}}
{{- else if and (kindIs "map" $value) (ne $key "affinity") -}}
{{- $value = include "molino.over" (list ($held | default dict) $value) | fromJson -}}
{{- end -}}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $made $key $value }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $made -}}
{{- end -}}

{{/* Refuse a list that has something twice: which one Kubernetes takes is chance. Wants of, section, key, by, list. */}}
{{- define "molino.checkOnce" -}}
{{- $taken := list -}}
{{- range .list -}}
{{- $one := index . $.by -}}
{{- if has $one $taken }}{{ fail (printf "%s.%s of %s: %s is there twice" $.section $.key $.of $one) }}{{ end -}}
{{- $taken = append $taken $one -}}
{{- end -}}
{{- end -}}

{{/* Two lists as one, as JSON, without those of the first whose key the second has too. Wants a list: first, second, key. */}}
{{- define "molino.joined" -}}
{{- $key := index . 2 -}}
{{- $taken := list -}}
{{- range index . 1 }}{{ $taken = append $taken (index . $key) }}{{ end -}}
{{- $made := list -}}
{{- range index . 0 }}{{ if not (has (index . $key) $taken) }}{{ $made = append $made . }}{{ end }}{{ end -}}
{{- concat $made (index . 1) | toJson -}}
{{- end -}}

{{/* Two mappings as one, as JSON; a key of the second takes the place of the first's, whatever is below it. */}}
{{- define "molino.over" -}}
{{- $made := dict -}}
{{- range . }}{{ range $key, $value := . }}{{ $_ := set $made $key $value }}{{ end }}{{ end -}}
{{- toJson $made -}}
{{- end -}}

{{/* A mapping whose values are text, as JSON. */}}
{{- define "molino.texts" -}}
{{- $made := dict -}}
{{- range $key, $value := . }}{{ $_ := set $made $key (include "molino.text" $value) }}{{ end -}}
{{- toJson $made -}}
{{- end -}}

{{/*
A pod's spec with what users give it, as JSON. Wants root, component, of, pod: the spec as JSON, and where others put something
into it, there and kept: the names of volumes that they make, and of those whose place no other takes.
*/}}
{{- define "molino.withValues" -}}
{{- $pod := .pod | fromJson -}}
{{- $given := include "molino.layered" (dict "root" .root "of" .of "sections" (list "scheduling" "pod")) | fromJson -}}
{{- $env := list -}}
{{- range $given.env -}}
{{- $one := . -}}
{{- if and (hasKey $one "value") (hasKey $one "valueFrom") }}{{ fail (printf "pod.env of %s: %s has value and valueFrom: leave one of them out" $.of $one.name) }}{{ end -}}
{{- if hasKey $one "value" }}{{ $_ := set $one "value" (include "molino.text" $one.value) }}{{ end -}}
{{- $env = append $env $one -}}
{{- end -}}
{{- $own := concat ($pod.initContainers | default list) $pod.containers -}}
{{- $there := .there | default list -}}
{{- $kept := list -}}
{{- range $pod.volumes -}}
{{- $there = append $there .name -}}
{{- if not (hasKey . "emptyDir") }}{{ $kept = append $kept .name }}{{ end -}}
{{- end -}}
{{- /* What the chart mounts, and has no volume for, is a claim of a StatefulSet. */}}
{{- range $own }}{{ range .volumeMounts }}{{ if not (has .name $there) }}{{ $there = append $there .name }}{{ $kept = append $kept .name }}{{ end }}{{ end }}{{ end -}}
{{- range $given.volumes -}}
{{- if has .name (concat $kept ($.kept | default list)) }}{{ fail (printf "pod.volumes of %s: the chart has files or data of its own in %s: call yours otherwise" $.of .name) }}{{ end -}}
{{- end -}}
{{- range $container := $own -}}
{{- range $key, $name := dict "env" "name" "volumeMounts" "mountPath" -}}
{{- $more := eq $key "env" | ternary $env ($given.volumeMounts | default list) -}}
{{- if $more -}}
{{- $_ := set $container $key (include "molino.joined" (list (index $container $key | default list) $more $name) | fromJsonArray) -}}
{{- end -}}
{{- end -}}
{{- with $given.envFrom }}{{ $_ := set $container "envFrom" (concat ($container.envFrom | default list) .) }}{{ end -}}
{{- with $given.containerSecurityContext -}}
{{- $_ := set $container "securityContext" (include "molino.over" (list ($container.securityContext | default dict) .) | fromJson) -}}
{{- end -}}
{{- range $kind, $times := $given.probes -}}
{{- with index $container (printf "%sProbe" $kind) }}{{ $_ := mergeOverwrite . (deepCopy $times) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with $given.lifecycle -}}
{{- $main := first $pod.containers -}}
{{- $_ := set $main "lifecycle" (include "molino.over" (list ($main.lifecycle | default dict) .) | fromJson) -}}
{{- end -}}
{{- /* A sidecar starts before all others, and ends after them: a Job's pod can end, and init containers may ask by it. */}}
{{- $first := list -}}
{{- range $kind := list "sidecars" "initContainers" -}}
{{- range index $given $kind -}}
{{- $security := (include "molino.containerDefaults" $ | fromYaml).securityContext -}}
{{- $_ := set . "securityContext" (include "molino.over" (list $security (.securityContext | default dict)) | fromJson) -}}
{{- if eq $kind "sidecars" }}{{ $_ := set . "restartPolicy" "Always" }}{{ end -}}
{{- $first = append $first . -}}
{{- end -}}
{{- end -}}
{{- with $first }}{{ $_ := set $pod "initContainers" (concat . ($pod.initContainers | default list)) }}{{ end -}}
{{- with $given.volumes }}{{ $_ := set $pod "volumes" (include "molino.joined" (list ($pod.volumes | default list) . "name") | fromJsonArray) }}{{ end -}}
{{- with $given.securityContext }}{{ $_ := set $pod "securityContext" (include "molino.over" (list ($pod.securityContext | default dict) .) | fromJson) }}{{ end -}}
{{- with $given.nodeSelector }}{{ $_ := set $pod "nodeSelector" (include "molino.texts" . | fromJson) }}{{ end -}}
{{- range $key := list "tolerations" "affinity" "priorityClassName" -}}
{{- if hasKey $given $key }}{{ $_ := set $pod $key (index $given $key) }}{{ end -}}
{{- if not (index $pod $key) }}{{ $_ := unset $pod $key }}{{ end -}}
{{- end -}}
{{- if hasKey $given "terminationGracePeriodSeconds" }}{{ $_ := set $pod "terminationGracePeriodSeconds" $given.terminationGracePeriodSeconds }}{{ end -}}
{{- if hasKey $given "topologySpreadConstraints" -}}
{{- range $given.topologySpreadConstraints -}}
{{- if not .labelSelector }}{{ $_ := set . "labelSelector" (dict "matchLabels" (include "molino.selector" $ | fromYaml)) }}{{ end -}}
{{- end -}}
{{- $_ := set $pod "topologySpreadConstraints" $given.topologySpreadConstraints -}}
{{- if not $given.topologySpreadConstraints }}{{ $_ := unset $pod "topologySpreadConstraints" }}{{ end -}}
{{- end -}}
{{- include "molino.checkContainers" (dict "of" .of "pod" $pod "mounts" ($given.volumeMounts | default list) "there" $there) -}}
{{- include "molino.checkRestricted" (dict "root" .root "of" .of "pod" $pod) -}}
{{- toJson $pod -}}
{{- end -}}

{{/*
Refuse, in a line, containers that Kubernetes would: two of one name, mounts of no volume, and requests above limits. Wants of,
pod, mounts: what users mount in all containers, there: volumes that are there besides those of the pod.
*/}}
{{- define "molino.checkContainers" -}}
{{- $volumes := .there -}}
{{- range .pod.volumes }}{{ $volumes = append $volumes .name }}{{ end -}}
{{- $mounts := .mounts -}}
{{- $names := list -}}
{{- range $container := concat (.pod.initContainers | default list) .pod.containers -}}
{{- if has .name $names }}{{ fail (printf "the pod of %s: two containers are called %s: call yours otherwise" $.of .name) }}{{ end -}}
{{- $names = append $names .name -}}
{{- $mounts = concat $mounts (.volumeMounts | default list) -}}
{{- $resources := .resources | default dict -}}
{{- range $what, $least := $resources.requests -}}
{{- $most := get ($resources.limits | default dict) $what -}}
{{- if and $most (gt (include "molino.amount" (include "molino.text" $least) | float64) (include "molino.amount" (include "molino.text" $most) | float64)) -}}
{{- fail (printf "the pod of %s: container %s requests %v of %s, and is limited to %v: set resources.requests.%s too" $.of $container.name $least $what $most $what) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $mounts -}}
{{- if not (has .name $volumes) }}{{ fail (printf "the pod of %s: %s is mounted at %s, and there is no such volume: name it in pod.volumes" $.of .name .mountPath) }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Refuse, in a line, a pod that the Pod Security Standard `restricted` would: the namespace would let none of it start. */}}
{{- define "molino.checkRestricted" -}}
{{- if eq .root.Values.podSecurity.standard "restricted" -}}
{{- $faults := list -}}
{{- with .pod.securityContext -}}
{{- if or (eq (toString .runAsNonRoot) "false") (and (hasKey . "runAsUser") (eq (toString .runAsUser) "0")) }}{{ $faults = append $faults "securityContext lets it run as root" }}{{ end -}}
{{- if and (hasKey . "seccompProfile") (eq (toString .seccompProfile.type) "Unconfined") }}{{ $faults = append $faults "securityContext.seccompProfile is Unconfined" }}{{ end -}}
{{- end -}}
{{- range concat (.pod.initContainers | default list) .pod.containers -}}
{{- $name := .name -}}
{{- range .ports }}{{ if .hostPort }}{{ $faults = append $faults (printf "container %s takes a hostPort" $name) }}{{ end }}{{ end -}}
{{- with .securityContext -}}
{{- if or (eq (toString .runAsNonRoot) "false") (and (hasKey . "runAsUser") (eq (toString .runAsUser) "0")) }}{{ $faults = append $faults (printf "container %s may run as root" $name) }}{{ end -}}
{{- if or .privileged .allowPrivilegeEscalation }}{{ $faults = append $faults (printf "container %s may gain privileges" $name) }}{{ end -}}
{{- $capabilities := .capabilities | default dict -}}
{{- if or (not (has "ALL" ($capabilities.drop | default list))) (without ($capabilities.add | default list) "NET_BIND_SERVICE") }}{{ $faults = append $faults (printf "container %s keeps or adds capabilities" $name) }}{{ end -}}
{{- if and (hasKey . "seccompProfile") (eq (toString .seccompProfile.type) "Unconfined") }}{{ $faults = append $faults (printf "container %s has no seccomp profile" $name) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range .pod.volumes -}}
{{- if not (pick . "configMap" "csi" "downwardAPI" "emptyDir" "ephemeral" "persistentVolumeClaim" "projected" "secret") }}{{ $faults = append $faults (printf "volume %s is of a kind that isn't allowed" .name) }}{{ end -}}
{{- end -}}
{{- with $faults -}}
{{- fail (printf "the pod of %s: %s: Pod Security restricted refuses it; change the values, or set podSecurity.standard: any" $.of (first .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Annotations or labels that users give pods, as JSON. Wants root, of, key. */}}
{{- define "molino.podMarks" -}}
{{- $given := include "molino.layered" (dict "root" .root "of" .of "sections" (list "pod")) | fromJson -}}
{{- $marks := index $given .key | default dict -}}
{{- range keys (.key | eq "labels" | ternary $marks dict) | sortAlpha -}}
{{- if regexMatch "^(app[.]kubernetes[.]io/(name|instance|component|part-of)|molino[.]dev/.*)$" . -}}
{{- fail (printf "pod.labels of %s: %s is what the chart finds its own pods by: leave it out" $.of .) -}}
{{- end -}}
{{- end -}}
{{- include "molino.texts" $marks -}}
{{- end -}}

{{/* By which component the account of a place is called. Wants of. */}}
{{- define "molino.accountComponent" -}}
{{- get (dict "airflow.parts.scheduler" "airflow" "steps.each.deploy" "deploy") .of | default (without (splitList "." .of) "parts" "groups" | join "-" | kebabcase) -}}
{{- end -}}

{{/*
The account of a pod, as JSON: create, name, annotations. The scheduler, the DAG processor, the steps, Prometheus and kube-state-metrics have one
of their own, others that of the namespace; `name` is of its own place alone. Wants root, of.
*/}}
{{- define "molino.account" -}}
{{- $given := include "molino.layered" (dict "root" .root "of" .of "sections" (list "serviceAccount")) | fromJson -}}
{{- $place := .root.Values -}}
{{- range splitList "." .of }}{{ $place = index $place . | default dict }}{{ end -}}
{{- $named := get ($place.serviceAccount | default dict) "name" -}}
{{- $create := and (not $named) (has .of (list "airflow.parts.scheduler" "airflow.parts.dagProcessor" "steps" "steps.each.deploy" "monitoring.prometheus" "monitoring.kubernetes")) -}}
{{- if hasKey $given "create" }}{{ $create = $given.create }}{{ end -}}
{{- if and $given.annotations (not $create) -}}
{{- fail (printf "serviceAccount.annotations of %s: there is none of its own to annotate: set serviceAccount.create: true" .of) -}}
{{- end -}}
{{- $own := include "molino.name" (dict "root" .root "component" (include "molino.accountComponent" .)) -}}
{{- dict "create" $create "name" ($named | default ($create | ternary $own "default")) "annotations" ($given.annotations | default dict) | toJson -}}
{{- end -}}
