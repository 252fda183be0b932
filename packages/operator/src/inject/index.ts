export { inject, isInjected } from './inject.ts'
export { refusals } from './refusals/refusals.ts'
export type { Container, Pod } from './pod.ts'
export type { InjectSettings } from './settings.ts'
