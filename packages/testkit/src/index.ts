export { cutsOf, mutationsOf } from './cuts.ts'
