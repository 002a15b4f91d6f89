{{/*
The Service of a component. Wants root, component, ports: a list of dicts with name and port, and of: the component of the
values, where that is another.
*/}}
{{- define "molino.service" -}}
{{- $place := dict "root" .root "of" (.of | default .component) "sections" (list "service") -}}
{{- $given := include "molino.layered" $place | fromJson -}}
{{- range list "type" "selector" "ports" -}}
{{- if hasKey ($given.spec | default dict) . -}}
{{- fail (printf "service.spec.%s of %s: the chart sets this itself%s: leave it out" . $place.of (eq . "type" | ternary ", from service.type" "")) -}}
{{- end -}}
{{- end -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
  {{- with $given.annotations }}
  annotations:
    {{- include "molino.texts" . | fromJson | toYaml | nindent 4 }}
  {{- end }}
spec:
  {{- with $given.type }}
  type: {{ . | quote }}
  {{- end }}
  {{- with $given.spec }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  selector:
    {{- include "molino.selector" . | nindent 4 }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port | toJson }}
      targetPort: {{ .name }}
    {{- end }}
{{- end -}}
