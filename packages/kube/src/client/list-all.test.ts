import { describe, expect, test } from '@jest/globals'
import { configMap, configMaps, createScriptedClient } from '../../test/scripted-client.ts'
import { KubeApiError } from '../errors.ts'
import { listAll } from './list-all.ts'

const page = (names: string[], continueToken?: string) => ({
  items: names.map((name) => configMap(name, '1')),
  resourceVersion: '5',
  ...(continueToken === undefined ? {} : { continueToken }),
})

describe('a whole list', () => {
  test('is read in pages of 500', async () => {
    const client = createScriptedClient({ lists: [page(['a', 'b'], 'token'), page(['c'])], watches: [] })
    const all = await listAll(client, configMaps, { namespace: 'default' })
    expect(all.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c'])
    expect(all.resourceVersion).toBe('5')
    expect(client.listsAsked).toEqual([
      { namespace: 'default', limit: 500 },
      { namespace: 'default', limit: 500, continueToken: 'token' },
    ])
  })

  test('is read once more in one piece when its moment is gone', async () => {
    const gone = new KubeApiError('ERR_KUBE_GONE', 'the provided continue parameter is too old')
    const client = createScriptedClient({ lists: [page(['a'], 'token'), gone, page(['a', 'b'])], watches: [] })
    const all = await listAll(client, configMaps)
    expect(all.items).toHaveLength(2)
    expect(client.listsAsked.at(-1)).toEqual({})
  })

  test('reads no further than its limit', async () => {
    const client = createScriptedClient({ lists: [page(['a', 'b'], 'token'), page(['c'])], watches: [] })
    expect((await listAll(client, configMaps, { maxItems: 1 })).items).toHaveLength(2)
    expect(client.listsAsked).toHaveLength(1)
  })
})
