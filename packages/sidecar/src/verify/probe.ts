/**
 * The name under which `verify` looks for the sidecar: it must resolve to a synthetic address and be served with a
 * certificate of the pod's own CA. Never forwarded anywhere, so that nobody can own it (RFC 6761 §6.4).
 */
export const probeName = 'containment-probe.chaperone.invalid'

/** The same as a question has it (RFC 1035 §4.1.2). */
export const probeQuestionName: Buffer = Buffer.concat([
  ...probeName.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
  Buffer.from([0]),
])
