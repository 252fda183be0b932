import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What a call came to: the value of the function, or the errno of what the kernel refused. */
export type Outcome =
  { readonly kind: 'done'; readonly value: unknown } | { readonly kind: 'refused'; readonly errno: string }

/** A Python program whose functions a test calls, one after the other, in the process that it chose. */
export interface PythonActor {
  readonly pid: number
  call(name: string, args?: Readonly<Record<string, unknown>>): Promise<Outcome>
  /** As `call`, for what must work. */
  value(name: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>
  close(): void
}

const runtime = fileURLToPath(new URL('actor.py', import.meta.url))
/** Debian's; version managers put their own into the home of root, where no other user may look. */
const python = '/usr/bin/python3'

/** Starts `module` behind `prefix`, the arguments that enter a namespace and drop privileges. Ends with the test process. */
export async function startPythonActor(prefix: readonly string[], module: string): Promise<PythonActor> {
  const child = spawn('env', [...prefix, python, '-B', runtime, module], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(line))
  const gone = (): void => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`${module} has ended`))
  }
  child.on('exit', gone)
  child.on('error', gone)
  child.stdin.on('error', () => undefined)
  const nextLine = (): Promise<string> => new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  parseAnswer(await nextLine())
  return actorOf(child, nextLine)
}

function actorOf(
  child: ChildProcess & { readonly stdin: NodeJS.WritableStream },
  nextLine: () => Promise<string>,
): PythonActor {
  const call: PythonActor['call'] = async (name, args = {}) => {
    child.stdin.write(`${JSON.stringify({ call: name, args })}\n`)
    return parseAnswer(await nextLine())
  }
  return {
    pid: child.pid ?? -1,
    call,
    async value(name, args) {
      const outcome = await call(name, args)
      if (outcome.kind === 'refused') throw new Error(`${name}: ${outcome.errno}`)
      return outcome.value
    },
    close: () => void child.kill('SIGKILL'),
  }
}

function parseAnswer(line: string): Outcome {
  const { value, errno, error } = JSON.parse(line) as { value?: unknown; errno?: string; error?: string }
  if (error !== undefined) throw new Error(error)
  return errno === undefined ? { kind: 'done', value } : { kind: 'refused', errno }
}
