export { startProgram, type ChildProgram } from './child-program.ts'
export { clusterProgram } from './cluster-program.ts'
export { cutsOf, mutationsOf } from './cuts.ts'
export { createFakeClock, createFakeRandom, type FakeClock } from './fake-clock.ts'
export { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
export { freePorts } from './free-ports.ts'
export {
  startKubeApiserver,
  type KubeAnswer,
  type KubeApiserver,
  type KubeApiserverOptions,
  type KubeCall,
} from './kube-apiserver.ts'
export { type Frame } from './pod-sandbox/frame.ts'
export {
  createPodSandbox,
  knowGateway,
  root,
  sandboxAddresses,
  type Identity,
  type PodSandbox,
} from './pod-sandbox/pod-sandbox.ts'
export { limitMemory } from './pod-sandbox/memory-limit.ts'
export { type Outcome, type PythonActor } from './pod-sandbox/python-actor.ts'
export { createTestAuthority, type TestAuthority } from './test-authority.ts'
