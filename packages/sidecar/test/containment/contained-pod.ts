import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseExport } from '@chaperone/audit'
import { podRules, sidecarPorts } from '@chaperone/guard'
import {
  createPodSandbox,
  root,
  sandboxAddresses,
  type Identity,
  type PodSandbox,
  type PythonActor,
} from '@chaperone/testkit'
import { startDirector, type Director } from './director.ts'

/** A pod as the injector makes it, with the real guard and the real sidecar, but no Kubernetes. */
export interface ContainedPod {
  readonly sandbox: PodSandbox
  /** Somebody without root and without capabilities. */
  readonly agent: PythonActor
  /** uid 0 without capabilities: what `drop: [ALL]` leaves of root. */
  readonly rootAgent: PythonActor
  /** Somebody with CAP_NET_RAW, as a default container has it and ours must not. */
  readonly rawAgent: PythonActor
  /** With the uid of the sidecar, as the sidecar's own socket has it. */
  readonly asSidecar: PythonActor
  readonly outside: PythonActor
  readonly sidecar: Sidecar
  /** The folder of the sidecar's volumes, which no other container mounts. */
  readonly volumes: string
  /** Runs the self-test, as the kubelet does before the agent starts, or again. */
  verify(mode?: 'again'): Promise<SelfTest>
  /** Waits for a record of the sidecar, from the first one on. */
  recorded(kind: string, attributes: Readonly<Record<string, unknown>>): Promise<void>
  /** Whether there is one by now. */
  isRecorded(kind: string, attributes: Readonly<Record<string, unknown>>): Promise<boolean>
  close(): Promise<void>
}

export interface SelfTest {
  readonly code: number
  readonly said: string
  readonly terminationMessage: string
}

/** The one process that may reach the outside. */
export interface Sidecar {
  readonly pid: number
  /** Resolves when it serves under its policy. */
  start(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** SIGKILL: it gets no chance to tidy up. */
  kill(): Promise<void>
  /** Resolves when somebody else has killed it, with SIGKILL too. */
  ended(): Promise<void>
}

/** A second on an idle machine; for a hook of jest. */
export const startTimeoutMs = 60_000

export const proxyUid = 1_234_567
const verifyUid = proxyUid - 1
export const agentUid = 2000
export const declaredPort = 8080
export const guardRules: string = podRules({ proxyUid, inboundPorts: [declaredPort] })

/** Servers that answer, `keeping` more than once on a connection, and one that takes a request and resets the connection. */
export const upstream = { v4: '203.0.113.10', v6: '2001:db8:77::10', keeping: '203.0.113.11' } as const
export const resetting = '203.0.113.99'
/** A host whose name always leads to `upstream.v4`. */
export const steadyHost = 'steady.test'
/** The node that the pod is on, as the sidecar is told. */
export const nodeAddresses = ['192.0.2.77', '2001:db8::77'] as const
export const kubeletPort = 10_250
/** The cluster's API: the address that the kubelet tells, and the one behind its name. */
export const apiServer = { told: '10.96.0.1', named: '172.18.0.2' } as const
const privateUpstream = '10.96.7.7'

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Whose sidecar waits for the reports of verify where `isVerified`. */
export async function startContainedPod({ isVerified = false } = {}): Promise<ContainedPod> {
  const sandbox = await createPodSandbox()
  try {
    return await fill(sandbox, isVerified)
  } catch (error) {
    sandbox.close()
    throw error
  }
}

async function fill(sandbox: PodSandbox, isVerified: boolean): Promise<ContainedPod> {
  const own = join(sandbox.directory, 'sidecar')
  // Open to all, so that what is inside has to protect itself.
  mkdirSync(own, { mode: 0o711 })
  const verifyDir = join(own, 'verify')
  mkdirSync(verifyDir)
  chownSync(verifyDir, verifyUid, verifyUid)
  const director = await startDirector(join(own, 'control.sock'))
  for (const path of [own, join(own, 'control.sock')]) chownSync(path, proxyUid, proxyUid)
  await sandbox.nft(guardRules)
  const agentOf = (identity: Identity) => sandbox.actor('pod', identity, fileOf('attempts.py'))
  const pod: ContainedPod = {
    sandbox,
    agent: await agentOf({ uid: agentUid }),
    rootAgent: await agentOf({ uid: 0 }),
    rawAgent: await agentOf({ uid: agentUid, capabilities: ['net_raw'] }),
    asSidecar: await agentOf({ uid: proxyUid }),
    outside: await sandbox.actor('outside', root, fileOf('outside.py')),
    sidecar: sidecarIn(sandbox, own, { director, environment: isVerified ? { CHAPERONE_VERIFY_DIR: verifyDir } : {} }),
    volumes: own,
    verify: (mode) => runSelfTest(sandbox, own, [verifyDir, ...(mode === undefined ? [] : [mode])]),
    async recorded(kind, attributes) {
      while (!(await pod.isRecorded(kind, attributes))) await delay(pollMs)
    },
    isRecorded: (kind, attributes) => isRecorded(join(own, 'audit.jsonl'), kind, attributes),
    async close() {
      await pod.sidecar.kill()
      director.close()
      sandbox.close()
    },
  }
  await pod.outside.value('serve_dns', { address: sandboxAddresses.gateway.v4 })
  for (const address of [upstream.v4, upstream.v6, apiServer.named, privateUpstream])
    await pod.outside.value('serve_http', { address, port: 80 })
  await pod.outside.value('serve_http', { address: upstream.v4, port: sidecarPorts.health })
  await pod.outside.value('serve_http', { address: upstream.keeping, port: 80, keeps: true })
  await pod.outside.value('serve_http', { address: resetting, port: 80, resets: true })
  for (const [name, address] of Object.entries({
    [steadyHost]: upstream.v4,
    'kubernetes.default.svc.cluster.local': apiServer.named,
    'private.default.svc.cluster.local': privateUpstream,
    'listed.test': privateUpstream,
  }))
    await pod.outside.value('answer', { name, addresses: [address] })
  await pod.sidecar.start()
  return pod
}

type Environment = Readonly<Record<string, string>>

async function runSelfTest(
  sandbox: PodSandbox,
  directory: string,
  [verifyDir, ...mode]: [string, ...string[]],
): Promise<SelfTest> {
  const terminationLog = join(verifyDir, 'termination-log')
  const child = sandbox.start({ uid: verifyUid }, [...program(sandbox, 'verify/main.ts'), ...mode], {
    CHAPERONE_TRUST_DIR: join(directory, 'trust'),
    CHAPERONE_VERIFY_DIR: verifyDir,
    CHAPERONE_TERMINATION_LOG: terminationLog,
    CHAPERONE_FIRST_PROCESS: readFileSync('/proc/1/comm', 'utf8').trimEnd(),
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => void (said += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, said, terminationMessage: await readFile(terminationLog, 'utf8') }
}

/** `environment`: settings beyond those that make a sidecar run at all. */
export function sidecarIn(
  sandbox: PodSandbox,
  directory: string,
  { director, environment }: { readonly director: Director; readonly environment: Environment },
): Sidecar {
  let running: ChildProcess | undefined
  return {
    get pid() {
      return running?.pid ?? -1
    },
    async start() {
      const child = launchSidecar(sandbox, directory, environment)
      running = child
      let text = ''
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => void (text += String(chunk)))
      const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the sidecar has ended: ${text}`)))
      ended.catch(() => undefined)
      await Promise.race([director.nextDirected(), ended])
    },
    signal: (signal) => void running?.kill(signal),
    async ended() {
      if (running?.signalCode === null) await once(running, 'exit')
      if (running?.signalCode !== 'SIGKILL') throw new Error('the sidecar has ended by itself')
    },
    async kill() {
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      const ended = once(running, 'exit')
      running.kill('SIGKILL')
      await ended
    },
  }
}

/** A program of the image, by its source. */
export function program(sandbox: PodSandbox, source: 'main.ts' | 'verify/main.ts'): string[] {
  const node = [join(sandbox.directory, 'node/node'), '--disallow-code-generation-from-strings', '--liftoff-only']
  return [...node, join(sandbox.root, 'packages/sidecar/src', source)]
}

function launchSidecar(sandbox: PodSandbox, directory: string, environment: Environment): ChildProcess {
  return sandbox.start({ uid: proxyUid }, program(sandbox, 'main.ts'), {
    CHAPERONE_CONTROL_URL: `unix:${join(directory, 'control.sock')}`,
    CHAPERONE_PRIVATE_DIR: join(directory, 'private'),
    CHAPERONE_TRUST_DIR: join(directory, 'trust'),
    CHAPERONE_AUDIT_DIR: join(directory, 'audit'),
    CHAPERONE_AUDIT_FILE: join(directory, 'audit.jsonl'),
    CHAPERONE_HOST_IPS: nodeAddresses.join(','),
    KUBERNETES_SERVICE_HOST: apiServer.told,
    CHAPERONE_DRAIN_MS: '1',
    ...environment,
  })
}

const pollMs = 20

async function isRecorded(file: string, kind: string, attributes: Readonly<Record<string, unknown>>): Promise<boolean> {
  const matches = (record: { kind: string; attributes: Readonly<Record<string, unknown>> }): boolean =>
    record.kind === kind && Object.entries(attributes).every(([name, value]) => record.attributes[name] === value)
  const text = await readFile(file, 'utf8').catch(() => '')
  return text !== '' && parseExport(text).some((each) => !('broken' in each) && matches(each.record))
}
