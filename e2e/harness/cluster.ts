import { stringify } from 'yaml'
import { command, output, type Result } from './command.ts'

/** The images of this checkout, as the cluster knows them. */
export const image = (name: string): string =>
  `${process.env['E2E_REGISTRY'] ?? 'localhost'}/${name}:${process.env['E2E_TAG'] ?? 'dev'}`

/** kubectl as the cluster's administrator, or as somebody else. */
export interface Kubectl {
  (...args: string[]): Promise<string>
  /** For commands that may fail. */
  try(...args: string[]): Promise<Result>
  apply(...objects: object[]): Promise<string>
  tryApply(...objects: object[]): Promise<Result>
  as(user: string, ...groups: string[]): Kubectl
}

export function createKubectl(prefix: readonly string[] = []): Kubectl {
  const run = (...args: string[]) => output('kubectl', [...prefix, ...args])
  const yaml = (objects: readonly object[]) => objects.map((object) => stringify(object)).join('---\n')
  return Object.assign(run, {
    try: (...args: string[]) => command('kubectl', [...prefix, ...args]),
    apply: (...objects: object[]) => output('kubectl', [...prefix, 'apply', '-f', '-'], { input: yaml(objects) }),
    tryApply: (...objects: object[]) => command('kubectl', [...prefix, 'apply', '-f', '-'], { input: yaml(objects) }),
    as: (user: string, ...groups: string[]) =>
      createKubectl([
        ...prefix,
        `--as=${user}`,
        ...groups.map((group) => `--as-group=${group}`),
        '--as-group=system:authenticated',
      ]),
  })
}

const chart = new URL('../../charts/chaperone', import.meta.url).pathname

/** Installs as the README says, with the images of this checkout. */
export async function installChaperone(): Promise<void> {
  const settings = [
    'images.registry=' + (process.env['E2E_REGISTRY'] ?? 'localhost'),
    'images.tag=' + (process.env['E2E_TAG'] ?? 'dev'),
    'collector.image=' + image('chaperone-e2e-otelcol'),
  ]
  await output(
    'helm',
    [
      'upgrade',
      '--install',
      'chaperone',
      chart,
      '-n',
      'chaperone-system',
      '--create-namespace',
      '-f',
      `${chart}/values-example.yaml`,
      ...settings.flatMap((each) => ['--set', each]),
      '--wait',
      '--timeout',
      '2m',
    ],
    { timeoutMs: 180_000 },
  )
}
