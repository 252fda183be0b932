import { expect, test } from '@jest/globals'
import { MaskError } from '@chaperone/mask'
import type { PolicyHolder } from './engine.ts'
import { createMaskCache } from './mask-cache.ts'

const holding = (...profiles: string[]): PolicyHolder =>
  ({
    current: {
      source: {
        hash: 'h',
        maskingProfiles: profiles.map((name) => ({
          name,
          detect: [],
          fields: [],
          columns: [],
          replace: { strategy: 'Redact' },
        })),
      },
    },
  }) as unknown as PolicyHolder

test('a profile that the policy in force does not have is never taken for no mask', () => {
  const masks = createMaskCache(holding('pii'), new Uint8Array(32))
  expect(masks.get([])).toBeUndefined()
  expect(masks.get(['pii'])).toBeDefined()
  expect(() => masks.get(['pii', 'gone'])).toThrow(MaskError)
  expect(() => masks.get(['gone'])).toThrow(MaskError)
})
