import { isReserved, type Container, type PodSpec } from './pod.ts'

/** Ports that peers may connect to: declared TCP ports, and what probes and hooks name, which the node calls, of everything of the agent that keeps running. */
export function inboundPorts({ containers, initContainers = [] }: PodSpec): number[] {
  const running = initContainers.filter(({ name, restartPolicy }) => !isReserved(name) && restartPolicy === 'Always')
  return [...containers, ...running].flatMap(portsOf)
}

function portsOf(container: Container): number[] {
  const declared = (container.ports ?? [])
    .filter((port) => (port.protocol ?? 'TCP') === 'TCP')
    .map((port) => port.containerPort)
  const probes = [container.livenessProbe, container.readinessProbe, container.startupProbe]
  const called = [...probes, container.lifecycle?.postStart, container.lifecycle?.preStop].flatMap((handler) => [
    handler?.httpGet?.port,
    handler?.tcpSocket?.port,
  ])
  const grpc = probes.map((probe) => probe?.grpc?.port)
  return [...declared, ...[...called, ...grpc].filter((port) => typeof port === 'number')]
}
