{{/* What every pod and container of the chart shares. */}}

{{- define "molino.podDefaults" -}}
automountServiceAccountToken: {{ .token | default false }}
# The variables that Kubernetes makes of Services, such as MOLINO_SERVING_PORT, are no settings.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
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
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $scheduling.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $scheduling.affinity }}
affinity:
  {{- toYaml $scheduling.affinity | nindent 2 }}
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
priorityClassName: {{ . }}
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
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
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
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* With `sync`: an init container that copies the image's code to a volume, and the mount of that volume over it. */}}
{{- define "molino.syncCopy" -}}
{{- if .root.Values.sync }}
- name: sync
  image: {{ include "molino.image" . }}
  args: [sh, -c, cp --recursive --preserve=timestamps /opt/molino/* /sync]
  {{- include "molino.containerDefaults" . | nindent 2 }}
  resources:
    {{- toYaml .root.Values.operations.resources | nindent 4 }}
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
