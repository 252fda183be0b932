import { CodedError } from '@chaperone/core'

/** Content could not be masked, so that it must not pass. */
export class MaskError extends CodedError<'ERR_MASK_CONTENT' | 'ERR_MASK_LIMIT'> {}
