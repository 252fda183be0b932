// Where a sidecar that a row has started spends its time: node bench/profile.ts PID [SECONDS [FILE.cpuprofile]]
import { writeFileSync } from 'node:fs'
import { sleep } from './rig/process.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const [, , pid = '', seconds = '10', file] = process.argv
const inspector = 'http://127.0.0.1:9229/json/list'
const shown = 40

// Node opens its inspector on this signal.
process.kill(Number(pid), 'SIGUSR1')
const socket = new WebSocket(await inspectorUrl())
await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
let calls = 0
await call('Profiler.enable')
await call('Profiler.start')
await sleep(Number(seconds) * 1000)
const { profile } = (await call('Profiler.stop')) as { profile: Profile }
socket.close()
if (file !== undefined) writeFileSync(file, JSON.stringify(profile))
print(profile)

async function inspectorUrl(): Promise<string> {
  for (;;) {
    const answer = await fetch(inspector).catch(() => undefined)
    const [target] = answer === undefined ? [] : ((await answer.json()) as { webSocketDebuggerUrl: string }[])
    if (target !== undefined) return target.webSocketDebuggerUrl
    await sleep(100)
  }
}

function call(method: string): Promise<unknown> {
  const id = ++calls
  return new Promise((resolve) => {
    const onMessage = ({ data }: MessageEvent): void => {
      const answer = JSON.parse(String(data)) as { id?: number; result?: unknown }
      if (answer.id !== id) return
      socket.removeEventListener('message', onMessage)
      resolve(answer.result)
    }
    socket.addEventListener('message', onMessage)
    socket.send(JSON.stringify({ id, method, params: {} }))
  })
}

/** Share of the time in a function itself, and in it with all that it calls. */
function print({ nodes, samples, timeDeltas }: Profile): void {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)))
  const own = new Map<string, number>()
  const total = new Map<string, number>()
  samples.forEach((sample, at) => {
    const add = (to: Map<string, number>, name: string) => to.set(name, (to.get(name) ?? 0) + (timeDeltas[at] ?? 0))
    add(own, nameOf(byId.get(sample)))
    const stack = new Set<string>()
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) stack.add(nameOf(byId.get(id)))
    for (const name of stack) add(total, name)
  })
  const whole = timeDeltas.reduce((sum, delta) => sum + delta, 0)
  const percent = (value: number): string => ((value / whole) * 100).toFixed(1).padStart(5)
  process.stdout.write('  own  total\n')
  for (const [name, value] of [...total].toSorted(([, a], [, b]) => b - a).slice(0, shown))
    process.stdout.write(`${percent(own.get(name) ?? 0)}  ${percent(value)}  ${name}\n`)
}

function nameOf(node: ProfileNode | undefined): string {
  if (node === undefined) return ''
  const { functionName, url, lineNumber } = node.callFrame
  return `${functionName === '' ? 'anonymous' : functionName} ${url.split('/').at(-1) ?? ''}:${lineNumber + 1}`
}
