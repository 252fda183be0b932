/* How fast bodies are masked with every detector, beside JSON.parse and JSON.stringify of the same bytes in the same run. */
import { detectorNames } from '../../packages/api/src/index.ts'
import { compileMask, createBodyMasker } from '../../packages/mask/src/index.ts'
import { bodies, type Body } from './bodies.ts'

const rounds = 7
/** As a socket hands them out. */
const chunkBytes = 64 * 1024
const mask = compileMask(
  [{ name: 'all', detect: [...detectorNames], fields: [], columns: [], replace: { strategy: 'Token' } }],
  new Uint8Array(32).fill(1),
)

function maskBody({ bytes, contentType }: Body): number {
  if (mask === undefined) throw new Error('no mask')
  const masker = createBodyMasker(mask, contentType)
  let length = 0
  for (let at = 0; at < bytes.length; at += chunkBytes)
    length += masker.push(bytes.subarray(at, at + chunkBytes)).length
  return length + masker.end().length
}

function peer({ bytes, contentType }: Body): number {
  const text = bytes.toString()
  return (contentType.includes('json') ? JSON.stringify(JSON.parse(text)) : text.toUpperCase()).length
}

/** Microseconds of this process's processor time. */
function cost(body: Body, work: (body: Body) => number): number {
  const times = Math.max(1, Math.round(4_000_000 / body.bytes.length))
  const before = process.cpuUsage()
  for (let count = 0; count < times; count++) work(body)
  const used = process.cpuUsage(before)
  return (used.user + used.system) / times
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN

const log = (line: string): boolean => process.stdout.write(`${line}\n`)
log('body                                  masked MB/s    µs each    JSON.parse + stringify   ratio')
const only = process.argv[2] ?? ''
for (const body of bodies.filter(({ name }) => name.includes(only))) {
  for (let count = 0; count < 3; count++) {
    cost(body, maskBody)
    cost(body, peer)
  }
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(cost(body, maskBody))
    theirs.push(cost(body, peer))
  }
  const [mine, other] = [median(ours), median(theirs)]
  log(
    [
      body.name.padEnd(38),
      (body.bytes.length / mine).toFixed(0).padStart(10),
      mine.toFixed(1).padStart(11),
      (body.contentType.includes('json') ? `${(body.bytes.length / other).toFixed(0)} MB/s` : '–').padStart(25),
      (body.contentType.includes('json') ? (other / mine).toFixed(2) : '–').padStart(8),
    ].join(' '),
  )
}
