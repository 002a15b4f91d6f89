{{/* Every name of the chart: `<base>-<component>`, and the labels that go with it. */}}

{{/* What this copy of the chart is called: `nameOverride`, else the alias by which a parent chart has it, else molino. */}}
{{- define "molino.chartName" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end -}}

{{/*
What all names begin with: the release's name, with that of a copy that is called otherwise. A Service's name has 63
characters at most, the first a letter, and no dot: what must be changed for that has a hash of the whole at its end, so
that two names stay two.
*/}}
{{- define "molino.base" -}}
{{- $name := include "molino.chartName" . -}}
{{- $whole := .Values.fullnameOverride | default (eq $name "molino" | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- $base := regexReplaceAll "[^a-z0-9-]" (lower $whole) "-" -}}
{{- if not (regexMatch "^[a-z]" $base) }}{{ $base = printf "molino-%s" $base }}{{ end -}}
{{- if or (ne $base $whole) (gt (len $base) 40) -}}
{{- $base = printf "%s-%s" ($base | trunc 31 | trimSuffix "-") (sha256sum $whole | trunc 8) -}}
{{- end -}}
{{- $base -}}
{{- end -}}

{{- define "molino.name" -}}
{{- printf "%s-%s" (include "molino.base" .root) .component -}}
{{- end -}}

{{/*
A name of at most so many characters: what must be cut has a hash of the whole at its end. Wants root, component, most.
*/}}
{{- define "molino.shortName" -}}
{{- $name := include "molino.name" . -}}
{{- if gt (len $name) .most }}{{ $name = printf "%s-%s" ($name | trunc (sub .most 9 | int) | trimSuffix "-") (sha256sum $name | trunc 8) }}{{ end -}}
{{- $name -}}
{{- end -}}

{{- define "molino.selector" -}}
app.kubernetes.io/name: {{ include "molino.chartName" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* By what all pods of this copy of the chart are found, as kubectl takes it. */}}
{{- define "molino.instance" -}}
{{- printf "app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s" (include "molino.chartName" .) .Release.Name -}}
{{- end -}}

{{/* Of pods: nothing that a new version of the chart changes, so that it starts none anew. */}}
{{- define "molino.podLabels" -}}
{{ include "molino.selector" . }}
app.kubernetes.io/part-of: molino
{{- end -}}

{{- define "molino.labels" -}}
{{ include "molino.podLabels" . }}
app.kubernetes.io/version: {{ include "molino.labelValue" .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
helm.sh/chart: {{ include "molino.labelValue" (printf "%s-%s" .root.Chart.Name .root.Chart.Version) | quote }}
{{- end -}}

{{/* A version as a label takes it: without +, and of 63 characters at most. */}}
{{- define "molino.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9._-]" . "_" | trunc 63 | trimAll "-_." -}}
{{- end -}}

{{/* The Secret of a component: the user's own, or the one made by this chart. */}}
{{- define "molino.secretName" -}}
{{- $auth := (index .root.Values .component).auth -}}
{{- $auth.existingSecret | default (include "molino.name" .) -}}
{{- end -}}

{{/* `repository:tag` of a component. */}}
{{- define "molino.image" -}}
{{- include "molino.imageAddress" (dict "root" .root "image" (index .root.Values .component).image) -}}
{{- end -}}

{{/* `repository:tag` or `repository@digest` of an image, with the chart-wide registry and tag where it sets none. */}}
{{- define "molino.imageAddress" -}}
{{- $registry := include "molino.imagePath" (dict "root" .root "registry" .image.registry) -}}
{{- $version := printf ":%s" (include "molino.imageTag" (dict "root" .root "tag" .image.tag)) -}}
{{- with .image.digest }}{{ $version = printf "@%s" . }}{{ end -}}
{{- printf "%s%s%s" $registry (trimAll "/" .image.repository) $version -}}
{{- end -}}

{{/* What goes before a repository: a registry with one slash after it, or nothing. */}}
{{- define "molino.imagePath" -}}
{{- $registry := .registry | default .root.Values.image.registry | trimSuffix "/" -}}
{{- empty $registry | ternary "" (printf "%s/" $registry) -}}
{{- end -}}

{{/* A tag has no +, which the version of a chart may have. */}}
{{- define "molino.imageTag" -}}
{{- .tag | default .root.Values.image.tag | default (.root.Chart.AppVersion | replace "+" "_") -}}
{{- end -}}

{{/* Where people find MLflow's pages. */}}
{{- define "molino.mlflowPage" -}}
{{- .Values.mlflow.enabled | ternary (include "molino.uiUrl" (dict "ingress" .Values.mlflow.ingress "port" 5000)) (.Values.mlflow.externalUrl | trimSuffix "/") -}}
{{- end -}}

{{/* Where a browser finds a page: its ingress, else the port that port-forward gives it. Wants ingress, port. */}}
{{- define "molino.uiUrl" -}}
{{- include "molino.ingressUrl" .ingress | default (printf "http://localhost:%v" .port) -}}
{{- end -}}
