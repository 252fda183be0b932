import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isNeighbourDiscovery, parseFrame, type Frame } from './frame.ts'
import { startPythonActor, type PythonActor } from './python-actor.ts'

/**
 * Two network namespaces joined by one link: `pod`, as a container runtime makes it, and `outside`, which is everybody
 * else: it has every address there is, and sees every frame that comes out of the pod.
 */
export interface PodSandbox {
  /** A folder that goes away with the sandbox. */
  readonly directory: string
  /** Where programs in the pod find this checkout: as in an image, not in somebody's home. */
  readonly root: string
  /** Applies a rule set, as the container of verify does; rejects with what nft says. */
  nft(rules: string): Promise<void>
  /** Runs a program of iproute2 or procps to its end, as root. */
  run(place: Place, command: string, ...args: readonly string[]): Promise<string>
  /** Starts a program in the pod; standard output and error are the test's own business. */
  start(identity: Identity, command: readonly string[], environment: Readonly<Record<string, string>>): ChildProcess
  /** Starts a Python module whose functions the test calls. */
  actor(place: Place, identity: Identity, module: string): Promise<PythonActor>
  /** Every frame that came out of the pod since the last call, but for the kernel's bare neighbour discovery. */
  frames(): Promise<readonly Frame[]>
  close(): void
}

export type Place = 'pod' | 'outside'

/** Who a process is. No identity but `root` can gain a privilege that it does not start with. */
export interface Identity {
  readonly uid: number
  /** Names of capabilities(7) in lower case without `cap_`; all others are gone for good. */
  readonly capabilities?: readonly string[]
}

export const root: Identity = { uid: 0, capabilities: ['all'] }

/** Addresses of the two ends. The outside answers to any other address as well. */
export const sandboxAddresses = {
  pod: { v4: '10.77.0.2', v6: 'fd77::2' },
  gateway: { v4: '10.77.0.1', v6: 'fd77::1' },
  /** Another pod on the same link. */
  neighbour: { v4: '10.77.0.9', v6: 'fd77::9' },
} as const

const device = 'eth0'
/** Written in full, as frames are. */
const neighbours = ['10.77.0', 'fd77:0:0:0:0:0:0', 'fe80:0:0:0:0:ff:fe00'].flatMap((link) => {
  const separator = link.includes(':') ? ':' : '.'
  return [`${link}${separator}1`, `${link}${separator}2`]
})
const macs = { pod: '02:00:00:00:00:02', outside: '02:00:00:00:00:01' } as const
const framesModule = fileURLToPath(new URL('frames.py', import.meta.url))
const workspace = fileURLToPath(new URL('../../../..', import.meta.url))

export async function createPodSandbox(): Promise<PodSandbox> {
  if (process.getuid?.() !== 0)
    throw new Error('needs root, for network namespaces, nftables and a packet socket: run it as root')
  const closers: (() => void)[] = []
  const close = (): void => {
    for (const each of closers.splice(0).reverse()) each()
  }
  try {
    return { ...(await build(closers)), close }
  } catch (error) {
    close()
    throw error
  }
}

async function build(closers: (() => void)[]): Promise<Omit<PodSandbox, 'close'>> {
  const directory = mkdtempSync(join(tmpdir(), 'pod-'))
  closers.push(() => rmSync(directory, { recursive: true, force: true }))
  const holders = { pod: await holdNamespaces(closers), outside: await holdNamespaces(closers) }
  const enter = (place: Place, identity: Identity = root): string[] => [
    ...['nsenter', `--target=${holders[place].pid ?? -1}`, '--net', '--mount', '--', ...become(identity)],
  ]
  const run: PodSandbox['run'] = (place, ...command) => execute([...enter(place), ...command])
  const actor: PodSandbox['actor'] = async (place, identity, module) => {
    const started = await startPythonActor(enter(place, identity), module)
    closers.push(() => started.close())
    return started
  }
  await connect(run, holders.outside.pid ?? -1)
  await knowGateway({ run })
  await furnish(run, directory)
  const watch = await actor('outside', root, framesModule)
  const beacons = await actor('pod', root, framesModule)
  await watch.value('listen', { device })
  let beacon = 0
  return {
    directory,
    root: join(directory, 'workspace'),
    run,
    actor,
    async nft(rules) {
      await execute([...enter('pod'), 'nft', '-f', '-'], rules)
    },
    start(identity, command, environment) {
      const child = spawnIn([...enter('pod', identity), ...command], environment)
      closers.push(() => child.kill('SIGKILL'))
      return child
    },
    async frames() {
      beacon += 1
      await beacons.value('send_beacon', { device, number: beacon })
      const seen = (await watch.value('frames_before_beacon', { number: beacon })) as string[]
      return seen
        .map((hex) => parseFrame(Buffer.from(hex, 'hex')))
        .filter((frame) => !isNeighbourDiscovery(frame, neighbours))
    },
  }
}

/** A process that keeps a network and a mount namespace alive until it, or this process, ends. */
async function holdNamespaces(closers: (() => void)[]): Promise<ChildProcess> {
  const child = spawn(
    'setpriv',
    ['--pdeathsig=KILL', 'unshare', '--net', '--mount', 'sh', '-c', 'echo ready; exec sleep infinity'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  closers.push(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

/** setpriv(1), which replaces itself by the program. */
function become({ uid, capabilities = [] }: Identity): string[] {
  if (capabilities.includes('all')) return ['setpriv', '--pdeathsig=KILL']
  const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',')
  const groups = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const caps = [`--inh-caps=${set}`, `--ambient-caps=${set}`, `--bounding-set=${set}`]
  return ['setpriv', ...groups, ...caps, '--no-new-privs', '--pdeathsig=KILL']
}

type Run = PodSandbox['run']

/** One link, as a CNI plugin makes it; and an outside that answers to every address. */
async function connect(run: Run, outside: number): Promise<void> {
  const both = ['pod', 'outside'] as const
  const ends = { pod: sandboxAddresses.pod, outside: sandboxAddresses.gateway }
  await run(
    'pod',
    'ip',
    'link',
    'add',
    device,
    'address',
    macs.pod,
    'type',
    'veth',
    ...['peer', 'name', device, 'address', macs.outside, 'netns', String(outside)],
  )
  for (const place of both) {
    await run(place, 'sysctl', '-qw', ...sysctls[place])
    await run(place, 'ip', 'link', 'set', 'lo', 'up')
    await run(place, 'ip', 'link', 'set', device, 'up')
    await run(place, 'ip', 'address', 'add', `${ends[place].v4}/24`, 'dev', device)
    await run(place, 'ip', 'address', 'add', `${ends[place].v6}/64`, 'dev', device, 'nodad')
  }
  for (const family of ['v4', 'v6'] as const) {
    // Deprecated (RFC 4862 §5.5.4), so that the outside itself speaks from the gateway's address.
    const [flag, length, secondary] =
      family === 'v4' ? (['-4', 32, []] as const) : (['-6', 128, ['nodad', 'preferred_lft', '0']] as const)
    const { [family]: gateway } = sandboxAddresses.gateway
    await run('pod', 'ip', flag, 'route', 'add', 'default', 'via', gateway)
    await run(
      'outside',
      'ip',
      'address',
      'add',
      `${sandboxAddresses.neighbour[family]}/${length}`,
      'dev',
      device,
      ...secondary,
    )
    // What is on the link is said again in front of the default, which would claim the pod's own address.
    const link = family === 'v4' ? '10.77.0.0/24' : 'fd77::/64'
    await run('outside', 'ip', flag, 'route', 'add', link, 'dev', device, 'table', 'local')
    await run('outside', 'ip', flag, 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', 'local')
  }
}

/** Writes the gateway's addresses down, so that what is sent leaves at once and not after a question on the link. */
export async function knowGateway({ run }: Pick<PodSandbox, 'run'>): Promise<void> {
  for (const gateway of Object.values(sandboxAddresses.gateway))
    await run('pod', 'ip', 'neigh', 'replace', gateway, 'lladdr', macs.outside, 'dev', device, 'nud', 'permanent')
}

/** What runtimes give a pod; and group reports at once, where the kernel would wait for up to ten seconds. */
const sysctls = {
  pod: [
    'net.ipv4.ping_group_range=0 2147483647',
    'net.ipv4.ip_unprivileged_port_start=0',
    ...['igmpv2', 'igmpv3'].map((version) => `net.ipv4.conf.all.${version}_unsolicited_report_interval=1`),
    ...['mldv1', 'mldv2'].map((version) => `net.ipv6.conf.${device}.${version}_unsolicited_report_interval=1`),
    `net.ipv6.conf.${device}.accept_dad=0`,
    `net.ipv6.conf.${device}.router_solicitations=0`,
  ],
  outside: [
    'net.ipv6.ip_nonlocal_bind=1',
    'net.ipv4.conf.all.rp_filter=0',
    `net.ipv4.conf.${device}.rp_filter=0`,
    `net.ipv6.conf.${device}.accept_dad=0`,
  ],
} as const

/** The checkout and Node where every user may read them, and a resolv.conf of the pod's own. */
async function furnish(run: Run, directory: string): Promise<void> {
  await execute(['chmod', '0711', directory])
  for (const [name, source] of [
    ['workspace', workspace],
    ['node', dirname(process.execPath)],
  ] as const) {
    await execute(['mkdir', join(directory, name)])
    await run('pod', 'mount', '--bind', '-o', 'ro', source, join(directory, name))
  }
  const resolvConf = join(directory, 'resolv.conf')
  writeFileSync(
    resolvConf,
    `nameserver ${sandboxAddresses.gateway.v4}\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions timeout:1 attempts:2\n`,
  )
  await run('pod', 'mount', '--bind', resolvConf, '/etc/resolv.conf')
}

function spawnIn([program = '', ...args]: string[], environment: Readonly<Record<string, string>>): ChildProcess {
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], ...environment } })
}

/** Resolves with what it wrote; rejects with what it complained of. */
async function execute([program = '', ...args]: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const text = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString('utf8')))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')}: ${text.err.trim()}`)
  return text.out
}
