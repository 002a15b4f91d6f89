{{/*
A Job of a component, named by a hash of its pod and of what that reads: a Job can't be changed, and what was done isn't done
again. Wants root, component, word, retries, pod, and as it needs them of: the component whose values hold its scheduling,
reads: what its pod reads elsewhere, secrets: their names.
*/}}
{{- define "molino.job" -}}
{{- $own := dict "root" .root "component" (printf "%s-%s" .component .word) -}}
{{- $template := include "molino.podTemplate" (merge (dict "of" (.of | default .component) "pod" .pod) $own) -}}
{{- $versions := list -}}
{{- range .secrets }}{{ $versions = append $versions (include "molino.secretVersion" (dict "root" $.root "secret" .)) }}{{ end -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "molino.shortName" (set $own "most" 54) }}-{{ list (fromYaml $template) (.reads | default "") $versions | toJson | sha256sum | trunc 8 }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
  {{- with .root.Values.jobs.annotations }}
  annotations:
    {{- range $key, $value := . }}
    {{ $key | quote }}: {{ include "molino.text" $value | quote }}
    {{- end }}
  {{- end }}
spec:
  backoffLimit: {{ .retries }}
  {{- with .root.Values.jobs.ttlSeconds }}
  ttlSecondsAfterFinished: {{ toJson . }}
  {{- end }}
  template:
    {{- $template | nindent 4 }}
{{- end -}}

{{/* Which state of a user's own Secret there is in the cluster: another password has Jobs run again that set it. */}}
{{- define "molino.secretVersion" -}}
{{- if and .secret .root.Values.checks -}}
{{- dig "metadata" "resourceVersion" "" (lookup "v1" "Secret" .root.Release.Namespace .secret | default dict) -}}
{{- end -}}
{{- end -}}
