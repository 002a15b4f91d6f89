{{/* The Service of a component. Wants root, component, and ports: a list of dicts with name and port. */}}
{{- define "molino.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "molino.selector" . | nindent 4 }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port | toJson }}
      targetPort: {{ .name }}
    {{- end }}
{{- end -}}
