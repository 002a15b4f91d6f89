{{/* How values get into templates; each template takes `molino.prepare` before it renders. */}}

{{/*
Values as the templates take them: no key is null, and none is missing. A section that is empty in a values file takes its
defaults away, and `--reuse-values` knows no key that has come since: both have the chart's own values here.
*/}}
{{- define "molino.prepare" -}}
{{- if not (hasKey . "molinoPrepared") -}}
{{- include "molino.withoutNulls" .Values -}}
{{- range $path, $default := include "molino.defaults" . | fromJson -}}
{{- $place := $.Values -}}
{{- $words := splitList "." $path -}}
{{- range initial $words -}}
{{- if not (hasKey $place .) }}{{ $_ := set $place . dict }}{{ end -}}
{{- $place = index $place . -}}
{{- end -}}
{{- if not (hasKey $place (last $words)) }}{{ $_ := set $place (last $words) $default }}{{ end -}}
{{- end -}}
{{- include "molino.prepareOidc" . -}}
{{- include "molino.prepareTls" . -}}
{{- include "molino.prepareExternalSecrets" . -}}
{{- $_ := set . "molinoPrepared" true -}}
{{- end -}}
{{- end -}}

{{- define "molino.withoutNulls" -}}
{{- range $key, $value := . -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $ $key -}}
{{- else if kindIs "map" $value -}}
{{- include "molino.withoutNulls" $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
A value as text: a number from a values file is a float to Helm, and JSON alone writes 33554432.0 as 33554432. Between
quotes it is a string to YAML, whatever it looks like: `include "molino.text" … | quote`. What has a structure is written
by toJson, which is YAML too.
*/}}
{{- define "molino.text" -}}
{{- if and (kindIs "float64" .) (ge . 9007199254740992.0) -}}
{{- fail (printf "%.0f: Helm reads a number of this size as another one: write it between quotes" .) -}}
{{- end -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end -}}

{{/* YAML that a template has made, as JSON: what is none is a fault of the chart, and is told. */}}
{{- define "molino.yaml" -}}
{{- $made := fromYaml . -}}
{{- if hasKey $made "Error" }}{{ fail (printf "%s in:\n%s" $made.Error .) }}{{ end -}}
{{- toJson $made -}}
{{- end -}}

{{/* The value at a path, such as mlflow.auth.password, as text. Wants values, path. */}}
{{- define "molino.valueAt" -}}
{{- $place := .values -}}
{{- range splitList "." .path }}{{ $place = index $place . }}{{ end -}}
{{- include "molino.text" $place -}}
{{- end -}}

{{/* The section at a path, such as minio.persistence, as JSON. Wants values, path. */}}
{{- define "molino.jsonAt" -}}
{{- $place := .values -}}
{{- range splitList "." .path }}{{ $place = index $place . }}{{ end -}}
{{- toJson $place -}}
{{- end -}}
