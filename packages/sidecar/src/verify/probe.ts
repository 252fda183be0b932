/**
 * The name under which `verify` looks for the sidecar: it must resolve to a synthetic address and be served with a
 * certificate of the pod's own CA. Never forwarded anywhere, so that nobody can own it (RFC 6761 §6.4).
 */
export const probeName = 'containment-probe.chaperone.invalid'
