{{- define "chaperone.labels" -}}
app.kubernetes.io/name: chaperone
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "chaperone.image" -}}
{{- $tag := .root.Values.images.tag | default .root.Chart.AppVersion -}}
{{- if .root.Values.images.registry }}{{ .root.Values.images.registry }}/{{ end }}{{ .name }}:{{ $tag }}
{{- end }}

{{- define "chaperone.collectorEndpoint" -}}
{{- if .Values.collector.endpoint }}{{ .Values.collector.endpoint }}
{{- else }}http://chaperone-collector.{{ .Release.Namespace }}.svc:4318/v1/logs
{{- end }}
{{- end }}

{{- /* What PodSecurity "restricted" asks of a container. */ -}}
{{- define "chaperone.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* A match condition: the policy is not for those who may break the glass. Empty when there are none. */ -}}
{{- define "chaperone.notBreakGlass" -}}
{{- with .Values.breakGlassGroups }}
- name: not-break-glass
  expression: "!request.userInfo.groups.exists(g, g in {{ . | toJson | replace "\"" "'" }})"
{{- end }}
{{- end }}
