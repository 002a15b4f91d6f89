{{/* Every name of the chart: `<release>-<component>`, and the labels that go with it. */}}

{{- define "molino.name" -}}
{{- printf "%s-%s" (.root.Release.Name | trunc 40 | trimSuffix "-") .component -}}
{{- end -}}

{{- define "molino.selector" -}}
app.kubernetes.io/name: molino
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "molino.labels" -}}
{{ include "molino.selector" . }}
app.kubernetes.io/part-of: molino
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* The Secret of a component: the user's own, or the one made by this chart. */}}
{{- define "molino.secretName" -}}
{{- $auth := (index .root.Values .component).auth -}}
{{- $auth.existingSecret | default (include "molino.name" .) -}}
{{- end -}}

{{/* `repository:tag` of a component, with the chart-wide registry and tag where it sets none. */}}
{{- define "molino.image" -}}
{{- $all := .root.Values.image -}}
{{- $own := (index .root.Values .component).image -}}
{{- $registry := $own.registry | default $all.registry -}}
{{- printf "%s%s:%s" (empty $registry | ternary "" (printf "%s/" $registry)) $own.repository ($own.tag | default $all.tag | default .root.Chart.AppVersion) -}}
{{- end -}}

{{/* Where a browser finds a page: its ingress, else the port that port-forward gives it. Wants ingress, port. */}}
{{- define "molino.uiUrl" -}}
{{- if and .ingress.enabled .ingress.host -}}
{{- empty .ingress.tlsSecret | ternary "http" "https" -}}://{{ .ingress.host }}
{{- else -}}
http://localhost:{{ .port }}
{{- end -}}
{{- end -}}
