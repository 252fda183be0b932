export { MaskError } from './errors.ts'
export { compileMask, createTally, type ColumnRule, type Finding, type Mask, type Tally } from './mask.ts'
export { bodyKind, createBodyMasker, type BodyKind, type BodyMasker } from './body/body-masker.ts'
export { maskForm } from './body/form-masker.ts'
