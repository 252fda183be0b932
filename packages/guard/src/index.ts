export { sidecarPorts } from './ports.ts'
export { podRules, type PodRules } from './pod-rules.ts'
export { laptopRules } from './laptop-rules.ts'
