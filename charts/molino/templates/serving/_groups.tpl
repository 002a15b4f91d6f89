{{/* Models that are served apart from the others, each group by a Deployment and a Service of its own. */}}

{{/*
Each Deployment of serving, as JSON, the one of all other models first: component: of its labels, of: where its values are,
models: of a group alone, replicas: the most that there are, resources, autoscaling. None where serving is off.
*/}}
{{- define "molino.servingGroups" -}}
{{- $serving := .Values.serving -}}
{{- $found := list -}}
{{- if $serving.enabled -}}
{{- $found = append $found (dict "component" "serving" "of" "serving" "models" list "replicas" $serving.replicas "resources" $serving.resources) -}}
{{- range $name := keys $serving.groups | sortAlpha -}}
{{- $group := index $serving.groups $name -}}
{{- $replicas := hasKey $group "replicas" | ternary $group.replicas $serving.replicas -}}
{{- $resources := include "molino.over" (list $serving.resources ($group.resources | default dict)) | fromJson -}}
{{- $found = append $found (dict "component" (printf "serving-%s" $name) "of" (printf "serving.groups.%s" $name) "models" $group.models "replicas" $replicas "resources" $resources) -}}
{{- end -}}
{{- range $found -}}
{{- $given := include "molino.layered" (dict "root" $ "of" .of "sections" (list "autoscaling")) | fromJson -}}
{{- $usual := dict "enabled" false "minReplicas" 2 "maxReplicas" 10 "cpuPercent" 70 "requestsPerSecond" 0 "requestsMetric" "molino_requests_per_second" -}}
{{- $autoscaling := include "molino.over" (list $usual $given) | fromJson -}}
{{- include "molino.checkAutoscaling" (merge (dict "autoscaling" $autoscaling) .) -}}
{{- $_ := set . "autoscaling" $autoscaling -}}
{{- if $autoscaling.enabled }}{{ $_ := set . "replicas" $autoscaling.maxReplicas }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{- define "molino.checkAutoscaling" -}}
{{- $of := .of -}}
{{- $requests := .resources.requests | default dict -}}
{{- with .autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "%s.autoscaling: minReplicas %d is above maxReplicas %d" $of (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if not (or .cpuPercent .requestsPerSecond) -}}
{{- fail (printf "%s.autoscaling is enabled, and cpuPercent and requestsPerSecond are both 0: set one of them" $of) -}}
{{- end -}}
{{- if and .cpuPercent (not $requests.cpu) -}}
{{- fail (printf "%s.autoscaling.cpuPercent is a share of what a pod requests: set %s.resources.requests.cpu" $of $of) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where the deploy step finds the models of groups, as JSON: the Deployment, and the address of its Service, by model. */}}
{{- define "molino.servingPlaces" -}}
{{- $port := .Values.serving.service.port | toJson -}}
{{- $places := dict -}}
{{- range $group := include "molino.servingGroups" . | fromJsonArray -}}
{{- $name := include "molino.name" (dict "root" $ "component" $group.component) -}}
{{- range $model := $group.models -}}
{{- if hasKey $places $model -}}
{{- fail (printf "serving.groups: %s is in two groups: leave it in one of them" $model) -}}
{{- end -}}
{{- /* By its whole name, which pods behind a proxy ask without it, whatever the group is called. */ -}}
{{- $_ := set $places $model (dict "deployment" $name "url" (printf "http://%s.%s.svc:%s" $name $.Release.Namespace $port)) -}}
{{- end -}}
{{- end -}}
{{- toJson $places -}}
{{- end -}}
