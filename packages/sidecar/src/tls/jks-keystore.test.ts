import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { encodeJks } from './jks-keystore.ts'

test('a key store is what keytool writes, byte for byte', () => {
  const store = encodeJks([{ alias: 'a', der: Buffer.from([0x30, 0x00]) }], 'changeit', 1)
  const body = ['feedfeed 00000002 00000001', '00000002 0001 61 0000000000000001 0005 582e353039 00000002 3000']
    .join('')
    .replaceAll(' ', '')
  expect(store.subarray(0, -20).toString('hex')).toBe(body)
  const password = Buffer.from('\0c\0h\0a\0n\0g\0e\0i\0t')
  const seal = createHash('sha1').update(password).update('Mighty Aphrodite').update(Buffer.from(body, 'hex')).digest()
  expect(store.subarray(-20)).toEqual(seal)
})
