import { execFile } from 'node:child_process'
import { clusterProgram, type KubeApiserver } from '@chaperone/testkit'

const chart = new URL('../../../charts/chaperone', import.meta.url).pathname

/** Where the chart is installed. */
export const systemNamespace = 'chaperone-system'

/** The YAML of some templates of the chart, as helm renders them. */
export function renderChart(...templates: readonly string[]): Promise<string> {
  const shown = templates.flatMap((name) => ['--show-only', `templates/${name}.yaml`])
  const where = ['--namespace', systemNamespace, '--kube-version', '1.30.0']
  return output(clusterProgram('helm'), ['template', 'chaperone', chart, ...where, ...shown])
}

/** What `kubectl apply -f -` does with it, as the administrator. */
export async function applyYaml(apiserver: KubeApiserver, yaml: string): Promise<void> {
  await kubectl(apiserver.kubeconfigPath, ['apply', '--server-side', '-f', '-'], yaml)
}

/** Output of kubectl; rejects with its standard error when it fails. */
export function kubectl(kubeconfig: string, args: readonly string[], input = ''): Promise<string> {
  return output(clusterProgram('kubectl'), ['--kubeconfig', kubeconfig, ...args], input)
}

function output(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(stderr, { cause: error }))
    })
    child.stdin?.end(input)
  })
}
