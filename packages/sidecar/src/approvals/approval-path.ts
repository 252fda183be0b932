/** What the sidecar answers itself, on any host (RFC 8615). */
export const ownPrefix = '/.well-known/chaperone/'

/** Where an agent can wait for the decision, on the host that it spoke to. Shorter than clients wait for a head. */
export const approvalPath = (name: string): string => `${ownPrefix}approvals/${name}?wait=55s`
