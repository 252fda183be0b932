import { duplexPair } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { agentSession, parseResource, type AgentSession } from '@chaperone/api'
import { systemClock } from '@chaperone/core'
import { compileMask } from '@chaperone/mask'
import { compilePolicy, loadSqlParser, resolvePolicy, type SqlClassifier } from '@chaperone/policy'
import { cutsOf } from '@chaperone/testkit'
import { postgres } from '@chaperone/wire'
import fc from 'fast-check'
import { pino } from 'pino'
import type { Engine } from '../engine/engine.ts'
import { runClientSession } from './client-session.ts'
import { createFrameReader } from './frames.ts'
import { createJudge } from './judge.ts'
import { createPreparedNames } from './prepared-names.ts'
import { createServerPump } from './server-pump.ts'
import { ModelServer, type Effect } from './testdata/model-server.ts'

// Thousands of conversations, on machines that do other things as well.
jest.setTimeout(120_000)

const secret = 'ada@customer.example'
const [openOid, secretOid, notesOid] = [1, 2, 3]
const readSecret = 'select email from secret'

/** Statements of the model; those that no rule allows, or that nobody has approved, must never run. */
const effects = new Map<string, Effect>([
  ['select x from open', { kind: 'rows', tableOid: openOid, value: 'plain' }],
  ['select done from open', { kind: 'rows', tableOid: openOid, value: 'done' }],
  [readSecret, { kind: 'rows', tableOid: secretOid, value: secret }],
  ['select note from notes', { kind: 'rows', tableOid: notesOid, value: `mail to ${secret}` }],
  ['select 1/0 from open', { kind: 'fails' }],
  ['copy open from stdin', { kind: 'copyIn' }],
  ['copy notes to stdout', { kind: 'copyOut', value: secret }],
  ['copy secret to stdout', { kind: 'copyOut', value: secret }],
  ['begin', { kind: 'begin' }],
  ['commit', { kind: 'commit' }],
  ['prepare s1 as select email from secret', { kind: 'prepare', name: 's1', sql: readSecret }],
  ['deallocate s1', { kind: 'deallocate', name: 's1' }],
  ['declare p1 cursor for select email from secret', { kind: 'declare', name: 'p1', sql: readSecret }],
  ['close p1', { kind: 'closeCursor', name: 'p1' }],
  ['delete from open', { kind: 'command' }],
  ['update open set x = 1', { kind: 'command' }],
])
const forbidden = ['delete from open', 'update open set x = 1', 'copy secret to stdout']
/** Allowed by the rules, and refused by the server. */
const broken = 'select nothing from open'

const policy = (() => {
  const to = { hosts: ['db.test'], protocol: 'Postgres' }
  const allow = (name: string, verbs: string[], table: string, mask: string[] = []) => ({
    name,
    to,
    match: { sql: { verbs, tables: [`public.${table}`] } },
    action: 'Allow',
    mask,
  })
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin' },
    spec: {
      agent: { name: 'devin' },
      egress: {
        rules: [
          allow('open', ['Select', 'Insert', 'Copy', 'Transaction', 'Set'], 'open'),
          allow('secret', ['Select', 'Copy'], 'secret', ['columns']),
          allow('notes', ['Select', 'Copy'], 'notes', ['text']),
          { name: 'update', to, match: { sql: { verbs: ['Update'] } }, action: 'Approve' },
        ],
      },
      masking: {
        profiles: [
          { name: 'columns', columns: ['secret.email'] },
          { name: 'text', detect: ['EmailAddress'] },
        ],
      },
    },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return compilePolicy(resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] }))
})()

const engine: Pick<Engine, 'authorize' | 'policy' | 'mask' | 'clock' | 'log' | 'recorder'> = {
  clock: systemClock,
  log: pino({ level: 'silent' }),
  recorder: { append: () => Promise.resolve(1) },
  policy: {
    current: policy,
    pod: undefined,
    peek: (action) => policy.evaluate(action, 0),
    subscribe: () => () => undefined,
  },
  mask: (profiles) =>
    compileMask(
      policy.source.maskingProfiles.filter(({ name }) => profiles.includes(name)),
      new Uint8Array(32),
    ),
  authorize({ action }) {
    const verdict = policy.evaluate(action, 0)
    if (verdict.kind === 'deny') return Promise.resolve({ ...verdict, kind: 'refuse' })
    if (verdict.kind === 'approve')
      return Promise.resolve({ kind: 'refuse', reason: 'ApprovalDenied', message: 'nobody approves' })
    return Promise.resolve({ kind: 'pass', effects: verdict.effects, rule: verdict.rule, requestSeq: 1 })
  },
}

let sql: SqlClassifier
beforeAll(async () => {
  sql = await loadSqlParser()
})

interface Outcome {
  readonly executed: readonly string[]
  readonly received: Buffer
}

/** Rounds of the event loop that any sequence of these tests has done its work in. */
const maxRounds = 3000

/** Sends the chunks through a session to the model, until the client has read `until`. */
async function converse(chunks: readonly Buffer[], until: string): Promise<Outcome> {
  const [clientSide, client] = duplexPair()
  const [server, serverSide] = duplexPair()
  const model = new ModelServer(serverSide, effects)
  const names = createPreparedNames()
  const signal = new AbortController()
  const judge = createJudge({
    engine,
    sql,
    connectionId: 'c1',
    target: { host: 'db.test', port: 5432 },
    database: 'shop',
    user: 'agent',
    heldNoticeMs: 1000,
    tellClient: () => undefined,
    signal: signal.signal,
  })
  const column = (table: string, name: string) => ({ schema: 'public', table, columns: new Map([[1, name]]) })
  const tables = new Map([
    [openOid, column('open', 'x')],
    [secretOid, column('secret', 'email')],
    [notesOid, column('notes', 'note')],
  ])
  const pump = createServerPump({
    recorder: engine.recorder,
    client,
    reader: createFrameReader(server),
    catalog: { load: () => Promise.resolve(tables) },
    connectionId: 'c1',
    onTransactionEnd: () => names.forgetPortals(),
  })
  let failure: unknown
  const session = runClientSession({ judge, names, pump, client, reader: createFrameReader(client), server })
  for (const work of [model.run(), pump.run(), session]) work.catch((error: unknown) => (failure = error))
  let received = Buffer.alloc(0)
  clientSide.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])))
  for (const chunk of chunks) clientSide.write(chunk)
  for (let round = 0; round < maxRounds && failure === undefined; round++) {
    if (received.includes(until)) break
    await setImmediate()
  }
  for (const stream of [clientSide, client, server, serverSide]) stream.destroy()
  if (failure !== undefined) throw failure as Error
  return { executed: model.executed, received }
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`)
const query = (text: string): Buffer => postgres.encodeQuery(text)
const parse = (name: string, text: string): Buffer =>
  postgres.frame('P', Buffer.concat([cstring(name), cstring(text), Buffer.alloc(2)]))
const bind = (portal: string, statement: string): Buffer =>
  postgres.frame('B', Buffer.concat([cstring(portal), cstring(statement), Buffer.alloc(6)]))
const execute = (portal: string): Buffer => postgres.frame('E', Buffer.concat([cstring(portal), Buffer.alloc(4)]))
const about = (type: 'C' | 'D', kind: string, name: string): Buffer => postgres.frame(type, cstring(kind + name))
const copyData = postgres.frame('d', Buffer.from('1\n'))
const [copyDone, sync, flush] = [postgres.frame('c'), postgres.encodeSync(), postgres.encodeFlush()]
const run = (text: string): Buffer => Buffer.concat([parse('', text), bind('', ''), execute('')])

const texts = fc.constantFrom(...effects.keys(), broken)
/** The server takes them for one name. */
const long = ['x', 'y'].map((end) => 'n'.repeat(63) + end)
const named = fc.constantFrom('s1', ...long)
const name = fc.oneof(fc.constant(''), named)
const portal = fc.constantFrom('', 'p1', ...long)
/** What changes names by SQL. */
const changes = fc.constantFrom(
  ...['begin', 'commit', 'deallocate s1', 'prepare s1 as select email from secret'],
  ...['declare p1 cursor for select email from secret', 'close p1'],
)
/** Fails at the server, which then skips to Sync. */
const fail = about('D', 'S', 'nothing')
const message = fc.oneof(
  { weight: 4, arbitrary: texts.map(query) },
  { weight: 4, arbitrary: texts.map(run) },
  { weight: 6, arbitrary: fc.tuple(name, texts).map(([to, text]) => parse(to, text)) },
  { weight: 6, arbitrary: fc.tuple(portal, name).map(([to, from]) => bind(to, from)) },
  { weight: 6, arbitrary: portal.map(execute) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      name.map((of) => about('D', 'S', of)),
      portal.map((of) => about('D', 'P', of)),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.oneof(
      name.map((of) => about('C', 'S', of)),
      portal.map((of) => about('C', 'P', of)),
    ),
  },
  { weight: 8, arbitrary: fc.constantFrom(sync, flush) },
  { weight: 2, arbitrary: fc.constantFrom(copyData, copyDone, fail) },
  // What a client that means it puts together.
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom('begin', 'commit'), fc.array(changes, { maxLength: 4 }), fc.boolean())
      .map(([before, changed, byPortal]) =>
        Buffer.concat([
          ...[query(before), about('C', 'S', 's1'), parse('s1', 'select x from open'), bind('p1', 's1')],
          ...[...changed.map(run), byPortal ? execute('p1') : Buffer.concat([bind('', 's1'), execute('')]), sync],
        ]),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(named, texts, named, texts, named)
      .map(([first, text, second, other, used]) =>
        Buffer.concat([
          ...[about('C', 'S', first), parse(first, text), sync, about('C', 'S', second), sync],
          ...[parse(second, other), sync, bind('', used), execute(''), sync],
        ]),
      ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(named, texts).map(([to, text]) => Buffer.concat([about('C', 'S', to), parse(to, text), sync])),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(portal, named).map(([to, from]) => Buffer.concat([bind(to, from), execute(to), sync])),
  },
)
/** Leaves COPY, the sequence and the transaction, whatever they are, and asks for one last row. */
const epilogue = [postgres.encodeCopyFail('over'), sync, query('commit'), query('select done from open')]
const lastRow = postgres.encodeDataRow([Buffer.from('done')]).toString('latin1')
const conversation = fc.array(message, { maxLength: 25 }).map((messages) => Buffer.concat([...messages, ...epilogue]))

/** Each makes a name stand for something else at the server than its client let us believe. */
const deceptions: readonly (readonly [string, readonly Buffer[]])[] = [
  [
    'a statement that was not replaced, because the server had failed before',
    [parse('s1', 'update open set x = 1'), sync, fail, about('C', 'S', 's1'), parse('s1', 'select x from open'), sync],
  ],
  [
    'the same, before the server has answered',
    [parse('s1', readSecret), flush, fail, about('C', 'S', 's1'), parse('s1', 'select x from open'), sync],
  ],
  [
    'a statement that the same batch has replaced by SQL',
    [...[parse('s1', 'select x from open'), sync, run('deallocate s1')], run('prepare s1 as select email from secret')],
  ],
  ['a statement that SQL has prepared', [query('prepare s1 as select email from secret')]],
  [
    'a statement that SQL has prepared in the place of another',
    [parse('s1', 'select x from open'), sync, query('deallocate s1'), query('prepare s1 as select email from secret')],
  ],
]
const portalDeceptions: readonly (readonly [string, readonly Buffer[]])[] = [
  [
    'a cursor that the same batch has declared in the place of a portal',
    [
      ...[query('begin'), parse('', 'select x from open'), bind('p1', ''), run('commit'), run('begin')],
      run('declare p1 cursor for select email from secret'),
    ],
  ],
  ['a cursor that SQL has declared', [query('begin'), query('declare p1 cursor for select email from secret')]],
  [
    'a cursor with the name of a portal that went with its transaction',
    [
      parse('', 'select x from open'),
      bind('p1', ''),
      sync,
      query('begin'),
      query('declare p1 cursor for select email from secret'),
    ],
  ],
  [
    'a cursor in the place of a portal that SQL has closed',
    [
      query('begin'),
      parse('', 'select x from open'),
      bind('p1', ''),
      sync,
      query('close p1'),
      query('declare p1 cursor for select email from secret'),
    ],
  ],
]

const [longX = '', longY = ''] = long
/** Names that the server takes for one. */
const longNames: readonly (readonly [string, readonly Buffer[]])[] = [
  [
    'a statement that another long name has replaced',
    [parse(longX, 'select x from open'), sync, about('C', 'S', longY), sync, parse(longY, readSecret), sync].concat([
      bind('', longX),
      execute(''),
      sync,
    ]),
  ],
  [
    'a portal that another long name has replaced',
    [query('begin'), parse('', 'select x from open'), bind(longX, ''), sync, about('C', 'P', longY), sync].concat([
      parse('', readSecret),
      bind(longY, ''),
      sync,
      execute(longX),
      sync,
    ]),
  ],
]

describe('a client cannot have one statement judged and another run', () => {
  test.each([
    ...deceptions.map(([what, before]) => [what, [...before, bind('', 's1'), execute(''), sync]] as const),
    ...portalDeceptions.map(([what, before]) => [what, [...before, execute('p1'), sync]] as const),
    ...longNames,
  ])('%s', async (_what, messages) => {
    const { executed, received } = await converse([Buffer.concat([...messages, ...epilogue])], lastRow)
    expect(executed.filter((text) => forbidden.includes(text))).toEqual([])
    expect(received.includes(secret)).toBe(false)
    expect(received.includes(lastRow)).toBe(true)
  })

  test('replies of COPY are counted right, so that the mask of one statement never misses its rows', async () => {
    const copyBySync = [run('copy open from stdin'), sync, copyData, copyDone, sync]
    const messages = [...copyBySync, query(readSecret), query(readSecret), ...epilogue]
    const { executed, received } = await converse([Buffer.concat(messages)], lastRow)
    expect(executed).toEqual(['copy open from stdin', readSecret, readSecret, 'commit', 'select done from open'])
    expect(received.includes(secret)).toBe(false)
  })
})

describe('a name of a statement or portal that the server would not take as it is', () => {
  test.each([
    ['Parse', parse(longX, 'select x from open')],
    ['Bind of a portal', bind(longX, '')],
    ['Bind of a statement', bind('', longX)],
    ['Describe', about('D', 'S', longX)],
    ['Execute', execute(longX)],
    ['Close', about('C', 'P', longX)],
    ['Parse with letters that the server may not have', parse('\u{20000}', 'select x from open')],
  ])('in %s is refused, and the connection lives', async (_what, message) => {
    const { received } = await converse([Buffer.concat([message, sync, ...epilogue])], lastRow)
    expect(received.toString()).toContain('42601')
    expect(received.includes(lastRow)).toBe(true)
  })

  test('passes up to 63 bytes', async () => {
    const to = 'n'.repeat(63)
    const messages = [parse(to, 'select x from open'), bind(to, to), execute(to), sync]
    const { executed } = await converse([Buffer.concat([...messages, ...epilogue])], lastRow)
    expect(executed).toContain('select x from open')
  })
})

describe('whatever a client sends', () => {
  test('what no rule allows never runs, what is masked never arrives in clear, and the last question is answered', async () => {
    await fc.assert(
      fc.asyncProperty(conversation, async (bytes) => {
        const { executed, received } = await converse([bytes], lastRow)
        expect(executed.filter((text) => forbidden.includes(text))).toEqual([])
        expect(received.includes(secret)).toBe(false)
        expect(received.includes(lastRow)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  test('the server runs the same and the client reads the same however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        conversation.chain((bytes) => fc.tuple(fc.constant(bytes), cutsOf(bytes))),
        async ([bytes, chunks]) => {
          const [whole, cut] = [await converse([bytes], lastRow), await converse(chunks, lastRow)]
          expect(cut.executed).toEqual(whole.executed)
          expect(cut.received.toString('latin1')).toBe(whole.received.toString('latin1'))
        },
      ),
      { numRuns: 200 },
    )
  })
})
