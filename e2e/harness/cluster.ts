import { stringify } from 'yaml'
import { command, eventually, output, type Result } from './command.ts'

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
  /** What the API server would store, as JSON: admission runs, nothing is made. */
  tryAdmit(object: object): Promise<Result>
  as(user: string, ...groups: string[]): Kubectl
}

export function createKubectl(prefix: readonly string[] = []): Kubectl {
  const run = (...args: string[]) => output('kubectl', [...prefix, ...args])
  const yaml = (objects: readonly object[]) => objects.map((object) => stringify(object)).join('---\n')
  return Object.assign(run, {
    try: (...args: string[]) => command('kubectl', [...prefix, ...args]),
    apply: (...objects: object[]) => output('kubectl', [...prefix, 'apply', '-f', '-'], { input: yaml(objects) }),
    tryApply: (...objects: object[]) => command('kubectl', [...prefix, 'apply', '-f', '-'], { input: yaml(objects) }),
    tryAdmit: (object: object) =>
      command('kubectl', [...prefix, 'create', '--dry-run=server', '-o', 'json', '-f', '-'], { input: yaml([object]) }),
    as: (user: string, ...groups: string[]) =>
      createKubectl([
        ...prefix,
        `--as=${user}`,
        ...groups.map((group) => `--as-group=${group}`),
        '--as-group=system:authenticated',
      ]),
  })
}

export const chart = new URL('../../charts/chaperone', import.meta.url).pathname

const system = 'chaperone-system'

/** Installs, or changes, as the README says, with the images of this checkout; `settings` are `value.path=value`. */
export async function installChaperone(...settings: string[]): Promise<void> {
  // Journeys that begin at the same time install the same; Helm lets one at a time.
  const { code, stderr } = await eventually(
    () => command('helm', installArguments(...settings), { timeoutMs: 200_000 }),
    (result) => result.code === 0 || !/another operation|already exists/.test(result.stderr),
    240_000,
  )
  if (code !== 0) throw new Error(`helm exited with ${code}\n${stderr}`)
  // Helm waits for new replicas, not for the end of old ones, which still answer with the old settings.
  await eventually(
    () => createKubectl()('get', 'pods', '-n', system, '-l', 'app.kubernetes.io/component=operator', '-o', 'name'),
    (pods) => pods.trim().split('\n').length === 2,
    60_000,
  )
}

export function installArguments(...settings: string[]): string[] {
  const all = [
    'images.registry=' + (process.env['E2E_REGISTRY'] ?? 'localhost'),
    'images.tag=' + (process.env['E2E_TAG'] ?? 'dev'),
    'collector.image=' + image('chaperone-e2e-otelcol'),
    'verify.periodSeconds=20',
    ...settings,
  ]
  const values = ['-f', `${chart}/values-example.yaml`, ...all.flatMap((each) => ['--set', each])]
  const wait = ['--wait', '--timeout', '3m']
  return ['upgrade', '--install', 'chaperone', chart, '-n', system, '--create-namespace', ...values, ...wait]
}
