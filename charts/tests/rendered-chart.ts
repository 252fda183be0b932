import { execFileSync } from 'node:child_process'
import { parseAllDocuments } from 'yaml'

export const chart = new URL('../chaperone', import.meta.url).pathname
export const release = { namespace: 'chaperone-system', image: 'registry.example/chaperone-sidecar:test' } as const

export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly [member: string]: unknown
}

/** The objects of the chart, as Helm renders them for a current cluster. */
export function renderChart(...values: readonly string[]): KubeObject[] {
  const settings = ['images.registry=registry.example', 'images.tag=test', ...values]
  const yaml = execFileSync('helm', [
    ...['template', 'chaperone', chart, '--namespace', release.namespace, '--kube-version', '1.36.0'],
    ...settings.flatMap((each) => ['--set', each]),
  ])
  return parseAllDocuments(yaml.toString()).flatMap((document) => {
    const object = document.toJSON() as KubeObject | null
    return object === null ? [] : [object]
  })
}
