import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { once } from 'node:events'

/** A program that a test started; it never outlives the test process. */
export interface ChildProgram {
  readonly pid: number
  /** Whether it still runs. */
  running(): boolean
  /** The last lines it wrote, for failure messages. */
  lastLines(count?: number): string
  /** Signals this process alone. */
  kill(signal: NodeJS.Signals): void
  /** SIGTERM, then SIGKILL when it has not ended in time; resolves once it is gone. */
  stop(): Promise<void>
}

/** How long a program may take to end by itself before it is killed. */
const graceMs = 5000

/** Of util-linux; replaces itself by the program, whose process id is therefore the child's. */
const setpriv = '/usr/bin/setpriv'

const alive = new Set<ChildProcess>()
let exitHook = false

/** Starts `command`, both outputs appended to `logPath`, with the given environment and nothing inherited. */
export function startProgram(
  command: string,
  args: readonly string[],
  options: { readonly logPath: string; readonly env?: Record<string, string> },
): ChildProgram {
  const log = openSync(options.logPath, 'a')
  const [program, ...leading] = [...dyingWithParent(), command]
  const child = spawn(program, [...leading, ...args], { stdio: ['ignore', log, log], env: options.env ?? {} })
  closeSync(log)
  alive.add(child)
  child.once('exit', () => alive.delete(child))
  child.once('error', () => alive.delete(child))
  if (!exitHook) {
    exitHook = true
    process.once('exit', () => {
      for (const each of alive) each.kill('SIGKILL')
    })
  }
  const running = (): boolean => alive.has(child)
  return {
    pid: child.pid ?? -1,
    running,
    lastLines: (count = 20) => readFileSync(options.logPath, 'utf8').trimEnd().split('\n').slice(-count).join('\n'),
    kill: (signal) => void child.kill(signal),
    async stop() {
      if (!running()) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

/** On Linux the kernel itself ends the program when the test process is killed, which no handler of ours can notice. */
function dyingWithParent(): string[] {
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL'] : []
}
