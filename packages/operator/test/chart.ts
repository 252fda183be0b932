import { execFileSync } from 'node:child_process'
import { clusterProgram, type KubeApiserver } from '@chaperone/testkit'

const chart = new URL('../../../charts/chaperone', import.meta.url).pathname

/** Where the chart is installed. */
export const systemNamespace = 'chaperone-system'

/** The YAML of some templates of the chart, as helm renders them. */
export function renderChart(...templates: readonly string[]): string {
  const shown = templates.flatMap((name) => ['--show-only', `templates/${name}.yaml`])
  const where = ['--namespace', systemNamespace, '--kube-version', '1.30.0']
  return execFileSync(clusterProgram('helm'), ['template', 'chaperone', chart, ...where, ...shown], {
    encoding: 'utf8',
  })
}

/** What `kubectl apply -f -` does with it, as the administrator. */
export function applyYaml(apiserver: KubeApiserver, yaml: string): void {
  kubectl(apiserver.kubeconfigPath, ['apply', '--server-side', '-f', '-'], yaml)
}

/** Output of kubectl; throws with its standard error when it fails. */
export function kubectl(kubeconfig: string, args: readonly string[], input = ''): string {
  return execFileSync(clusterProgram('kubectl'), ['--kubeconfig', kubeconfig, ...args], {
    encoding: 'utf8',
    input,
    stdio: 'pipe',
  })
}
