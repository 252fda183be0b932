import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseExport, type AuditRecord } from '@chaperone/audit'
import type { Agent } from './agents.ts'
import type { Kubectl } from './cluster.ts'
import { command, type Result } from './command.ts'

const cli = new URL('../../dist/cli/cli.mjs', import.meta.url).pathname

/** What a collector has of one pod: the lines as exported, and the records in them, each once. */
export interface Export {
  readonly lines: readonly string[]
  readonly records: readonly AuditRecord[]
}

export function exportOf(text: string, podUid: string): Export {
  const lines = text.split('\n').filter((line) => line.includes(podUid))
  const entries = lines.length === 0 ? [] : parseExport(lines.join('\n'))
  const records = new Map(entries.flatMap((entry) => ('record' in entry ? [[entry.record.seq, entry.record]] : [])))
  return { lines, records: [...records.values()] }
}

/** From the chart's collector, as the README says. */
export const collected = async (kubectl: Kubectl, { uid }: Pick<Agent, 'uid'>): Promise<Export> =>
  exportOf(await kubectl('logs', '-n', 'chaperone-system', 'deploy/chaperone-collector', '--tail=-1'), uid)

/** `chaperone audit verify`, as a user runs it. */
export async function auditVerify({ lines }: Export, ...args: string[]): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'export-'))
  try {
    const file = join(directory, 'audit.jsonl')
    writeFileSync(file, `${lines.join('\n')}\n`)
    return await command('node', [cli, 'audit', 'verify', file, ...args])
  } finally {
    rmSync(directory, { recursive: true })
  }
}
