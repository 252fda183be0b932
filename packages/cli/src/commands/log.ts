import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseExport, type AuditRecord } from '@chaperone/audit'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'
import { listRuns, runFiles } from '../local/runs.ts'
import { parseFormat, render, type Format } from '../output/print.ts'

export function addLog(program: Command, context: Context): void {
  program
    .command('log')
    .summary('show the timeline of a run')
    .description('Shows what an agent did, in order, across every protocol: each action, the decision on it and why.')
    .addHelpText('after', '\nExamples:\n  chaperone log\n  chaperone log audit.jsonl --all -o wide\n')
    .argument('[run]', 'name of a run, or a file with exported records; default: the last run')
    .option('--all', 'also connections, DNS and checkpoints', false)
    .option('-o, --output <format>', 'table, wide, json or yaml', parseFormat, 'table')
    .action((run: string | undefined, options: { output: Format; all: boolean }) => {
      const file = auditFile(context, run)
      const records = readRecords(file).filter((record) => options.all || !quiet.has(record.kind))
      context.out(
        render(options.output, records, (wide) => records.map((record) => line(record, wide, context)).join('')),
      )
      if (file !== run) context.err(`${context.style('dim', 'records')} ${file}\n`)
    })
}

/** Kinds that only tell how something was done. */
const quiet = new Set<AuditRecord['kind']>([
  'checkpoint',
  'dns',
  'connection.opened',
  'connection.closed',
  'credential.injected',
  'masked',
])

function auditFile({ settings }: Context, run: string | undefined): string {
  const name = run ?? listRuns(settings.stateDir).at(-1)?.name
  if (name === undefined) throw new UsageError('there are no runs yet: chaperone run -f session.yaml -- <command>')
  const file = existsSync(name) ? name : runFiles(settings.stateDir, name).audit
  if (!existsSync(file)) throw new UsageError(`${name}: neither a run nor a file`)
  return file
}

function readRecords(file: string): AuditRecord[] {
  return parseExport(readFileSync(file, 'utf8')).flatMap((entry) => ('broken' in entry ? [] : [entry.record]))
}

function line(record: AuditRecord, wide: boolean, { style }: Context): string {
  const time = new Date(Number(BigInt(record.time) / 1_000_000n)).toISOString().slice(11, 23)
  const { mark, text } = describe(record, style)
  return `${style('dim', time)} ${mark} ${text}${wide ? style('dim', `  #${record.seq} ${record.hash.slice(0, 12)}`) : ''}\n`
}

function describe(record: AuditRecord, style: Context['style']): { mark: string; text: string } {
  const value = (name: string) => String(record.attributes[name] ?? '')
  const rule = value('security_rule.name') === '' ? '' : style('dim', ` (${value('security_rule.name')})`)
  switch (record.kind) {
    case 'request':
    case 'query': {
      const what =
        record.kind === 'query' ? value('db.query.text') : `${value('http.request.method')} ${value('url.full')}`
      const decision = value('chaperone.decision')
      if (decision === 'allow' || decision === 'approve') return { mark: style('green', '→'), text: `${what}${rule}` }
      const reason = value('chaperone.reason')
      // Told to wait is not turned away.
      const [mark, colour] = reason === 'ApprovalPending' ? (['?', 'yellow'] as const) : (['✗', 'red'] as const)
      return { mark: style(colour, mark), text: `${what} ${style(colour, reason)}${rule}` }
    }
    case 'response':
      return {
        mark: '←',
        text: `${value('http.response.status_code')}, ${value('http.response.body.size')} bytes${maskNote(record, style)}`,
      }
    case 'result':
      return {
        mark: '←',
        text: `${value('chaperone.db.command') || value('db.response.status_code')}, ${value('db.response.returned_rows')} rows${maskNote(record, style)}`,
      }
    case 'message':
      return {
        mark: value('network.io.direction') === 'transmit' ? style('green', '→') : '←',
        text: `${value('chaperone.message.opcode')} message, ${value('chaperone.message.size')} bytes${maskNote(record, style)}`,
      }
    case 'passthrough':
      return {
        mark: value('chaperone.decision') === 'allow' ? style('green', '→') : style('red', '✗'),
        text: `TLS to ${value('server.address')}:${value('server.port')}, unread${rule}`,
      }
    case 'approval.requested':
      return { mark: style('yellow', '?'), text: `approval ${value('chaperone.approval.id')} asked${rule}` }
    case 'approval.decided':
      return {
        mark: style('yellow', '!'),
        text: `approval ${value('chaperone.approval.id')} ${value('chaperone.approval.outcome')} ${value('chaperone.approval.approver') === '' ? '' : `by ${value('chaperone.approval.approver')}`}`,
      }
    case 'connection.blocked':
      return {
        mark: style('red', '✗'),
        text: `connection to ${value('server.address')}:${value('server.port')} ${value('chaperone.reason')}`,
      }
    default:
      return { mark: style('dim', '·'), text: record.kind }
  }
}

function maskNote(record: AuditRecord, style: Context['style']): string {
  const count = Number(record.attributes['chaperone.mask.count'] ?? 0)
  const detectors = record.attributes['chaperone.mask.detectors']
  return count === 0
    ? ''
    : style('cyan', `, ${count} masked (${Array.isArray(detectors) ? [...new Set(detectors)].join(', ') : ''})`)
}
