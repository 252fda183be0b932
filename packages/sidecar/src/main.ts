#!/usr/bin/env node
import { errorText, systemClock, systemRandom } from '@chaperone/core'
import { pino, type Logger } from 'pino'
import { parseConfig, processEnvironment } from './config.ts'
import { ConfigError } from './errors.ts'
import { startSidecar } from './sidecar.ts'
import { version } from './version.ts'

/** sysexits.h */
const exitCodes = { ok: 0, failure: 1, usage: 64 } as const

const print = (line: string): void => void process.stderr.write(`${line}\n`)

async function main(command: string): Promise<number> {
  switch (command) {
    case 'sidecar':
      return runSidecar()
    case 'version':
      process.stdout.write(`${version}\n`)
      return exitCodes.ok
    default:
      print(`unknown command "${command}": expected sidecar or version`)
      return exitCodes.usage
  }
}

/** Runs until it is told to stop: by SIGTERM, SIGINT, or the end of the parent that handed over the listeners. */
async function runSidecar(): Promise<number> {
  const config = parseConfig(processEnvironment)
  const log = pino({ level: config.logLevel, base: { version } })
  survive(log)
  const told = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
    if (config.inherit) process.once('disconnect', () => resolve('the parent is gone'))
  })
  const sidecar = await startSidecar(config, { clock: systemClock, random: systemRandom, log }, process)
  log.info({ health: sidecar.health?.address }, 'listening')
  log.info({ because: await told }, 'stopping')
  await sidecar.stop()
  return exitCodes.ok
}

/** A promise that nobody awaits must not be a way for the agent to stop the sidecar; anything thrown elsewhere is a bug. */
function survive(log: Logger): void {
  process.on('unhandledRejection', (reason) => log.error({ error: errorText(reason) }, 'unhandled rejection'))
  process.on('uncaughtException', (error) => {
    log.fatal({ error: errorText(error), stack: error.stack }, 'uncaught exception')
    process.exit(exitCodes.failure)
  })
}

try {
  process.exitCode = await main(process.argv[2] ?? 'sidecar')
} catch (error) {
  if (error instanceof ConfigError) for (const problem of error.problems) print(problem)
  else print(errorText(error))
  process.exitCode = error instanceof ConfigError ? exitCodes.usage : exitCodes.failure
}
// Whatever is still open, all that had to be kept is on disk by now.
process.exit()
