{{/* What the ingress of a component takes: hosts, and a path below them. */}}

{{/* Hosts as JSON, each once; the empty one stands for all hosts. */}}
{{- define "molino.ingressHosts" -}}
{{- concat (list .host) .hosts | compact | uniq | default (.allHosts | ternary (list "") list) | toJson -}}
{{- end -}}

{{- define "molino.ingressPath" -}}
/{{ trimAll "/" .path }}
{{- end -}}

{{/* The components that have an ingress, as JSON; oidc's is that of serving's pages for people. */}}
{{- define "molino.ingressed" -}}
{{- list "serving" "airflow" "mlflow" "tensorboard" "minio" "oidc" | toJson -}}
{{- end -}}

{{/* Give ingresses that have hosts, and no tlsSecret of their own, that which `tls` says. */}}
{{- define "molino.prepareTls" -}}
{{- $tls := .Values.tls -}}
{{- range $component := include "molino.ingressed" . | fromJsonArray -}}
{{- $ingress := (eq $component "oidc" | ternary $.Values.oidc.serving (index $.Values $component)).ingress -}}
{{- if and (or $tls.issuer $tls.selfSigned) (not $ingress.tlsSecret) (include "molino.ingressHosts" $ingress | fromJsonArray | compact) -}}
{{- $owner := empty $tls.issuer | ternary "ingress" $component -}}
{{- $_ := set $ingress "tlsSecret" (printf "%s-tls" (include "molino.name" (dict "root" $ "component" $owner))) -}}
{{- if $tls.issuer -}}
{{- $key := eq $tls.issuerKind "Issuer" | ternary "cert-manager.io/issuer" "cert-manager.io/cluster-issuer" -}}
{{- $_ := set $ingress "annotations" (merge (dict $key $tls.issuer) ($ingress.annotations | default dict)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The hosts of all ingresses that have the certificate which the chart signs itself, as JSON. */}}
{{- define "molino.selfSignedHosts" -}}
{{- $hosts := list -}}
{{- $own := printf "%s-tls" (include "molino.name" (dict "root" . "component" "ingress")) -}}
{{- range $component := include "molino.ingressed" . | fromJsonArray -}}
{{- $values := eq $component "oidc" | ternary $.Values.oidc.serving (index $.Values $component) -}}
{{- if and $values.enabled $values.ingress.enabled (eq $values.ingress.tlsSecret $own) -}}
{{- $hosts = concat $hosts (include "molino.ingressHosts" $values.ingress | fromJsonArray) -}}
{{- end -}}
{{- end -}}
{{- uniq $hosts | toJson -}}
{{- end -}}

{{/* Where a browser finds a component through its ingress; nothing where it has none, or no host of its own. */}}
{{- define "molino.ingressUrl" -}}
{{- $hosts := include "molino.ingressHosts" . | fromJsonArray -}}
{{- if and .enabled $hosts (first $hosts) -}}
{{- empty .tlsSecret | ternary "http" "https" }}://{{ first $hosts }}{{ include "molino.ingressPath" . | trimSuffix "/" }}
{{- end -}}
{{- end -}}

{{/* The paths of models that are served apart, as the longer ones they go before that of all else. Wants root, path. */}}
{{- define "molino.groupPaths" -}}
{{- $places := include "molino.servingPlaces" .root | fromJson }}
{{- range $model := keys $places | sortAlpha }}
{{- range $above := list "models" "v2/models" }}
- path: {{ printf "%s/%s/%s" (trimSuffix "/" $.path) $above $model | quote }}
  pathType: Prefix
  backend:
    service:
      name: {{ (index $places $model).deployment }}
      port: {name: http}
{{- end }}
{{- end }}
{{- end -}}
