import type { KubeApiserver } from '@chaperone/testkit'
import type { Pod } from '../src/inject/pod.ts'

/** What tests apply in the namespace `agents`; `spec` is more YAML of the specification. */
export const sessionYaml = (name: string, spec = ''): string => `
apiVersion: chaperone.dev/v1alpha1
kind: AgentSession
metadata: {name: ${name}, namespace: agents}
spec:
  agent: {name: ${name}}
  selector: {matchLabels: {app: ${name}}}
${spec}`

export const podYaml = (name: string, app: string, spec = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: agents, labels: {app: ${app}}}
spec:
  containers: [{name: main, image: agent:1, env: [{name: X/~Y, value: z}]}]
${spec}`

/** A token as the kubelet projects it into a pod. */
export async function podToken(
  apiserver: KubeApiserver,
  pod: Pod,
  { audience = 'chaperone' }: { audience?: string } = {},
): Promise<string> {
  const { name, uid } = pod.metadata as { name: string; uid: string }
  const account = pod.spec.serviceAccountName ?? 'default'
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: [audience],
      expirationSeconds: 600,
      boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
    },
  }
  const path = `/api/v1/namespaces/agents/serviceaccounts/${account}/token`
  const answer = (await apiserver.request('POST', path, request)) as { status: { token: string } }
  return answer.status.token
}

/** A sidecar's question; `digit` makes the digest of the act. */
export const ask = (digit: string, expiresInMs = 600_000): object => ({
  rule: 'AgentSession/devin#refunds',
  action: { protocol: 'HTTP', summary: 'POST https://api.test/refunds', digest: digit.repeat(64) },
  grant: 'Once',
  expiresInMs,
})
