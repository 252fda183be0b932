import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, connect, type AddressInfo } from 'node:net'

/** What is measured has one core to itself; the load and the origin share the other. */
export const cores = { proxy: 0, load: 1 } as const
export type Core = keyof typeof cores

export interface Running {
  readonly pid: number
  readonly child: ChildProcess
  /** SIGTERM to this process alone, then SIGKILL; resolves once it is gone. */
  stop(): Promise<void>
}

export interface StartOptions {
  readonly core: Core
  readonly stdio?: StdioOptions
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
}

const graceMs = 15_000
/** No single measurement takes as long; what does hangs. */
export const runTimeoutMs = 180_000
const readyTimeoutMs = 60_000
const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

/** `taskset` replaces itself by the program, whose process id is therefore the child's. */
export function start(command: string, args: readonly string[], options: StartOptions): Running {
  const { core, stdio = ['ignore', 'ignore', 'inherit'], env = process.env, uid } = options
  const child = spawn('taskset', ['-c', String(cores[core]), command, ...args], {
    stdio,
    env,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  alive.add(child)
  child.once('exit', () => alive.delete(child))
  return {
    pid: child.pid ?? -1,
    child,
    async stop() {
      if (!alive.has(child)) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

/** Runs to its end and gives what it printed; anything but success is an error. */
export async function run(command: string, args: readonly string[], options: StartOptions): Promise<string> {
  const { child } = start(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const output = { out: '', err: '' }
  child.stdout?.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (output.err += chunk.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), runTimeoutMs)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  if (code !== 0) throw new Error(`${command} ended with ${code ?? 'a signal'}: ${output.err}${output.out}`)
  return output.out
}

/** Moves a process that somebody else started, with all its threads. */
export async function pin(pid: number, core: Core): Promise<void> {
  await run('taskset', ['-a', '-c', '-p', String(cores[core]), String(pid)], { core: 'load' })
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Resolves when something accepts connections there. */
export async function accepting(port: number): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs
  while (Date.now() < deadline) {
    const socket = connect(port, '127.0.0.1')
    const open = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (open) return
    await sleep(20)
  }
  throw new Error(`nothing listens on port ${port}`)
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** USER_HZ, which Linux has fixed for what it shows. */
const ticksPerSecond = 100

/** User and system seconds of all threads so far (proc(5)). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** MiB; `VmHWM` is the most since `forgetPeak`. */
export function memoryMiB(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const [, kibibytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) / 1024
}

export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')

/** Children by a word of their command line. */
export function childOf(parent: number, word: string): number | undefined {
  return readdirSync('/proc')
    .map(Number)
    .find((pid) => {
      try {
        const parentField = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]
        return Number(parentField) === parent && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word)
      } catch {
        return false
      }
    })
}
