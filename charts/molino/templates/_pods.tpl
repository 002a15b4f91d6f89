{{/* What every pod and container of the chart shares. */}}

{{- define "molino.podDefaults" -}}
automountServiceAccountToken: {{ .token | default false }}
# The variables that Kubernetes makes of Services, such as MOLINO_SERVING_PORT, are no settings.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 10001 }}
  runAsGroup: {{ .user | default 10001 }}
  fsGroup: {{ .user | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- $scheduling := (index .root.Values .component).scheduling }}
{{- with $scheduling.nodeSelector }}
nodeSelector:
  {{- range $key, $value := . }}
  {{ $key | quote }}: {{ include "molino.text" $value | quote }}
  {{- end }}
{{- end }}
{{- with $scheduling.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- if $scheduling.affinity }}
affinity: {{ toJson $scheduling.affinity }}
{{- else if .replicated }}
# Replicas go to different nodes, where there are such.
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "molino.selector" .replicated | nindent 14 }}
{{- end }}
{{- with $scheduling.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Requests and limits of a container: quantities, which may be numbers. */}}
{{- define "molino.resources" -}}
{{- range $kind := list "requests" "limits" }}
{{- with index $ $kind }}
{{ $kind }}:
  {{- range $name, $quantity := . }}
  {{ $name | quote }}: {{ include "molino.text" $quantity | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
A volume named `data`: a claim of the StatefulSet's own, made for it, or one that is there. Wants the component's
`persistence`; `molino.dataClaim` are the claims to make, and `molino.dataVolume` is the claim that there is.
*/}}
{{- define "molino.dataVolume" -}}
{{- with .existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "molino.dataClaim" -}}
{{- if not .existingClaim }}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [{{ .accessMode | quote }}]
      {{- with .storageClass }}
      storageClassName: {{ eq . "-" | ternary "" . | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ .size | quote }}
{{- end }}
{{- end -}}

{{/* Of several replicas, one at a time may be taken away. Wants replicas besides root and component. */}}
{{- define "molino.disruptionBudget" -}}
{{- if gt (int .replicas) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "molino.name" . }}
  labels:
    {{- include "molino.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "molino.selector" . | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "molino.containerDefaults" -}}
imagePullPolicy: {{ .root.Values.image.pullPolicy | quote }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* With an authority for the database's certificate: where libpq and asyncpg look for it, its mount, and its volume. */}}
{{- define "molino.databaseCaEnv" -}}
{{- if .Values.database.caSecret }}
- {name: PGSSLROOTCERT, value: /etc/molino/database-ca/ca.crt}
{{- end }}
{{- end -}}

{{- define "molino.databaseCaMount" -}}
{{- if .Values.database.caSecret }}
- {name: database-ca, mountPath: /etc/molino/database-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "molino.databaseCaVolume" -}}
{{- with .Values.database.caSecret }}
- name: database-ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* With `sync`: an init container that copies the image's code to a volume, and the mount of that volume over it. */}}
{{- define "molino.syncCopy" -}}
{{- if .root.Values.sync }}
- name: sync
  image: {{ include "molino.image" . | quote }}
  args: [sh, -c, cp --recursive --preserve=timestamps /opt/molino/* /sync]
  {{- include "molino.containerDefaults" . | nindent 2 }}
  resources:
    {{- include "molino.resources" .root.Values.operations.resources | nindent 4 }}
  volumeMounts:
    - {name: sync, mountPath: /sync}
{{- end }}
{{- end -}}

{{- define "molino.syncMount" -}}
{{- if .root.Values.sync }}
- {name: sync, mountPath: /opt/molino}
{{- end }}
{{- end -}}

{{- define "molino.syncVolume" -}}
{{- if .root.Values.sync }}
- {name: sync, emptyDir: {}}
{{- end }}
{{- end -}}
