{{/* What Airflow is told about the pods of steps, by step. */}}

{{- define "molino.steps" -}}
{{- list "ingest" "version" "train" "evaluate" "register" "deploy" | toJson -}}
{{- end -}}

{{/* What comes before a step's name in the address of its image. */}}
{{- define "molino.stepImagePrefix" -}}
{{ include "molino.imagePath" (dict "root" . "registry" "") }}{{ .Values.steps.image.prefix | trimPrefix "/" }}
{{- end -}}

{{/* Whole addresses of images, as JSON: those that are named, and those of a digest. */}}
{{- define "molino.stepImages" -}}
{{- $prefix := include "molino.stepImagePrefix" . -}}
{{- $images := dict -}}
{{- range $step, $digest := .Values.steps.image.digests }}{{ $_ := set $images $step (printf "%s%s@%s" $prefix $step $digest) }}{{ end -}}
{{- range $step, $address := .Values.steps.image.names }}{{ $_ := set $images $step $address }}{{ end -}}
{{- toJson $images -}}
{{- end -}}

{{/* The image of one step. Wants root, step. */}}
{{- define "molino.stepImage" -}}
{{- $tagged := printf "%s%s:%s" (include "molino.stepImagePrefix" .root) .step (include "molino.imageTag" (dict "root" .root "tag" .root.Values.steps.image.tag)) -}}
{{- get (include "molino.stepImages" .root | fromJson) .step | default $tagged -}}
{{- end -}}

{{/*
The pods that the sections `scheduling` and `pod` make of those of the steps, as JSON: what is theirs alone, in Kubernetes'
own words; the container of the step is called base.
*/}}
{{- define "molino.stepTemplates" -}}
{{- $made := dict -}}
{{- /* What Airflow puts into the pods. */}}
{{- $kept := list "model" -}}
{{- if .Values.network.caConfigMap }}{{ $kept = append $kept "ca" }}{{ end -}}
{{- range $variable, $_ := include "molino.stepSecretFiles" . | fromJson }}{{ $kept = append $kept (include "molino.secretFileName" $variable) }}{{ end -}}
{{- range $step := include "molino.steps" . | fromJsonArray -}}
{{- $place := dict "root" $ "component" "step" "of" (printf "steps.each.%s" $step) -}}
{{- if ne "{}" (include "molino.layered" (merge (dict "sections" (list "scheduling" "pod")) $place)) -}}
{{- $container := dict "name" "base" "securityContext" (include "molino.containerDefaults" $place | fromYaml).securityContext -}}
{{- $security := (include "molino.podDefaults" $place | fromYaml).securityContext -}}
{{- $pod := dict "containers" (list $container) "securityContext" $security | toJson -}}
{{- $marks := dict -}}
{{- range $key := list "annotations" "labels" -}}
{{- $_ := set $marks $key (include "molino.podMarks" (merge (dict "key" $key) $place) | fromJson) -}}
{{- end -}}
{{- $spec := include "molino.withValues" (merge (dict "pod" $pod "kept" $kept "there" (prepend $kept "tmp")) $place) | fromJson -}}
{{- $_ := set $made $step (dict "metadata" $marks "spec" $spec) -}}
{{- end -}}
{{- end -}}
{{- toJson $made -}}
{{- end -}}

{{/* How often, how long and in which pool the tasks of steps run, as JSON, where that is said. */}}
{{- define "molino.stepTasks" -}}
{{- $made := dict -}}
{{- range $step := include "molino.steps" . | fromJsonArray -}}
{{- $task := include "molino.layered" (dict "root" $ "of" (printf "steps.each.%s" $step) "sections" (list "task")) -}}
{{- if ne "{}" $task }}{{ $_ := set $made $step ($task | fromJson) }}{{ end -}}
{{- end -}}
{{- toJson $made -}}
{{- end -}}
