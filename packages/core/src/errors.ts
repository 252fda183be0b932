/**
 * The base of every declared error. `code` is a literal that callers and tests match on; messages are lower case, name
 * the field and the expected shape, and never contain payload or secrets.
 */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** A peer (agent, client or upstream) broke its protocol. The connection ends; nothing of ours is at fault. */
export class PeerProtocolError<Code extends string = string> extends CodedError<Code> {}

/** The text of anything thrown, for logs: never a stack, never a payload. */
export function errorText(error: unknown): string {
  if (error instanceof CodedError) return `${error.code}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}
