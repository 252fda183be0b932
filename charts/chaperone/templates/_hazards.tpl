{{- /*
What would let a pod's containers around the sidecar, or reach out for them from the node. Validations over
variables.spec (a PodSpec) and variables.agents (containers that are not ours), in force where `variables.contained`;
`variables.proxied`: clients are told of a proxy there.
The webhook refuses the same, all at once and with indexes (packages/operator/src/inject/refusals).
*/ -}}
{{- define "chaperone.hazards" -}}
- expression: "!variables.contained || (!variables.spec.?hostNetwork.orValue(false) && !variables.spec.?hostPID.orValue(false) && !variables.spec.?hostIPC.orValue(false))"
  message: "chaperone: the namespaces of the node are not for agents (spec.hostNetwork, spec.hostPID, spec.hostIPC)"
- expression: "!variables.contained || !variables.spec.?shareProcessNamespace.orValue(false)"
  message: "chaperone: agents may not share processes with the sidecar (spec.shareProcessNamespace)"
- expression: "!variables.contained || variables.spec.?securityContext.?sysctls.orValue([]).size() == 0"
  message: "chaperone: sysctls are not allowed (spec.securityContext.sysctls)"
- expression: >-
    !variables.contained || (variables.spec.?securityContext.?seccompProfile.?type.orValue('RuntimeDefault') != 'Unconfined'
    && variables.agents.all(c, c.?securityContext.?seccompProfile.?type.orValue('RuntimeDefault') != 'Unconfined'))
  message: "chaperone: agents run with seccomp (securityContext.seccompProfile.type)"
- expression: >-
    !variables.contained || (variables.spec.?securityContext.?appArmorProfile.?type.orValue('RuntimeDefault') != 'Unconfined'
    && variables.agents.all(c, c.?securityContext.?appArmorProfile.?type.orValue('RuntimeDefault') != 'Unconfined'))
  message: "chaperone: agents run with the AppArmor profile of the node (securityContext.appArmorProfile.type)"
- expression: "!variables.contained || (variables.spec.?dnsPolicy.orValue('ClusterFirst') != 'None' && variables.spec.?dnsConfig.?nameservers.orValue([]).size() == 0)"
  message: "chaperone: names are resolved by the servers of the cluster (spec.dnsPolicy, spec.dnsConfig.nameservers)"
- expression: "!variables.contained || variables.spec.?dnsConfig.?searches.orValue([]).size() == 0"
  message: "chaperone: the cluster says below which suffixes a name of a rule is found (spec.dnsConfig.searches)"
- expression: "!variables.contained || variables.spec.?hostAliases.orValue([]).size() == 0"
  message: "chaperone: a name is what the sidecar resolves it to (spec.hostAliases)"
- expression: "!variables.contained || variables.spec.?resourceClaims.orValue([]).size() == 0"
  message: "chaperone: claimed devices are not allowed (spec.resourceClaims)"
- expression: >-
    !variables.contained || variables.spec.?volumes.orValue([]).all(v, has(v.emptyDir) || has(v.configMap) || has(v.secret)
    || has(v.downwardAPI) || has(v.projected) || has(v.persistentVolumeClaim) || has(v.ephemeral))
  message: "chaperone: expected emptyDir, configMap, secret, downwardAPI, projected, persistentVolumeClaim or ephemeral; other volumes reach into the node or over the network (spec.volumes)"
- expression: >-
    !variables.contained || variables.spec.?volumes.orValue([]).all(v, !has(v.projected) || v.name in ['chaperone-token', 'chaperone-service-account']
    || v.projected.?sources.orValue([]).all(s, has(s.configMap) || has(s.secret) || has(s.downwardAPI) || has(s.clusterTrustBundle)))
  message: "chaperone: agents get no token of their service account (spec.volumes[*].projected.sources)"
- expression: "!variables.contained || variables.agents.all(c, c.?securityContext.?capabilities.?add.orValue([]).size() == 0)"
  message: "chaperone: agents run with no capability (securityContext.capabilities.add)"
- expression: "!variables.contained || variables.agents.all(c, c.?securityContext.?procMount.orValue('Default') == 'Default')"
  message: "chaperone: agents see the proc of their containers (securityContext.procMount)"
- expression: "!variables.contained || variables.agents.all(c, c.?volumeDevices.orValue([]).size() == 0)"
  message: "chaperone: block devices are not allowed (volumeDevices)"
- expression: "!variables.contained || variables.agents.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))"
  message: "chaperone: ports of the node are not allowed (ports[*].hostPort)"
- expression: >-
    !variables.contained || variables.agents.all(c, [c.?livenessProbe, c.?readinessProbe, c.?startupProbe].all(p,
    p.?httpGet.?host.orValue('') == '' && p.?tcpSocket.?host.orValue('') == ''))
  message: "chaperone: the node probes the pod and no other host (livenessProbe, readinessProbe, startupProbe: httpGet.host, tcpSocket.host)"
- expression: >-
    !variables.contained || variables.agents.all(c, [c.?lifecycle.?postStart, c.?lifecycle.?preStop].all(h,
    h.?httpGet.?host.orValue('') == '' && h.?tcpSocket.?host.orValue('') == ''))
  message: "chaperone: the node calls the pod and no other host (lifecycle.postStart, lifecycle.preStop: httpGet.host, tcpSocket.host)"
- expression: >-
    !variables.contained || !variables.proxied || variables.agents.all(c, c.?env.orValue([]).all(e,
    {{ include "chaperone.proxyVariables" . }}.all(v, !v.startsWith(e.name + '=') || v == e.name + '=' + e.?value.orValue(''))
    && (e.name != 'JAVA_TOOL_OPTIONS' || !e.?value.orValue('').replace('{{ include "chaperone.javaProxy" . }}', '').matches('(?i)(https?[.]proxy|socksProxy|nonProxyHosts)'))))
  message: "chaperone: clients are led to the sidecar, and to no other proxy (env)"
{{- end }}

{{- /* What the sidecar is to clients where there is no guard: packages/api/src/proxy-variables.ts. */ -}}
{{- define "chaperone.proxyVariables" -}}
['HTTP_PROXY=http://127.0.0.1:15002', 'http_proxy=http://127.0.0.1:15002', 'HTTPS_PROXY=http://127.0.0.1:15002', 'https_proxy=http://127.0.0.1:15002', 'ALL_PROXY=http://127.0.0.1:15002', 'all_proxy=http://127.0.0.1:15002', 'NO_PROXY=localhost,127.0.0.1,::1', 'no_proxy=localhost,127.0.0.1,::1', 'NODE_USE_ENV_PROXY=1']
{{- end }}
{{- define "chaperone.javaProxy" -}}
-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=15002 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=15002
{{- end }}

{{- /* More for templates. Of injected pods the policy asks for the opposite in so many words. */ -}}
{{- define "chaperone.templateHazards" -}}
- expression: "!variables.contained || variables.agents.all(c, !c.?securityContext.?privileged.orValue(false))"
  message: "chaperone: agents are not privileged (securityContext.privileged)"
- expression: "!variables.contained || variables.agents.all(c, !c.?securityContext.?allowPrivilegeEscalation.orValue(false))"
  message: "chaperone: agents cannot gain privileges (securityContext.allowPrivilegeEscalation)"
{{- end }}
