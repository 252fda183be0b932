import { describe, expect, test } from '@jest/globals'
import { configMap } from '../../test/scripted-client.ts'
import { createStore, type WritableStore } from './store.ts'
import type { ConfigMap } from '../../test/scripted-client.ts'

const colours = (object: ConfigMap): string[] => object.data?.['colours']?.split(',') ?? []
const newStore = (): WritableStore<ConfigMap> => createStore({ colour: colours }, 3)
const names = (objects: ConfigMap[]): (string | undefined)[] => objects.map(({ metadata }) => metadata.name).sort()

describe('a store', () => {
  test('finds objects by key, namespace and index', () => {
    const store = newStore()
    store.set(configMap('a', '1', { colours: 'red,blue' }))
    store.set(configMap('b', '1', { colours: 'red' }))
    expect(store.get('default/a')?.metadata.name).toBe('a')
    expect(store.get('a')).toBeUndefined()
    expect(names(store.list('default'))).toEqual(['a', 'b'])
    expect(store.list('other')).toEqual([])
    expect(names(store.byIndex('colour', 'red'))).toEqual(['a', 'b'])
    expect(names(store.byIndex('colour', 'blue'))).toEqual(['a'])
  })

  test('moves an object between the values of an index', () => {
    const store = newStore()
    store.set(configMap('a', '1', { colours: 'red' }))
    store.set(configMap('a', '2', { colours: 'blue' }))
    expect(store.byIndex('colour', 'red')).toEqual([])
    expect(names(store.byIndex('colour', 'blue'))).toEqual(['a'])
    store.delete(configMap('a', '3'))
    expect(store.byIndex('colour', 'blue')).toEqual([])
    expect(store.size).toBe(0)
  })

  test('an index that was not declared is a mistake', () => {
    expect(() => newStore().byIndex('shape', 'round')).toThrow(RangeError)
  })

  test('tells what a change did, and nothing for the version it has', () => {
    const store = newStore()
    const first = configMap('a', '1')
    const second = configMap('a', '2')
    expect(store.set(first)).toEqual({ type: 'added', object: first })
    expect(store.set(configMap('a', '1'))).toBeUndefined()
    expect(store.set(second)).toEqual({ type: 'updated', object: second, previous: first })
    expect(store.delete(second)).toEqual({ type: 'deleted', object: second })
    expect(store.delete(second)).toBeUndefined()
  })

  test('an object made anew under the same name is another object', () => {
    const store = newStore()
    const old = configMap('a', '1')
    store.set(old)
    const anew = { ...old, metadata: { ...old.metadata, uid: 'another' } }
    expect(store.set(anew)).toMatchObject({ type: 'updated', previous: { metadata: { uid: 'uid-a' } } })
  })

  test('replacing tells only the differences', () => {
    const store = newStore()
    for (const name of ['same', 'changed', 'gone']) store.set(configMap(name, '1'))
    const changes = store.replace([configMap('same', '1'), configMap('changed', '2'), configMap('new', '3')])
    expect(changes.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['deleted', 'gone'],
      ['updated', 'changed'],
      ['added', 'new'],
    ])
  })

  test('holds no more than its limit', () => {
    const store = newStore()
    for (const name of ['a', 'b', 'c']) store.set(configMap(name, '1'))
    expect(() => store.set(configMap('d', '1'))).toThrow('at most 3 objects')
    store.set(configMap('c', '2'))
    expect(() => store.replace(['a', 'b', 'c', 'd'].map((name) => configMap(name, '1')))).toThrow('at most 3 objects')
    expect(names(store.list())).toEqual(['a', 'b', 'c'])
  })
})
