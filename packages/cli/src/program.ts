import { basename } from 'node:path'
import { Command, CommanderError } from 'commander'
import { CodedError, systemClock, systemRandom } from '@chaperone/core'
import { KubeConfigError, KubeNameError } from '@chaperone/kube'
import { addApprovals } from './commands/approvals.ts'
import { addAuditVerify } from './commands/audit-verify.ts'
import { addCompletion } from './commands/completion.ts'
import { addDecide } from './commands/decide.ts'
import { addExplain } from './commands/explain.ts'
import { addLog } from './commands/log.ts'
import { addRun } from './commands/run.ts'
import { addVersion } from './commands/version.ts'
import { readSettings } from './config.ts'
import type { Context } from './context.ts'
import { exitUsage, UsageError } from './errors.ts'
import { createStyle } from './output/style.ts'
import { programVersion } from './version.ts'

const settings = readSettings()
const plugin = basename(process.argv[1] ?? '').startsWith('kubectl')
const context: Context = {
  settings,
  clock: systemClock,
  random: systemRandom,
  plugin,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  style: createStyle(process.stderr.isTTY && process.stdout.isTTY ? process.stderr : {}, settings.noColor),
}

const program = new Command(plugin ? 'kubectl chaperone' : 'chaperone')
  .description('See, mask, hold and record what AI agents do.')
  .version(programVersion)
  .enablePositionalOptions()
  .passThroughOptions()
  .showHelpAfterError('(add --help for what is possible)')
  .addHelpText(
    'after',
    `
Examples:
  chaperone run -f session.yaml -- claude -p "fix the failing test"    an agent on this machine, watched
  chaperone approvals                                                  what waits for a person
  chaperone approve NAME --reason "agreed with Ada"                    let it pass, once
  chaperone log                                                        what the last run did
  chaperone explain -f session.yaml GET https://api.example.com/v1     what a session file decides, and why`,
  )
  .exitOverride()
for (const add of [addRun, addApprovals, addDecide, addLog, addAuditVerify, addExplain, addVersion, addCompletion])
  add(program, context)

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitUsage
  else {
    const text = error instanceof CodedError ? error.message : error instanceof Error ? error.message : String(error)
    context.err(`${context.style('red', 'error')}: ${text}\n`)
    process.exitCode =
      error instanceof UsageError || error instanceof KubeConfigError || error instanceof KubeNameError ? exitUsage : 1
  }
}
// Handed-over listeners and channels keep the loop alive; everything that had to be done is done.
process.exit()
