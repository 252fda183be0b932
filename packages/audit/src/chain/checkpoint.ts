import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto'
import type { AuditDraft, AuditRecord } from '../record/audit-record.ts'

/** Ed25519 (RFC 8032), made in the sidecar; the public half is recorded when the pod binds. */
export interface SigningKey {
  readonly privateKey: KeyObject
  /** SPKI in base64. */
  readonly publicKey: string
}

export function generateSigningKey(): SigningKey {
  return signingKey(generateKeyPairSync('ed25519').privateKey)
}

/** From PKCS #8 PEM, as `exportSigningKey` gives it. */
export function importSigningKey(pem: string): SigningKey {
  return signingKey(createPrivateKey(pem))
}

export function exportSigningKey(key: SigningKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function signingKey(privateKey: KeyObject): SigningKey {
  return {
    privateKey,
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64'),
  }
}

const attribute = {
  seq: 'chaperone.checkpoint.seq',
  hash: 'chaperone.checkpoint.hash',
  signature: 'chaperone.checkpoint.signature',
} as const

const signed = (seq: number, hash: string): Buffer => Buffer.from(`chaperone-checkpoint:${seq}:${hash}`)

/** A record that signs the chain up to `head`. */
export function checkpointDraft(key: SigningKey, head: { readonly seq: number; readonly hash: string }): AuditDraft {
  const signature = sign(null, signed(head.seq, head.hash), key.privateKey).toString('base64')
  return {
    kind: 'checkpoint',
    attributes: { [attribute.seq]: head.seq, [attribute.hash]: head.hash, [attribute.signature]: signature },
  }
}

/** Whether a checkpoint record signs what it stands behind: the record before it. */
export function isCheckpointValid(record: AuditRecord, publicKey: string): boolean {
  const { [attribute.seq]: seq, [attribute.hash]: hash, [attribute.signature]: signature } = record.attributes
  if (seq !== record.seq - 1 || hash !== record.prevHash || typeof signature !== 'string') return false
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), type: 'spki', format: 'der' })
    return verify(null, signed(seq, hash), key, Buffer.from(signature, 'base64'))
  } catch {
    return false
  }
}
