import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { promisify } from 'node:util'
import { laptopRules, sidecarPorts } from '@chaperone/guard'
import { CommandError } from '../errors.ts'
import type { Agent } from './agent.ts'
import { sandboxProgram } from './sandbox-program.ts'

const run = promisify(execFile)

/** A place for the agent from which nothing leads out but the sidecar. */
export interface Sandbox extends Agent {
  /** Messages and handles for the sidecar, as they come from inside. */
  readonly process: ChildProcess
}

export interface SandboxOptions {
  readonly environment: Readonly<Record<string, string>>
  /** Directories that the agent must not see. */
  readonly hidden: readonly string[]
  /** A resolv.conf that names a server which the rules lead to the sidecar. */
  readonly resolvConf: string
  readonly identity: { readonly uid: number; readonly gid: number }
  readonly stdin: 'inherit' | 'ignore'
}

/** Why this machine cannot contain an agent without root; undefined when it can. */
export async function whyNotContained(platform: string): Promise<string | undefined> {
  if (platform !== 'linux') return `network namespaces are Linux only, this is ${platform}`
  for (const tool of ['unshare', 'ip', 'nft', 'setsid', 'mount']) {
    if (
      await run('sh', ['-c', `command -v ${tool}`]).then(
        () => false,
        () => true,
      )
    )
      return `${tool} is not installed`
  }
  return run('unshare', [
    '--user',
    '--map-root-user',
    '--net',
    '--mount',
    '--pid',
    '--fork',
    'nft',
    laptopRules(),
  ]).then(
    () => undefined,
    () => 'this system does not allow user namespaces with nftables',
  )
}

/** A user, network, mount and pid namespace with nothing but loopback in it. Needs no privilege. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const settings = { rules: laptopRules(), ports: sidecarPorts, hidden: options.hidden, resolvConf: options.resolvConf }
  const child = spawn(
    'unshare',
    [
      '--user',
      '--map-root-user',
      '--net',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      process.execPath,
      '--input-type=module',
      '--eval',
      sandboxProgram,
    ],
    {
      stdio: [options.stdin, 'inherit', 'inherit', 'ipc'],
      env: { ...options.environment, CHAPERONE_SANDBOX: JSON.stringify(settings) },
    },
  )
  const exited = new Promise<number>((resolve) => {
    child.on('message', (message: { type?: string; code?: number }) => {
      if (message.type === 'exited') resolve(message.code ?? 1)
    })
    child.on('exit', (code) => resolve(code ?? 1))
  })
  return {
    process: child,
    start(command, environment) {
      if (!child.connected) throw new CommandError('the sandbox ended before the agent was started')
      child.send({ command, environment, identity: options.identity })
      return exited
    },
    signal(name) {
      if (child.connected) child.send({ signal: name })
    },
    stop: () => void child.kill('SIGKILL'),
  }
}
