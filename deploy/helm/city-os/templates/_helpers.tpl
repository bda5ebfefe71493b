{{- define "city.labels" -}}
app.kubernetes.io/name: city-os
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- /* Whether the city takes the role: it belongs to no building block, or to one that is on. */ -}}
{{- define "city.taken" -}}
{{- $block := .role.block -}}
{{- if or (not $block) (has (index .root.Values.environment $block | toString | lower) (list "true" "1" "yes" "on")) -}}
yes
{{- end -}}
{{- end }}

{{- define "city.environment" -}}
{{- range $name, $value := . -}}
- name: {{ $name }}
  value: {{ $value | quote }}
{{ end }}
{{- end }}

{{- /* A pod sees the secrets that its environment names and no others. */ -}}
{{- define "city.pod" -}}
automountServiceAccountToken: false
# The cluster's own variables for services (CITYOS_GATEWAY_PORT=tcp://…) would pass for settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: secrets
    secret:
      secretName: {{ .root.Values.secret }}
      defaultMode: 0440
      items:
        {{- range $name, $value := .environment }}
        {{- if hasSuffix "_FILE" $name }}
        - { key: {{ base $value }}, path: {{ base $value }} }
        {{- end }}
        {{- end }}
  - name: tmp
    emptyDir: { sizeLimit: 64Mi }
{{- end }}

{{- define "city.container" -}}
image: {{ printf "%s:%s" .root.Values.image.repository .root.Values.image.tag | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: { drop: [ALL] }
resources: {{- toYaml (default .root.Values.resources .resources) | nindent 2 }}
volumeMounts:
  - { name: secrets, mountPath: /run/secrets, readOnly: true }
  - { name: tmp, mountPath: /tmp }
{{- end }}
