import type { DetectorName } from '@chaperone/api'
import { awsAccessKey } from './aws-access-key.ts'
import { azureKey } from './azure-key.ts'
import { connectionString } from './connection-string.ts'
import { creditCard } from './credit-card.ts'
import type { Detector } from './detector.ts'
import { emailAddress } from './email-address.ts'
import { iban } from './iban.ts'
import { ipAddress } from './ip-address.ts'
import { jsonWebToken } from './json-web-token.ts'
import { macAddress } from './mac-address.ts'
import { phoneNumber } from './phone-number.ts'
import { prefixedKeys } from './prefixed-keys.ts'
import { privateKey } from './private-key.ts'
import { secret } from './secret.ts'
import { usSsn } from './us-ssn.ts'

/** Every built-in detector; where two claim the same place, the longer match wins, then the earlier here. */
export const allDetectors: readonly Detector[] = [
  privateKey,
  connectionString,
  jsonWebToken,
  awsAccessKey,
  azureKey,
  ...prefixedKeys,
  emailAddress,
  creditCard,
  iban,
  usSsn,
  phoneNumber,
  ipAddress,
  macAddress,
  secret,
]

export const detectors: ReadonlyMap<DetectorName, Detector> = new Map(
  allDetectors.map((detector) => [detector.name, detector]),
)
