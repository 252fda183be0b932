import { pino } from 'pino'
import { errorText, systemClock, systemRandom } from '@chaperone/core'
import { ConfigError, parseConfig, type Config } from './config.ts'
import { runOperator } from './operator.ts'

/** sysexits.h EX_CONFIG is 78; the project answers wrong configuration with EX_USAGE. */
const exitUsage = 64

function config(): Config {
  try {
    return parseConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`chaperone-operator: ${error.message}\n`)
    process.exit(exitUsage)
  }
}

const settings = config()
const log = pino({ level: settings.logLevel, base: { pod: settings.podName } })
const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
try {
  await runOperator({ config: settings, clock: systemClock, random: systemRandom, log }, stop.signal)
} catch (error) {
  if (!stop.signal.aborted) {
    log.fatal({ error: errorText(error) }, 'operator failed')
    process.exitCode = 1
  }
}
process.exit()
