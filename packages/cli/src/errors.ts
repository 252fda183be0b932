import { CodedError } from '@chaperone/core'

/** The command line or a file is wrong: exit 64 (sysexits.h EX_USAGE). */
export class UsageError extends CodedError<'ERR_USAGE'> {
  constructor(message: string) {
    super('ERR_USAGE', message)
  }
}

/** The command ran, and the answer is no: exit 1. */
export class CommandError extends CodedError<'ERR_COMMAND'> {
  constructor(message: string) {
    super('ERR_COMMAND', message)
  }
}

export const exitUsage = 64
