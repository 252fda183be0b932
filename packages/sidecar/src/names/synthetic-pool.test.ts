import { describe, expect, test } from '@jest/globals'
import { createSyntheticPool, isSynthetic } from './synthetic-pool.ts'

const plain = (name: string) => ({ name, aliases: [] })

describe('the pool of synthetic addresses', () => {
  test('a name keeps its address, and the address gives the name back', () => {
    const pool = createSyntheticPool()
    const { v4, v6 } = pool.addressOf(plain('a.test'))
    pool.addressOf(plain('b.test'))
    expect(pool.addressOf(plain('a.test')).v4).toBe(v4)
    expect(pool.nameAt(v4)?.name).toBe('a.test')
    expect(pool.nameAt(v6)?.name).toBe('a.test')
    expect(pool.nameAt(`::ffff:${v4}`)?.name).toBe('a.test')
  })

  test('an address that was never given stands for nothing', () => {
    expect(createSyntheticPool().nameAt('240.240.0.1')).toBeUndefined()
    expect(createSyntheticPool().nameAt('10.0.0.1')).toBeUndefined()
    expect(isSynthetic('240.240.255.255')).toBe(true)
    expect(isSynthetic('240.241.0.1')).toBe(false)
  })

  test('the name that was not asked for longest is forgotten, unless a connection uses it', () => {
    const pool = createSyntheticPool(2)
    const a = pool.addressOf(plain('a')).v4
    const release = pool.hold('a')
    const b = pool.addressOf(plain('b')).v4
    const c = pool.addressOf(plain('c')).v4
    expect([a, b, c].map((address) => pool.nameAt(address)?.name)).toEqual(['a', undefined, 'c'])
    release()
    pool.addressOf(plain('d'))
    expect(pool.nameAt(a)).toBeUndefined()
    expect(pool.size).toBe(2)
  })

  test('an address is used again only after every other one', () => {
    const pool = createSyntheticPool(2)
    const given = new Set(Array.from({ length: 5000 }, (_, index) => pool.addressOf(plain(`n${index}`)).v4))
    expect(given.size).toBe(5000)
  })

  test('aliases add up, within bounds', () => {
    const pool = createSyntheticPool()
    const { v4 } = pool.addressOf({ name: 'a', aliases: ['a.x'] })
    pool.addressOf({ name: 'a', aliases: ['a.y'] })
    expect(pool.nameAt(v4)?.aliases).toEqual(['a.x', 'a.y'])
  })
})
