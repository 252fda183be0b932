/** Ports of the sidecar inside the pod. The rule set, the sidecar and the injector agree on them here. */
export const sidecarPorts = {
  /** Redirected TCP; loopback only. */
  transparent: 15001,
  /** Clients that were told of a proxy, where there is no redirect; loopback only. */
  proxy: 15002,
  /** Redirected DNS, UDP and TCP; loopback only. */
  dns: 15053,
  /** A sample of the datagrams that may not leave, those to the port of QUIC apart; loopback only. */
  quic: 15055,
  udp: 15054,
  /** Probes and metrics; every interface. */
  health: 15021,
} as const
