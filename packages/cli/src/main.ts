#!/usr/bin/env node
// Asks for the version before anything is loaded that an older Node cannot load.
const oldestMajor = 24

if (Number.parseInt(process.version.slice(1)) >= oldestMajor) await import('./program.ts')
else {
  process.stderr.write(`chaperone needs Node ${oldestMajor} or newer; this is ${process.version}\n`)
  process.exitCode = 1
}
