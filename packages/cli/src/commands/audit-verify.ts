import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { AuditParseError, parseExport, verifyExport, type ChainReport } from '@chaperone/audit'
import { agentSessions, clusterFlags, connect, type ClusterOptions } from '../cluster/connect.ts'
import type { Context } from '../context.ts'
import { CommandError, UsageError, whyUnreadable } from '../errors.ts'
import { parseFormat, render, type Format } from '../output/print.ts'

interface Options extends ClusterOptions {
  readonly session?: string
  readonly head: readonly string[]
  readonly allowOpen: boolean
  readonly output: Format
}

export function addAuditVerify(program: Command, context: Context): void {
  const audit = program
    .command('audit')
    .summary('prove the audit trail')
    .addHelpText('after', '\nExample:\n  chaperone audit verify audit.jsonl --session devin -n agents\n')
  clusterFlags(
    audit
      .command('verify')
      .summary('prove that records are whole, or name the first bad one')
      .description(
        'Checks the hash chain of every pod in a file that a collector wrote (OTLP/JSON lines): nothing altered, left out, reordered.\nThat the end was not cut off is proven by the last record of an ended session, by --session (the head in its status), or by --head.',
      )
      .addHelpText(
        'after',
        '\nExample:\n  kubectl logs -n chaperone-system deploy/chaperone-collector | chaperone audit verify - --session devin -n agents\n',
      )
      .argument('<file>', 'exported records; - for standard input')
      .option('--session <name>', 'AgentSession whose status holds the heads')
      .option(
        '--head <pod-uid:seq:hash>',
        'a head noted elsewhere (repeatable)',
        (value: string, list: string[]) => [...list, value],
        [],
      )
      .option('--allow-open', 'accept chains whose end is not proven', false)
      .option('-o, --output <format>', 'table, json or yaml', parseFormat, 'table'),
  ).action(async (file: string, options: Options) => {
    const heads = new Map([
      ...options.head.map(parseHead),
      ...(options.session === undefined ? [] : await statusHeads(context, options.session, options)),
    ])
    const reports = verifyExport(readExport(file), { heads })
    context.out(render(options.output, reports, () => reports.map((report) => describe(report, context)).join('')))
    if (reports.length === 0) throw new CommandError(`${file}: holds no records of chaperone`)
    if (reports.some((report) => report.problem !== undefined)) throw new CommandError('the audit trail is NOT whole')
    if (!options.allowOpen && reports.some((report) => !report.endProven))
      throw new CommandError('the end of a chain is not proven; give --session or --head, or accept it by --allow-open')
  })
}

function readExport(file: string): ReturnType<typeof parseExport> {
  try {
    return parseExport(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    if (error instanceof AuditParseError) throw new CommandError(`${file}: ${error.message}`)
    throw new UsageError(`${file}: ${whyUnreadable(error)}`)
  }
}

function parseHead(text: string): [string, { seq: number; hash: string }] {
  const match = /^([^:]+):(\d+):([0-9a-f]{64})$/.exec(text)
  if (match === null) throw new UsageError(`--head: expected POD-UID:SEQ:HASH; given "${text}"`)
  return [match[1] ?? '', { seq: Number(match[2]), hash: match[3] ?? '' }]
}

/** Only what the collector has confirmed must be in its file; the head itself may still be on its way. */
async function statusHeads(
  context: Context,
  name: string,
  options: Options,
): Promise<[string, { seq: number; hash: string }][]> {
  const { client, namespace } = connect(context, options)
  const session = await client.get(agentSessions, { namespace, name })
  return (session.status?.pods ?? []).map((pod) => [pod.uid, { seq: pod.audit.sequence, hash: pod.audit.head }])
}

function describe(report: ChainReport, { style }: Context): string {
  const { problem } = report
  const chain = `pod ${report.pod} (${report.podUid}), session ${report.session}`
  if (problem !== undefined) {
    const line = problem.line === undefined ? '' : `, line ${problem.line}`
    return `${style('red', 'BAD')}   ${chain}\n      first bad record: ${problem.seq}${line}: ${problem.kind}: ${problem.detail}\n`
  }
  const end = report.endProven ? 'whole to its end' : 'whole as far as it goes; its end is not proven'
  const gaps = report.gaps.map(
    ({ seq, since, until, records }) =>
      `      gap told by record ${seq}: ${records} records from ${since} to ${until} were not kept; the log was full\n`,
  )
  return `${style(report.endProven ? 'green' : 'yellow', report.endProven ? 'WHOLE' : 'OPEN ')} ${chain}\n      ${report.records} records, ${report.first} to ${report.last}: ${end}\n${gaps.join('')}`
}
