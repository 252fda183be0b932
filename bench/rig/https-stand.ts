import { detectorNames } from '@chaperone/api'
import { startChaperoneRun, type ChaperoneRun, type RunOptions } from './chaperone-run.ts'
import type { Execute } from './load.ts'
import { startOrigin, type Origin } from './origin.ts'
import { startHaproxy, startMitmproxy } from './peers.ts'
import { run } from './process.ts'
import { createWorkspace, host, type Workspace } from './workspace.ts'

/** One way to the origin. */
export interface Way {
  readonly execute: Execute
  readonly base: string
  /** Of the proxy; undefined for the direct way. */
  readonly pid: number | undefined
}

export interface HttpsStand {
  readonly workspace: Workspace
  readonly origin: Origin
  readonly chaperone: ChaperoneRun
  readonly ways: { readonly direct: Way; readonly haproxy: Way; readonly mitmproxy: Way; readonly chaperone: Way }
  stop(): Promise<void>
}

export const everything = { name: 'everything', detect: detectorNames }

/** A session as people write them: some rules that do not match come first. */
function rules(port: number): object[] {
  const to = { hosts: [host], ports: [port] }
  return [
    ...['pay', 'admin', 'users', 'keys'].map((name) => ({
      name: `no-${name}`,
      to,
      match: { http: { methods: ['POST', 'PUT', 'DELETE'], paths: [`/${name}/**`] } },
      action: 'Deny',
    })),
    { name: 'refunds', to, match: { http: { methods: ['POST'], paths: ['/refunds'] } }, action: 'Approve' },
    { name: 'plain', to, match: { http: { methods: ['GET'], paths: ['/plain/**'] } }, action: 'Allow' },
    {
      name: 'masked',
      to,
      match: { http: { methods: ['GET'], paths: ['/masked/**'] } },
      action: 'Allow',
      mask: ['everything'],
      audit: { level: 'RequestResponse' },
    },
    { name: 'first-sight', to: { hosts: ['*.first.bench.test'], ports: [port] }, action: 'Allow' },
  ]
}

/** The origin, the peers and the real sidecar before it. */
export async function startHttpsStand(options: Partial<RunOptions> = {}): Promise<HttpsStand> {
  const workspace = await createWorkspace()
  const origin = await startOrigin(workspace)
  const [haproxy, mitmproxy] = [await startHaproxy(workspace, origin), await startMitmproxy(workspace, origin)]
  const chaperone = await startChaperoneRun(workspace, {
    rules: rules(origin.port),
    profiles: [everything],
    resolve: [`${host}:${origin.port}:127.0.0.1`],
    ...options,
  })
  const here: Execute = (command, ...args) => run(command, args, { core: 'load' })
  const local = (port: number, pid?: number): Way => ({ execute: here, base: `https://127.0.0.1:${port}`, pid })
  return {
    workspace,
    origin,
    chaperone,
    ways: {
      direct: local(origin.port),
      haproxy: local(haproxy.port, haproxy.running.pid),
      mitmproxy: local(mitmproxy.port, mitmproxy.running.pid),
      chaperone: { execute: chaperone.execute, base: `https://${host}:${origin.port}`, pid: chaperone.pid },
    },
    async stop() {
      await chaperone.stop()
      for (const peer of [haproxy, mitmproxy, origin]) await peer.running.stop()
    },
  }
}
