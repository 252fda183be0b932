import { CodedError, type DenialReason } from '@chaperone/core'
import type { Refusal } from './engine/engine.ts'

/** The environment does not say what the program needs; every problem at once. */
export class ConfigError extends CodedError<'ERR_CONFIG'> {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super('ERR_CONFIG', problems.join('; '))
    this.problems = problems
  }
}

/** The upstream could not be reached, may not be reached, or is not who it should be. */
export class UpstreamError extends CodedError<'ERR_UPSTREAM'> {
  readonly reason: DenialReason

  constructor(reason: DenialReason, message: string, options?: ErrorOptions) {
    super('ERR_UPSTREAM', message, options)
    this.reason = reason
  }
}

/** What had passed may not go on: the policy came to deny it before it began. */
export class DeniedError extends CodedError<'ERR_DENIED'> {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super('ERR_DENIED', refusal.message)
    this.refusal = refusal
  }
}

/** A Secret's value could not be read; the message names the Secret and key. */
export class CredentialError extends CodedError<'ERR_CREDENTIAL_UNAVAILABLE'> {}

/** The director did not answer, refused, or answered with something else than its protocol. */
export class ControlError extends CodedError<
  'ERR_CONTROL_UNAVAILABLE' | 'ERR_CONTROL_REFUSED' | 'ERR_CONTROL_MALFORMED'
> {}

/** The pod is not what the sidecar needs: a port is taken, a directory cannot be written. */
export class EnvironmentError extends CodedError<'ERR_ENVIRONMENT'> {}
