{{/* The image that a container of a Deployment in the cluster has; nothing where it isn't there. Wants root, component, container. */}}
{{- define "molino.deployedImage" -}}
{{- $found := lookup "apps/v1" "Deployment" .root.Release.Namespace (include "molino.name" .) | default dict -}}
{{- range dig "spec" "template" "spec" "containers" list $found }}{{ if eq .name $.container }}{{ .image }}{{ end }}{{ end -}}
{{- end -}}

{{/* Refuses an upgrade with another image of what migrates its database at start, where the newest backup is missing or old. */}}
{{- define "molino.refuseMigrationWithoutBackup" -}}
{{- $hours := .Values.backup.config.freshHours -}}
{{- if and (eq .Values.environment "production") $hours -}}
{{- $backup := include "molino.name" (dict "root" . "component" "backup") -}}
{{- $last := dig "status" "lastSuccessfulTime" "" (lookup "batch/v1" "CronJob" .Release.Namespace $backup | default dict) -}}
{{- $age := "" -}}
{{- if $last }}{{ $age = sub (now | unixEpoch | int64) (toDate "2006-01-02T15:04:05Z07:00" $last | unixEpoch | int64) -}}{{ end -}}
{{- $parts := list (dict "of" "mlflow" "component" "mlflow" "container" "mlflow") (dict "of" "airflow" "component" "airflow-scheduler" "container" "scheduler") -}}
{{- range $part := $parts -}}
{{- $there := include "molino.deployedImage" (merge (dict "root" $) $part) -}}
{{- $wanted := include "molino.image" (dict "root" $ "component" $part.of) -}}
{{- if and (index $.Values $part.of).enabled $there (ne $there $wanted) (or (not $last) (gt (int64 $age) (mul $hours 3600 | int64))) -}}
{{- $found := "there is no backup: set backup.enabled with the image as it is, and wait for the first set" -}}
{{- if $last }}{{ $found = printf "the newest backup is of %s: kubectl --namespace %s create job --from=cronjob/%s %s-before-upgrade, and wait until it is complete" $last $.Release.Namespace $backup $backup }}{{ end -}}
{{- fail (printf "%s: %s takes the place of %s and may migrate its database, and %s; then upgrade again (backup.config.freshHours: 0 asks for none)" $part.of $wanted $there $found) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
