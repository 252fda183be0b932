import type { DetectorName } from '@chaperone/api'
import { creditCard } from './credit-card.ts'
import type { Detector } from './detector.ts'
import { emailAddress } from './email-address.ts'
import { iban } from './iban.ts'
import { ipAddress } from './ip-address.ts'
import { phoneNumber } from './phone-number.ts'
import { awsAccessKey, jsonWebToken, prefixedKeys } from './prefixed-keys.ts'
import { privateKey } from './private-key.ts'
import { connectionString, secret } from './secret.ts'
import { usSsn } from './us-ssn.ts'

const all: readonly Detector[] = [
  privateKey,
  connectionString,
  jsonWebToken,
  awsAccessKey,
  ...prefixedKeys,
  emailAddress,
  creditCard,
  iban,
  usSsn,
  phoneNumber,
  ipAddress,
  secret,
]

/** Every built-in detector by name; where two claim the same place, the longer match wins, then the earlier here. */
export const detectors: ReadonlyMap<DetectorName, Detector> = new Map(all.map((detector) => [detector.name, detector]))
