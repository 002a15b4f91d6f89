{{/* Login by an OpenID provider: which components have it, where their pages are, and by which client they ask. */}}

{{/* The components whose pages have oauth2-proxy in front of them, as JSON: by name, its port. */}}
{{- define "molino.oidcProxied" -}}
{{- $ports := dict "mlflow" 4180 "tensorboard" 4181 "serving" 4182 "minio" 4183 -}}
{{- $found := dict -}}
{{- if .Values.oidc.enabled -}}
{{- range $component, $port := $ports -}}
{{- if and (index $.Values.oidc $component).enabled (index $.Values $component).enabled }}{{ $_ := set $found $component $port }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/*
The ingress of the pages for people of serving, which are at a host of their own: class and annotations are those of
serving.ingress, and so is tlsSecret where neither it nor `tls` says another.
*/}}
{{- define "molino.prepareOidc" -}}
{{- $own := .Values.oidc.serving -}}
{{- $ingress := .Values.serving.ingress -}}
{{- $enabled := and .Values.oidc.enabled $own.enabled .Values.serving.enabled (not (empty $own.host)) -}}
{{- $secret := $own.tlsSecret | default (or (not (empty .Values.tls.issuer)) .Values.tls.selfSigned | ternary "" $ingress.tlsSecret) -}}
{{- $place := dict "enabled" $enabled "host" $own.host "hosts" list "allHosts" false "path" "/" "tlsSecret" $secret -}}
{{- $_ := set $own "ingress" (mergeOverwrite $place (omit $ingress "enabled" "host" "hosts" "allHosts" "path" "tlsSecret")) -}}
{{- end -}}

{{/* The ingress of a component's pages, as JSON. Wants root, component. */}}
{{- define "molino.oidcIngress" -}}
{{- (eq .component "serving" | ternary .root.Values.oidc.serving (index .root.Values .component)).ingress | toJson -}}
{{- end -}}

{{/* Where a browser finds a component's pages. Wants root, component. */}}
{{- define "molino.oidcUrl" -}}
{{- (index .root.Values.oidc .component).url | default (include "molino.ingressUrl" (include "molino.oidcIngress" . | fromJson)) | trimSuffix "/" -}}
{{- end -}}

{{/* What a component is called at the provider, and the key of its secret. Wants root, component. */}}
{{- define "molino.oidcClient" -}}
{{- (index .root.Values.oidc .component).clientId | default .root.Values.oidc.config.clientId -}}
{{- end -}}
{{- define "molino.oidcSecretKey" -}}
{{- empty (index .root.Values.oidc .component).clientId | ternary "client-secret" (printf "%s-client-secret" .component) -}}
{{- end -}}

{{/* The keys of the Secret, as JSON. */}}
{{- define "molino.oidcKeys" -}}
{{- $keys := list -}}
{{- range $component := keys (include "molino.oidcProxied" . | fromJson) | sortAlpha -}}
{{- $keys = concat $keys (list "cookie-secret" (include "molino.oidcSecretKey" (dict "root" $ "component" $component))) -}}
{{- end -}}
{{- if and .Values.airflow.enabled .Values.oidc.airflow.enabled }}{{ $keys = append $keys (include "molino.oidcSecretKey" (dict "root" . "component" "airflow")) }}{{ end -}}
{{- $keys | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The address of a component's own server, and the header by which oauth2-proxy logs in there: at MinIO none does. */}}
{{- define "molino.oidcUpstream" -}}
{{- $service := (index .root.Values .component).service -}}
{{- $scheme := eq .component "minio" | ternary (include "molino.minioScheme" .root) "http" -}}
{{ $scheme }}://{{ include "molino.name" . }}:{{ $service.consolePort | default $service.port | toJson }}
{{- end -}}
{{- define "molino.oidcHeader" -}}
{{- get (dict "mlflow" "Authorization" "tensorboard" "Authorization" "serving" "X-API-KEY") .component -}}
{{- end -}}

{{/* What oauth2-proxy is told of a component; wants root, component, port. */}}
{{- define "molino.oidcSettings" -}}
{{- $config := .root.Values.oidc.config -}}
{{- $upstreams := list (dict "id" .component "path" "/" "uri" (include "molino.oidcUpstream" .)) -}}
{{- if eq .component "serving" -}}
{{- /* As at the ingress: the paths of models that are served apart, and what is below them. */ -}}
{{- range $model, $place := include "molino.servingPlaces" .root | fromJson -}}
{{- range $path := list "/models/%s" "/models/%s/" "/v2/models/%s" "/v2/models/%s/" -}}
{{- $path = printf $path $model -}}
{{- $upstreams = append $upstreams (dict "id" $path "path" $path "uri" $place.url) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $headers := list -}}
{{- with include "molino.oidcHeader" . -}}
{{- $headers = list (dict "name" . "values" (list (dict "secretSource" (dict "fromFile" (printf "/run/molino/%s" $.component))))) -}}
{{- end -}}
{{- $claims := dict "issuerURL" $config.issuer "emailClaim" $config.usernameClaim "userIDClaim" $config.usernameClaim "groupsClaim" $config.groupsClaim "audienceClaims" (list "aud") "insecureSkipNonce" false -}}
{{- $provider := dict "id" "oidc" "provider" "oidc" "name" "OpenID" "clientID" (include "molino.oidcClient" .) "clientSecretFile" (printf "/etc/molino-oidc/%s" (include "molino.oidcSecretKey" .)) "scope" $config.scopes "allowedGroups" (index .root.Values.oidc .component).groups "code_challenge_method" "S256" "oidcConfig" $claims -}}
{{- dict "server" (dict "bindAddress" (printf ":%v" .port)) "upstreamConfig" (dict "proxyRawPath" true "upstreams" $upstreams) "injectRequestHeaders" $headers "providers" (list $provider) | toYaml -}}
{{- end -}}

{{/* Refuse, in a line, a login that can't be. */}}
{{- define "molino.checkOidc" -}}
{{- $v := .Values -}}
{{- if $v.oidc.enabled -}}
{{- if not (regexMatch "^https?://[^/?#[:space:]]+[^?#[:space:]]*$" $v.oidc.config.issuer) -}}
{{- fail "oidc.config.issuer: expected the address of an OpenID provider, such as https://login.example.com/realms/ml" -}}
{{- end -}}
{{- if and (hasPrefix "http://" $v.oidc.config.issuer) (eq $v.environment "production") -}}
{{- fail "oidc.config.issuer: who is on the way could change what an http provider says: take https, or set environment: development" -}}
{{- end -}}
{{- if not $v.oidc.auth.existingSecret -}}
{{- fail (printf "oidc.enabled is true: set oidc.auth.existingSecret, a Secret with the keys %s" (include "molino.oidcKeys" . | fromJsonArray | join ", ")) -}}
{{- end -}}
{{- if lt (int $v.oidc.config.sessionSeconds) 1 -}}
{{- fail "oidc.config.sessionSeconds: a login of no time is none: take 1 or more" -}}
{{- end -}}
{{- range $component := keys (include "molino.oidcProxied" . | fromJson) | sortAlpha -}}
{{- $own := index $v.oidc $component -}}
{{- $place := dict "root" $ "component" $component -}}
{{- if not $own.groups -}}
{{- fail (printf "oidc.%s.groups: name the groups that may log in, or set oidc.%s.enabled: false" $component $component) -}}
{{- end -}}
{{- if not (include "molino.oidcUrl" $place) -}}
{{- $ingress := eq $component "serving" | ternary "oidc.serving.host" (printf "%s.ingress" $component) -}}
{{- fail (printf "oidc.%s: set %s or oidc.%s.url: a provider sends browsers back to the address of the page" $component $ingress $component) -}}
{{- end -}}
{{- if ne (include "molino.ingressPath" (include "molino.oidcIngress" $place | fromJson)) "/" -}}
{{- fail (printf "%s.ingress.path: with login by oidc a page is at a host of its own: take /" $component) -}}
{{- end -}}
{{- end -}}
{{- if and $v.airflow.enabled $v.oidc.airflow.enabled -}}
{{- $groups := list -}}
{{- range $role, $of := $v.oidc.airflow.roles }}{{ $groups = concat $groups $of }}{{ end -}}
{{- if not $groups -}}
{{- fail "oidc.airflow.roles: name the groups of a role, such as roles.Admin: [ml-admins], or set oidc.airflow.enabled: false" -}}
{{- end -}}
{{- range $name := list "AIRFLOW__FAB__CONFIG_FILE" "AIRFLOW__FAB__COOKIE_SECURE" "AIRFLOW__FAB__ENABLE_PROXY_FIX" "AIRFLOW__FAB__SESSION_MAX_LIFETIME_MINUTES" -}}
{{- if hasKey $v.airflow.config $name -}}
{{- fail (printf "airflow.config.%s: with oidc.airflow the chart sets this itself: leave it out" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.oidc.serving.host (eq $v.oidc.serving.enabled true) (has $v.oidc.serving.host (include "molino.ingressHosts" $v.serving.ingress | fromJsonArray)) -}}
{{- fail "oidc.serving.host: programs ask with keys at the hosts of serving.ingress: take another for people" -}}
{{- end -}}
{{- end -}}
{{- end -}}
